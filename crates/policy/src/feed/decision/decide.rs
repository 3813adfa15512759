//! One decision: candidates, the guards in their order, the budget, the blocks.

use asgard_model::{Asn, Bands, Profile, named::Block};
use jiff::{SignedDuration, Timestamp};

use super::{
    BadBlock, Decision, DecisionParams, Ground, Listed, Question, SkipReason,
    Skipped,
    survey::{Survey, mostly_benign},
};
use crate::{
    AddressSet,
    feed::{Selection, compile::sound_space},
};

/// A listed network stays at least so long, whatever its score does.
const MINIMUM_STAY: SignedDuration = SignedDuration::from_hours(24);
/// And leaves only when its score is so far above the threshold.
const LEAVE_ABOVE: u8 = 5;
/// Strength from which ASN-DROP names a network now; a listing that has ended
/// is weaker.
const DROP_STANDS: f64 = 0.99;
/// A budget that nobody has set is never below so many addresses: in a small
/// world a share of the announced space means nothing.
const LEAST_BUDGET: u64 = 65_536;

pub(super) fn decide(
    question: &Question,
    ground: Ground<'_>,
    survey: &Survey,
    before: Option<&Decision>,
    now: Timestamp,
) -> Decision {
    let params = &question.params;
    let selection = question.risk.selection();
    let before = before.filter(|_| params.hysteresis);
    let mut decision = Decision::default();
    let mut costs: Vec<Cost> = Vec::new();
    for profile in ground.snapshot.profiles() {
        let was = before.and_then(|before| before.listed(profile.asn));
        let bands = ground.snapshot.bands;
        let Some(listed) = candidate(&profile, &selection, bands, was, now)
        else {
            continue;
        };
        let settled = was.is_some_and(|was| now < was.since + MINIMUM_STAY);
        match objection(&profile, params, settled, ground, survey) {
            Some(skipped) => decision.skipped.push(skipped),
            None => costs.push(Cost {
                listed,
                rate: profile.assessment.hosting_rate,
                addresses: sound_space(profile.asn, ground).addresses_v4(),
            }),
        }
    }
    spend(costs, params, survey, &mut decision);
    decision.listed.sort_unstable_by_key(|listed| listed.asn);
    decision.skipped.sort_unstable_by_key(|skipped| skipped.asn);
    if params.blocks {
        decision.blocks = blocks(&decision, ground, survey);
    }
    decision
}

impl Decision {
    /// What is listed about a network.
    pub fn listed(&self, asn: Asn) -> Option<&Listed> {
        let at = self.listed.binary_search_by_key(&asn, |l| l.asn).ok()?;
        self.listed.get(at)
    }

    /// Why a network is left out.
    pub fn skipped(&self, asn: Asn) -> Option<&Skipped> {
        let at = self.skipped.binary_search_by_key(&asn, |s| s.asn).ok()?;
        self.skipped.get(at)
    }
}

/// A network that would be listed, and what it costs.
struct Cost {
    listed: Listed,
    rate: f64,
    addresses: u64,
}

/// Whether the score lists a network: it does now, or it did and the network
/// has not left. A whitelisted one leaves at once.
fn candidate(
    profile: &Profile<'_>,
    selection: &Selection,
    bands: Bands,
    was: Option<&Listed>,
    now: Timestamp,
) -> Option<Listed> {
    let assessment = profile.assessment;
    if assessment.whitelisted {
        return None;
    }
    let takes = selection.takes(assessment);
    let stays = was.is_some_and(|was| {
        now < was.since + MINIMUM_STAY
            || near(selection, bands, assessment.score)
    });
    (takes || stays).then(|| Listed {
        asn: profile.asn,
        score: assessment.score,
        since: was.map_or(now, |was| was.since),
        lingering: !takes,
    })
}

/// Whether the score is less than [`LEAVE_ABOVE`] above the threshold.
fn near(selection: &Selection, bands: Bands, score: u8) -> bool {
    let margin = f64::from(LEAVE_ABOVE);
    f64::from(score) < selection.max_score + margin
        && (0..LEAVE_ABOVE).any(|lower| {
            let level = bands.level(score.saturating_sub(lower));
            selection.levels.contains(&level)
        })
}

