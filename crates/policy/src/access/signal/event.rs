//! One event, read from JSON.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::access::{
    Code, Refusal, Target,
    json::{Fields, MAX_NAME, MAX_TEXT, whole_second},
    protected::read_target,
    refusal::shown,
    selector::written,
};

/// Longest expiration: ten years of 365 days, in seconds.
const MAX_EXPIRATION: i64 = 10 * 365 * 86_400;

/// What an event wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Block,
    Unblock,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) action: Action,
    pub(super) target: Target,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) confirm_share: Option<f64>,
}

const FIELDS: [&str; 9] = [
    "type",
    "action",
    "ip",
    "asn",
    "country",
    "expiration",
    "name",
    "description",
    "confirm_share",
];

impl Event {
    pub(super) fn read(value: &Value, now: Timestamp) -> Result<Self, Refusal> {
        let fields = Fields::of(value, "", &FIELDS)?;
        if fields.get("type").and_then(Value::as_str) != Some("access_rules") {
            let found = found(fields.get("type"));
            let message = format!("type is {found}; it is \"access_rules\"");
            return Err(Refusal::new(Code::BadType, "type", message));
        }
        let action = match fields.get("action").and_then(Value::as_str) {
            Some("block") => Action::Block,
            Some("unblock") => Action::Unblock,
            _ => {
                let found = found(fields.get("action"));
                let message =
                    format!("action is {found}; it is block or unblock");
                return Err(Refusal::new(Code::BadAction, "action", message));
            }
        };
        Ok(Self {
            action,
            expires_at: expiry(&fields, now)?,
            target: read_target(&fields)?,
            name: fields.text("name", MAX_NAME)?.unwrap_or_default(),
            description: fields
                .text("description", MAX_TEXT)?
                .unwrap_or_default(),
            confirm_share: fields.share("confirm_share")?,
        })
    }
}

fn found(value: Option<&Value>) -> String {
    match value {
        None => "missing".to_owned(),
        Some(value) => format!("`{}`", shown(&written(value))),
    }
}

fn expiry(
    fields: &Fields<'_>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Refusal> {
    let Some(value) = fields.get("expiration") else { return Ok(None) };
    let seconds = value.as_i64().filter(|s| (1..=MAX_EXPIRATION).contains(s));
    let moment = seconds.and_then(|seconds| {
        whole_second(now).checked_add(SignedDuration::from_secs(seconds)).ok()
    });
    moment.map(Some).ok_or_else(|| {
        Refusal::new(
            Code::BadExpiration,
            "expiration",
            format!(
                "expiration is {}; it is a whole number of seconds from 1 to \
                 {MAX_EXPIRATION} (ten years), or absent for ever",
                found(Some(value))
            ),
        )
    })
}
