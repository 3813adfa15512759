//! A protected entry: what no feed of the organisation may name, with the
//! reason.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    json::{Fields, MAX_TEXT, whole_second},
    refusal::{Code, Refusal},
    selector::{Target, read_asn, read_country, read_prefix},
};

/// Something that no feed may name, as it is kept and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct Protected {
    /// Its name for programs.
    pub id: Uuid,
    /// What is protected.
    pub target: Target,
    /// Why.
    pub reason: String,
    /// From this moment on it is not.
    pub expires_at: Option<Timestamp>,
    /// Who says so.
    pub source: ProtectedSource,
    /// Since when.
    pub created_at: Timestamp,
}

/// Who protects.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum ProtectedSource {
    /// Somebody who wrote it.
    Operator,
    /// An unblock signal inside a larger block.
    Unblock,
    /// Critical Internet: root servers, public resolvers.
    Builtin,
    /// The whitelist of networks.
    Whitelist,
    /// An address that polls the feed.
    Poller,
}

impl ProtectedSource {
    /// Every source with its name.
    pub const VALUES: [(Self, &'static str); 5] = [
        (Self::Operator, "operator"),
        (Self::Unblock, "unblock"),
        (Self::Builtin, "builtin"),
        (Self::Whitelist, "whitelist"),
        (Self::Poller, "poller"),
    ];

    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }
}

/// The JSON of an entry: one of `ip`, `asn`, `country` beside the rest.
#[derive(Serialize, Deserialize)]
struct Form {
    id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    reason: String,
    expires_at: Option<Timestamp>,
    source: ProtectedSource,
    created_at: Timestamp,
}

impl From<Protected> for Form {
    fn from(entry: Protected) -> Self {
        let (mut ip, mut asn, mut country) = (None, None, None);
        match entry.target {
            Target::Ip(prefix) => ip = Some(prefix.to_string()),
            Target::Asn(number) => asn = Some(number.to_string()),
            Target::Country(code) => country = Some(code.to_string()),
        }
        Self {
            id: entry.id,
            ip,
            asn,
            country,
            reason: entry.reason,
            expires_at: entry.expires_at,
            source: entry.source,
            created_at: entry.created_at,
        }
    }
}

impl TryFrom<Form> for Protected {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        let target = match (&form.ip, &form.asn, &form.country) {
            (Some(ip), None, None) => ip.parse().ok().map(Target::Ip),
            (None, Some(asn), None) => asn.parse().ok().map(Target::Asn),
            (None, None, Some(code)) => code.parse().ok().map(Target::Country),
            _ => None,
        };
        Ok(Self {
            target: target.ok_or("not exactly one ip, asn or country")?,
            id: form.id,
            reason: form.reason,
            expires_at: form.expires_at,
            source: form.source,
            created_at: form.created_at,
        })
    }
}

/// The three ways to name one thing.
pub(super) const TARGETS: [&str; 3] = ["ip", "asn", "country"];

/// Reads exactly one of `ip`, `asn`, `country`.
pub(super) fn read_target(fields: &Fields<'_>) -> Result<Target, Refusal> {
    let given: Vec<&str> =
        TARGETS.into_iter().filter(|name| fields.get(name).is_some()).collect();
    let [name] = given[..] else {
        let found = match given.len() {
            0 => "none is there".to_owned(),
            _ => format!("{} are there", given.join(" and ")),
        };
        return Err(Refusal::new(
            Code::BadSelector,
            "",
            format!("exactly one of ip, asn and country is expected; {found}"),
        ));
    };
    let value = fields.get(name).unwrap_or(&Value::Null);
    match name {
        "ip" => read_prefix(value, name).map(Target::Ip),
        "asn" => read_asn(value, name).map(Target::Asn),
        _ => read_country(value, name).map(Target::Country),
    }
}

/// A protected entry as it is sent, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct ProtectedDraft {
    /// What is protected.
    pub target: Target,
    /// Why.
    pub reason: String,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

impl ProtectedDraft {
    /// Reads `{"ip" | "asn" | "country", "reason", "expires_at"?}`.
    ///
    /// # Errors
    /// The first field that cannot be read; a reason that is missing.
    pub fn read(value: &Value, now: Timestamp) -> Result<Self, Refusal> {
        let known = ["ip", "asn", "country", "reason", "expires_at"];
        let fields = Fields::of(value, "", &known)?;
        let target = read_target(&fields)?;
        let reason = fields.text("reason", MAX_TEXT)?.unwrap_or_default();
        if reason.trim().is_empty() {
            return Err(Refusal::new(
                Code::BadField,
                "reason",
                "reason is missing: say why no feed may name this",
            ));
        }
        let expires_at = fields.moment_after("expires_at", now)?;
        Ok(Self { target, reason, expires_at })
    }

    /// The entry, made now.
    pub fn into_entry(
        self,
        id: Uuid,
        source: ProtectedSource,
        now: Timestamp,
    ) -> Protected {
        Protected {
            id,
            target: self.target,
            reason: self.reason,
            expires_at: self.expires_at,
            source,
            created_at: whole_second(now),
        }
    }
}

impl Protected {
    /// Whether the entry protects at a moment.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expiry| now < expiry)
    }
}
