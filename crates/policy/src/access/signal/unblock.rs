//! `unblock`: the rules of exactly this selector go; an address that a larger
//! block still holds becomes an exception.

use asgard_model::Prefix;

use super::{EventResult, Status, desk::Desk, event::Event};
use crate::access::{
    Code, MAX_PROTECTED, MadeBy, Protected, ProtectedSource, Refusal, Rule,
    Selector, Target, check::check, json::whole_second,
};

/// Why an exception stands.
const REASON: &str = "unblock signal";

pub(super) fn unblock(
    desk: &mut Desk<'_>,
    event: &Event,
) -> Result<EventResult, Refusal> {
    let selector = Selector::from(event.target);
    let made = desk.made(&selector);
    for rule in &made {
        desk.remove_rule(rule);
    }
    let status = match made.is_empty() {
        true => Status::Noop,
        false => Status::Removed,
    };
    let mut result = EventResult::new(status);
    result.rule_id = made.first().map(|rule| rule.id);
    let same: Vec<Rule> = desk
        .rules()
        .filter(|rule| rule.is_in_force(desk.now))
        .filter(|rule| rule.made_by == MadeBy::Operator)
        .filter(|rule| rule.block.selectors().any(|s| s == selector))
        .cloned()
        .collect();
    if !same.is_empty() {
        let names: Vec<String> = same.iter().map(Rule::title).collect();
        result.warning = Some(format!(
            "{selector} stays blocked by rule {}, which no signal made: change \
             it under /v1/access-rules",
            names.join(", ")
        ));
        result.covered_by = same.iter().map(|r| r.id.to_string()).collect();
    }
    match event.target {
        Target::Ip(prefix) => except(desk, event, prefix, &same, &mut result)?,
        Target::Asn(_) if made.is_empty() && same.is_empty() => {
            // Nothing to remove: a misspelt number must not look like success.
            check(&selector, "asn", desk.facts)?;
        }
        Target::Country(_) if made.is_empty() && same.is_empty() => {
            check(&selector, "country", desk.facts)?;
        }
        Target::Asn(_) | Target::Country(_) => {}
    }
    Ok(result)
}

/// Makes an exception if a larger block still holds addresses of the prefix.
fn except(
    desk: &mut Desk<'_>,
    event: &Event,
    prefix: Prefix,
    same: &[Rule],
    result: &mut EventResult,
) -> Result<(), Refusal> {
    let around: Vec<Rule> = desk
        .blocking(prefix)
        .into_iter()
        .filter(|rule| same.iter().all(|other| other.id != rule.id))
        .collect();
    if around.is_empty() || desk.shield.protected.covers(prefix) {
        return Ok(());
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
    let names: Vec<String> = around.iter().map(Rule::title).collect();
    result.covered_by = around.iter().map(|r| r.id.to_string()).collect();
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
        return Ok(());
    }
    let entry = Protected {
        id: standing.map_or_else(|| desk.id(), |(_, entry)| entry.id),
        target: Target::Ip(prefix),
        reason: REASON.to_owned(),
        expires_at: event.expires_at,
        source: ProtectedSource::Unblock,
        created_at: whole_second(desk.now),
    };
    result.status = Status::Exception;
    result.protected_id = Some(entry.id);
    result.expires_at = entry.expires_at;
    result.warning = Some(format!(
        "{prefix} is taken out of what rule {} blocks",
        names.join(", ")
    ));
    desk.put_protected(entry);
    Ok(())
}
