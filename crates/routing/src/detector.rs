//! Detectors: from routes that come and go to faults with a beginning, an end
//! and a name.
//!
//! Every detector reads [`Transition`]s, whether a dump, an archive or a live
//! stream gives them, and is asked for its findings as often as somebody wants
//! to know. What they share:
//!
//! | step | module |
//! |---|---|
//! | what follows from a path alone is worked out once | [`remembered`] |
//! | something holds while enough peers show it | [`watch`] |
//! | what held long enough becomes an incident, or a part of one | [`cases`] |
//!
//! A detector never blames for what it cannot know: a relationship that is
//! uncertain, an AS set, an AS number seen twice in a path end the question.

use asgard_model::{Asn, Incident, Prefix, Rir, rpki::Rpki};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    relationships::Relationships,
    table::{Table, Transition},
};

mod aspa;
mod blackhole;
mod blocks;
mod bogon;
mod carrier;
mod cases;
mod churn;
mod flap;
mod hijack;
mod leak;
mod otc;
mod present;
mod remembered;
mod serial;
mod size_group;
mod strangers;
mod survey;
#[cfg(test)]
mod tests;
mod valley;
mod watch;

pub use self::{
    blackhole::BlackholeCommunities, bogon::Bogons, survey::Survey,
};

/// What detectors know besides the transition.
#[derive(Clone, Copy)]
pub struct Scene<'s> {
    /// The routes as they are after the transition.
    pub table: &'s Table,
    /// Who buys from whom, who belongs together.
    pub relations: &'s Relationships,
    /// Who may announce and carry what.
    pub rpki: &'s Rpki,
    /// Space and numbers that nobody may announce.
    pub bogons: &'s Bogons,
    /// Communities that ask to drop traffic.
    pub blackholes: &'s BlackholeCommunities,
    /// Networks that announce space of others by trade: mitigation of denial
    /// of service, anycast.
    pub exempt: &'s FxHashSet<Asn>,
    /// Which registry a prefix belongs to; `None` where nobody knows.
    pub rir: &'s dyn Fn(Prefix) -> Option<Rir>,
    /// Days in which the weight of a leak halves.
    pub half_life_days: f64,
}

impl Scene<'_> {
    /// Peers that must show something to a prefix before it counts.
    fn threshold(&self, prefix: Prefix) -> u16 {
        let peers = self.table.threshold(prefix.is_v4());
        u16::try_from(peers).unwrap_or(u16::MAX)
    }

    /// Whether one of two networks may well announce space of the other: they
    /// belong together, or one buys from the other.
    fn are_kin(&self, a: Asn, b: Asn) -> bool {
        use crate::relationships::Relation::{Customer, Provider};
        a == b
            || self.relations.siblings(a, b)
            || matches!(
                self.relations.between(a, b),
                Some((Customer | Provider, _))
            )
    }
}

/// Whether a prefix is neither the default route nor longer than what is
/// accepted everywhere: others are local business.
fn is_global(prefix: Prefix) -> bool {
    let longest = if prefix.is_v4() { 24 } else { 48 };
    (1..=longest).contains(&prefix.len())
}

/// Watches routes for one kind of fault.
trait Detector {
    /// A route changed, or was said again.
    fn transition(&mut self, scene: &Scene<'_>, t: &Transition<'_>);

    /// What was found until now (seconds since 1970). What goes on is told
    /// with an open end, and will be told again.
    fn finish(&self, scene: &Scene<'_>, now: u32, out: &mut Findings);
}

/// What all detectors found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// By [`Incident::order`].
    pub incidents: Vec<Incident>,
    /// Numbers behind the signals; networks that are not there did nothing.
    pub measures: FxHashMap<Asn, Measures>,
}

/// What was measured about one network. Each field is that of the same name in
/// [`asgard_model::signals`], unless it says otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measures {
    /// Sum of the decayed weights of leak incidents.
    pub route_leak_weight: f64,
    /// An open bogon incident that counts.
    pub bogon_ads: bool,
    /// An open incident of carrying routes without having customers.
    pub stub_but_transit: bool,
    /// Routes with ASPA verdict Invalid by its fault, now.
    pub aspa_invalid_routes: u32,
    /// Percent, 0–100; `None` if it originates nothing.
    pub prefix_granularity: Option<f64>,
    /// 95th percentile of the size group.
    pub granularity_p95: Option<f64>,
    /// Distinct prefixes, seven days.
    pub ddos_blackhole_count: u32,
    /// Distinct prefixes, now.
    pub excessive_prepending_count: u32,
    /// 95th percentile of the size group.
    pub prepending_p95: Option<f64>,
    /// Prefixes that came and went ten times or more on one day.
    pub flapping_prefixes: Box<[Prefix]>,
    /// Comings and goings per originated prefix and day.
    pub flap_rate: f64,
    /// `flap_rate` over the median of the size group.
    pub flap_ratio: Option<f64>,
    /// Changes of origin that lasted more than an hour.
    pub origin_changes: u32,
    /// Changes of providers that lasted more than an hour.
    pub upstream_changes: u32,
    /// Both together, over the 95th percentile of the size group.
    pub churn_ratio: Option<f64>,
    /// Features of serial hijackers above the 95th percentile, 0–5.
    pub serial_origin_features: Option<u8>,
    /// Space that it originates now, in /24s (IPv6: in /48s, at most 256).
    pub size: f64,
    /// Prefixes that it originates now.
    pub prefixes: u32,
}

impl Findings {
    fn of(&mut self, asn: Asn) -> &mut Measures {
        self.measures.entry(asn).or_default()
    }
}
