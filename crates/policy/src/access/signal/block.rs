//! `block`: a rule of one selector.

use asgard_model::Prefix;

use super::{EventResult, Status, desk::Desk, event::Event};
use crate::{
    AddressSet,
    access::{
        Allow, Block, Code, MAX_RULES, MadeBy, Protected, Refusal, Rule,
        Selector, Target,
        check::{check, check_share, space_of, weigh},
        json::whole_second,
    },
    feed::guard::{share::share, shield::special},
    space::split_prefix,
};

pub(super) fn block(
    desk: &mut Desk<'_>,
    event: &Event,
) -> Result<EventResult, Refusal> {
    let selector = Selector::from(event.target);
    let field = match event.target {
        Target::Ip(_) => "ip",
        Target::Asn(_) => "asn",
        Target::Country(_) => "country",
    };
    check(&selector, field, desk.facts)?;
    let space = space_of(&selector, desk.facts, desk.now);
    let mut warnings: Vec<String> =
        weigh(&selector, field, &space, &desk.shield)?.into_iter().collect();
    let share = share(space.subtract(&desk.shield.protected).addresses_v4());
    warnings.extend(check_share(share, event.confirm_share, desk.facts)?);
    warnings.extend(notes(event.target, &space, desk));
    let freed = match event.target {
        Target::Ip(prefix) => free(desk, prefix),
        Target::Asn(_) | Target::Country(_) => false,
    };
    let left = space.subtract(&desk.shield.protected);
    let left = left.subtract(&exceptions(desk));
    if left.is_empty() && !space.is_empty() {
        let message = format!("{selector} is unblocked as a whole, in parts");
        return Err(Refusal::new(Code::Protected, field, message));
    }
    let mut result = write(desk, event, &selector, freed)?;
    result.entries = Some(match event.target {
        Target::Ip(prefix) => {
            let out = space.subtract(&left);
            split_prefix(prefix, out.view()).count()
        }
        Target::Asn(_) | Target::Country(_) => left.prefix_count(),
    });
    result.warning = (!warnings.is_empty()).then(|| warnings.join("; "));
    Ok(result)
}

fn exceptions(desk: &Desk<'_>) -> AddressSet {
    AddressSet::from_prefixes(desk.exceptions().into_iter().map(|e| e.0))
}

/// What the sender should know about the selector itself.
fn notes(target: Target, space: &AddressSet, desk: &Desk<'_>) -> Vec<String> {
    let limits = &desk.facts.settings.limits;
    let mut notes = Vec::new();
    if space.is_empty() {
        notes.push(format!("{target} has no addresses at present"));
    }
    if let Target::Ip(prefix) = target {
        let shortest = match prefix.is_v4() {
            true => limits.min_prefix4,
            false => limits.min_prefix6,
        };
        if prefix.len() < shortest {
            notes.push(format!(
                "{prefix} is withheld: prefixes shorter than /{shortest} are \
                 in no feed"
            ));
        }
        if special().overlaps(prefix) {
            notes.push(format!("{prefix} meets special-purpose space"));
        }
    }
    notes
}

/// Takes a prefix out of the exceptions around it; what else they except stays.
fn free(desk: &mut Desk<'_>, prefix: Prefix) -> bool {
    let around = desk.exceptions().into_iter();
    let around: Vec<(Prefix, Protected)> =
        around.filter(|(own, _)| own.covers(prefix)).collect();
    for (own, entry) in &around {
        desk.remove_protected(entry);
        let out = AddressSet::from_prefixes([prefix]);
        let rest: Vec<Prefix> = split_prefix(*own, out.view()).collect();
        for part in rest {
            let id = desk.id();
            let target = Target::Ip(part);
            desk.put_protected(Protected { id, target, ..entry.clone() });
        }
    }
    !around.is_empty()
}

/// Makes the rule, or gives the one that is there a new end and text.
fn write(
    desk: &mut Desk<'_>,
    event: &Event,
    selector: &Selector,
    freed: bool,
) -> Result<EventResult, Refusal> {
    let now = whole_second(desk.now);
    let made = desk.made(selector);
    let mut result = EventResult::new(Status::Created);
    result.expires_at = event.expires_at;
    let Some(old) = made.first() else {
        if desk.rule_count() >= MAX_RULES {
            let message = format!("there are {MAX_RULES} rules already");
            return Err(Refusal::new(Code::TooMany, "", message));
        }
        let rule = Rule {
            id: desk.id(),
            name: event.name.clone(),
            description: event.description.clone(),
            is_active: true,
            allow: Allow::default(),
            block: Block::only(event.target),
            expires_at: event.expires_at,
            created_at: now,
            updated_at: now,
            confirm_share: event.confirm_share,
            made_by: MadeBy::Signal,
        };
        result.rule_id = Some(rule.id);
        desk.put_rule(rule);
        return Ok(result);
    };
    result.rule_id = Some(old.id);
    let rule = Rule {
        name: event.name.clone(),
        description: event.description.clone(),
        is_active: true,
        expires_at: event.expires_at,
        updated_at: old.updated_at,
        confirm_share: event.confirm_share.or(old.confirm_share),
        ..old.clone()
    };
    result.status = match rule == *old && !freed {
        true => Status::Noop,
        false => Status::Updated,
    };
    if rule != *old {
        desk.put_rule(Rule { updated_at: now, ..rule });
    }
    for double in &made[1..] {
        desk.remove_rule(double);
    }
    Ok(result)
}
