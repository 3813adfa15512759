//! `unblock`: the rules of exactly this selector go; an address that a larger
//! block still holds becomes an exception.

use asgard_model::Prefix;
use uuid::Uuid;

use super::{EventResult, Status, desk::Desk, event::Event};
use crate::access::{
    Code, MAX_PROTECTED, MadeBy, Protected, ProtectedSource, Refusal, Rule,
    Selector, Target, check::check, json::whole_second,
};

/// Why an exception stands.
const REASON: &str = "unblock signal";

/// An unblock against which nothing speaks.
pub(super) struct Unblocking {
    /// Rules that go.
    made: Vec<Rule>,
    /// An exception that is new, or that gets another end.
    exception: Option<Exception>,
    result: EventResult,
}

struct Exception {
    /// That of the one that stands.
    id: Option<Uuid>,
    prefix: Prefix,
}

pub(super) fn plan(
    desk: &Desk<'_>,
    event: &Event,
) -> Result<Unblocking, Refusal> {
    let selector = Selector::from(event.target);
    let made = desk.made(&selector);
    let same: Vec<&Rule> = desk
        .rules()
        .filter(|rule| rule.is_in_force(desk.now))
        .filter(|rule| rule.made_by == MadeBy::Operator)
        .filter(|rule| rule.block.selectors().any(|s| s == selector))
        .collect();
    let mut result = EventResult::new(match made.is_empty() {
        true => Status::Noop,
        false => Status::Removed,
    });
    result.rule_id = made.first().map(|rule| rule.id);
    if !same.is_empty() {
        result.warning = Some(format!(
            "{selector} stays blocked by rule {}, which no signal made: change \
             it under /v1/access-rules",
            titles(&same)
        ));
        result.covered_by = ids(&same);
    }
    let nothing = made.is_empty() && same.is_empty();
    let exception = match event.target {
        Target::Ip(prefix) => {
            let is_told = |rule: &&Rule| {
                made.iter().any(|gone| gone.id == rule.id)
                    || same.iter().any(|other| other.id == rule.id)
            };
            let around: Vec<&Rule> =
                desk.blocking(prefix).filter(|rule| !is_told(rule)).collect();
            let found = except(desk, event, prefix, &around, &mut result);
            match found {
                // The rules of this selector go all the same.
                Err(refusal) if !made.is_empty() => {
                    result.covered_by = ids(&around);
                    result.warning = Some(format!(
                        "part of {prefix} stays blocked by rule {}: {refusal}",
                        titles(&around)
                    ));
                    None
                }
                found => found?,
            }
        }
        // Nothing to remove: a misspelt number must not look like success.
        Target::Asn(_) if nothing => {
            check(&selector, "asn", desk.facts)?;
            None
        }
        Target::Country(_) if nothing => {
            check(&selector, "country", desk.facts)?;
            None
        }
        Target::Asn(_) | Target::Country(_) => None,
    };
    Ok(Unblocking { made, exception, result })
}

/// The exception that is needed because rules around hold addresses of the
/// prefix; the result tells of it.
fn except(
    desk: &Desk<'_>,
    event: &Event,
    prefix: Prefix,
    around: &[&Rule],
    result: &mut EventResult,
) -> Result<Option<Exception>, Refusal> {
    if around.is_empty() || desk.shield.protected.covers(prefix) {
        return Ok(None);
    }
    let limits = &desk.facts.settings.limits;
    let shortest = match prefix.is_v4() {
        true => limits.min_prefix4,
        false => limits.min_prefix6,
    };
    if prefix.len() < shortest {
        let message = format!(
            "an exception of {prefix} would empty the feed; at least \
             /{shortest} is expected"
        );
        return Err(Refusal::new(Code::BadSelector, "ip", message));
    }
    let exceptions = desk.exceptions();
    let standing = exceptions.iter().find(|(own, _)| *own == prefix);
    if standing.is_none() && exceptions.len() >= MAX_PROTECTED {
        let message = format!("there are {MAX_PROTECTED} exceptions already");
        return Err(Refusal::new(Code::TooMany, "", message));
    }
    result.covered_by = ids(around);
    let wider = exceptions.iter().find(|(own, entry)| {
        own.covers(prefix)
            && (entry.expires_at == event.expires_at
                || entry.expires_at.is_none())
    });
    if let Some((own, entry)) = wider {
        result.protected_id = Some(entry.id);
        result.expires_at = entry.expires_at;
        result.warning =
            Some(format!("{prefix} is excepted already, by {own}"));
        return Ok(None);
    }
    result.status = Status::Exception;
    result.expires_at = event.expires_at;
    result.warning = Some(format!(
        "{prefix} is taken out of what rule {} blocks",
        titles(around)
    ));
    let id = standing.map(|(_, entry)| entry.id);
    Ok(Some(Exception { id, prefix }))
}

impl Unblocking {
    pub(super) fn carry_out(self, desk: &mut Desk<'_>) -> EventResult {
        for rule in &self.made {
            desk.remove_rule(rule);
        }
        let mut result = self.result;
        if let Some(Exception { id, prefix }) = self.exception {
            let id = id.unwrap_or_else(|| desk.id());
            result.protected_id = Some(id);
            desk.put_protected(Protected {
                id,
                target: Target::Ip(prefix),
                reason: REASON.to_owned(),
                expires_at: result.expires_at,
                source: ProtectedSource::Unblock,
                created_at: whole_second(desk.now),
            });
        }
        result
    }
}

fn titles(rules: &[&Rule]) -> String {
    let names: Vec<String> = rules.iter().map(|rule| rule.title()).collect();
    names.join(", ")
}

fn ids(rules: &[&Rule]) -> Vec<String> {
    rules.iter().map(|rule| rule.id.to_string()).collect()
}
