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

/// A block against which nothing speaks.
pub(super) struct Blocking<'e> {
    event: &'e Event,
    /// Rules that signals made and that select the same.
    made: Vec<Rule>,
    /// Exceptions around its prefix, out of which that is to be taken.
    around: Vec<(Prefix, Protected)>,
    entries: usize,
    warnings: Vec<String>,
}

pub(super) fn plan<'e>(
    desk: &Desk<'_>,
    event: &'e Event,
) -> Result<Blocking<'e>, Refusal> {
    let selector = Selector::from(event.target);
    let field = match event.target {
        Target::Ip(_) => "ip",
        Target::Asn(_) => "asn",
        Target::Country(_) => "country",
    };
    check(&selector, field, desk.facts)?;
    let made = desk.made(&selector);
    let space = space_of(&selector, desk.facts, desk.now);
    let mut warnings: Vec<String> =
        weigh(&selector, field, &space, &desk.shield)?.into_iter().collect();
    let spared = space.subtract(&desk.shield.protected);
    let agreed = confirmed(event, made.first());
    let share = share(spared.addresses_v4());
    warnings.extend(check_share(share, agreed, desk.facts)?);
    warnings.extend(notes(event.target, &space, desk));
    let (around, others) = exceptions(desk, event.target);
    let left = spared.subtract(&others);
    if left.is_empty() && !space.is_empty() {
        let message = format!("{selector} is unblocked as a whole, in parts");
        return Err(Refusal::new(Code::Protected, field, message));
    }
    if made.is_empty() && desk.rule_count() >= MAX_RULES {
        let message = format!("there are {MAX_RULES} rules already");
        return Err(Refusal::new(Code::TooMany, "", message));
    }
    let entries = match event.target {
        Target::Ip(prefix) => {
            let out = space.subtract(&left);
            split_prefix(prefix, out.view()).count()
        }
        Target::Asn(_) | Target::Country(_) => left.prefix_count(),
    };
    Ok(Blocking { event, made, around, entries, warnings })
}

/// What the rule will have as its confirmed share.
fn confirmed(event: &Event, old: Option<&Rule>) -> Option<f64> {
    event.confirm_share.or_else(|| old?.confirm_share)
}

/// The exceptions around a prefix, and the space of all others.
fn exceptions(
    desk: &Desk<'_>,
    target: Target,
) -> (Vec<(Prefix, Protected)>, AddressSet) {
    let is_around = |own: Prefix| match target {
        Target::Ip(prefix) => own.covers(prefix),
        Target::Asn(_) | Target::Country(_) => false,
    };
    let (around, others): (Vec<_>, Vec<_>) =
        desk.exceptions().into_iter().partition(|(own, _)| is_around(*own));
    let others = others.into_iter().map(|(own, _)| own);
    (around, AddressSet::from_prefixes(others))
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

impl Blocking<'_> {
    pub(super) fn carry_out(self, desk: &mut Desk<'_>) -> EventResult {
        if let Target::Ip(prefix) = self.event.target {
            free(desk, prefix, &self.around);
        }
        let mut result = match self.made.first() {
            None => self.make(desk),
            Some(old) => self.renew(old, desk),
        };
        result.expires_at = self.event.expires_at;
        result.entries = Some(self.entries);
        result.warning =
            (!self.warnings.is_empty()).then(|| self.warnings.join("; "));
        result
    }

    fn make(&self, desk: &mut Desk<'_>) -> EventResult {
        let now = whole_second(desk.now);
        let event = self.event;
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
        let mut result = EventResult::new(Status::Created);
        result.rule_id = Some(rule.id);
        desk.put_rule(rule);
        result
    }

    /// Gives the rule that is there a new end and text.
    fn renew(&self, old: &Rule, desk: &mut Desk<'_>) -> EventResult {
        let event = self.event;
        let rule = Rule {
            name: event.name.clone(),
            description: event.description.clone(),
            is_active: true,
            expires_at: event.expires_at,
            confirm_share: confirmed(event, Some(old)),
            ..old.clone()
        };
        let mut result =
            EventResult::new(match rule == *old && self.around.is_empty() {
                true => Status::Noop,
                false => Status::Updated,
            });
        result.rule_id = Some(old.id);
        if rule != *old {
            let updated_at = whole_second(desk.now);
            desk.put_rule(Rule { updated_at, ..rule });
        }
        for double in &self.made[1..] {
            desk.remove_rule(double);
        }
        result
    }
}

/// Takes a prefix out of the exceptions around it; what else they except stays.
fn free(desk: &mut Desk<'_>, prefix: Prefix, around: &[(Prefix, Protected)]) {
    let out = AddressSet::from_prefixes([prefix]);
    for (own, entry) in around {
        desk.remove_protected(entry);
        for part in split_prefix(*own, out.view()) {
            let id = desk.id();
            let target = Target::Ip(part);
            desk.put_protected(Protected { id, target, ..entry.clone() });
        }
    }
}