/// The first guard that leaves a network out.
fn objection(
    profile: &Profile<'_>,
    params: &DecisionParams,
    settled: bool,
    ground: Ground<'_>,
    survey: &Survey,
) -> Option<Skipped> {
    let assessment = profile.assessment;
    let threats = profile.signals.threats.as_deref();
    let dropped =
        threats.is_some_and(|t| t.listed_now && t.asn_drop >= DROP_STANDS);
    let skip = |reason, value: f64, limit: f64| {
        let (asn, score) = (profile.asn, assessment.score);
        Some(Skipped { asn, score, reason, value, limit })
    };
    let confidence = assessment.confidence;
    if confidence < params.min_confidence && !settled {
        return skip(SkipReason::Confidence, confidence, params.min_confidence);
    }
    if assessment.families < params.min_sources && !dropped && !settled {
        let families = f64::from(assessment.families);
        let needed = f64::from(params.min_sources);
        return skip(SkipReason::Corroboration, families, needed);
    }
    if !params.protected || dropped {
        return None;
    }
    let size = profile.signals.exposure.v4;
    if size >= survey.large_from {
        let addresses = |slash24s: f64| slash24s * 256.0;
        let limit = addresses(survey.large_from);
        return skip(SkipReason::ProtectedSize, addresses(size), limit);
    }
    if survey.critical.contains(&profile.asn) {
        return skip(SkipReason::ProtectedCritical, 1.0, 0.0);
    }
    if mostly_benign(&ground.snapshot.world, profile) {
        return skip(SkipReason::ProtectedBenign, 1.0, 0.5);
    }
    None
}

/// Spends the budget: the highest lower bound of the hosting rate first, until
/// the next network would overrun. A network that exceeds the whole budget by
/// itself is passed over and ends nothing.
fn spend(
    mut costs: Vec<Cost>,
    params: &DecisionParams,
    survey: &Survey,
    decision: &mut Decision,
) {
    let budget = params.max_space_share.map(|s| budget(s, survey));
    decision.budget_v4 = budget;
    costs.sort_by(|a, b| {
        b.rate.total_cmp(&a.rate).then(a.listed.asn.cmp(&b.listed.asn))
    });
    let mut spent = false;
    for Cost { listed, addresses, .. } in costs {
        let total = decision.addresses_v4.saturating_add(addresses);
        let fits = budget.is_none_or(|budget| total <= budget && !spent);
        // What costs no IPv4 is never in the way.
        if fits || addresses == 0 {
            decision.addresses_v4 = total;
            decision.listed.push(listed);
            continue;
        }
        let budget = budget.unwrap_or(u64::MAX);
        spent |= addresses <= budget;
        decision.skipped.push(Skipped {
            asn: listed.asn,
            score: listed.score,
            reason: SkipReason::Budget,
            value: as_f64(total),
            limit: as_f64(budget),
        });
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of at most 2³² addresses"
)]
fn budget(share: f64, survey: &Survey) -> u64 {
    let addresses = (share * as_f64(survey.announced_v4)).floor() as u64;
    let default = DecisionParams::default().max_space_share;
    match default == Some(share) {
        true => addresses.max(LEAST_BUDGET),
        false => addresses,
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most 2³² addresses: exact")]
fn as_f64(addresses: u64) -> f64 {
    addresses as f64
}

/// Bad blocks that no listed network covers already. A listed network covers
/// what is blocked of it: not the space of others that it announces against
/// their ROAs.
fn blocks(
    decision: &Decision,
    ground: Ground<'_>,
    survey: &Survey,
) -> Vec<BadBlock> {
    let world = &ground.snapshot.world;
    let withheld = &ground.settings.withheld_lists;
    let spaces: Vec<AddressSet> =
        decision.listed.iter().map(|l| sound_space(l.asn, ground)).collect();
    let listed = AddressSet::union_of(spaces.iter().map(AddressSet::view));
    let may_pass = |b: &&Block| !withheld.contains(world.source_name(b.source));
    let listings = world.named.blocks().iter().filter(may_pass);
    let listings = listings.map(|block| (block.prefix, 0.0, true));
    let hosting = survey.hosting.iter();
    let hosting = hosting.map(|&(prefix, sum)| (prefix, sum, false));
    let mut blocks: Vec<BadBlock> = listings
        .chain(hosting)
        .filter(|(prefix, _, _)| !listed.covers(*prefix))
        .filter_map(|(prefix, hosting, listed)| {
            let route = world.table.lookup(prefix.network())?;
            let asn = route.origins.first().copied();
            (route.prefix.len() > 0).then_some(BadBlock {
                prefix,
                asn,
                hosting,
                listed,
            })
        })
        .collect();
    blocks.sort_by_key(|block| (block.prefix, !block.listed));
    blocks.dedup_by(|later, first| {
        let same = later.prefix == first.prefix;
        if same {
            first.hosting = first.hosting.max(later.hosting);
        }
        same
    });
    blocks
}
