//! The parameters of the model: the only file, with `model.toml`, that knows a
//! weight. Reading and refusing that file is `model_file.rs`; bands are
//! `band.rs`. All units are points of penalty P, all times are in the name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ramp::{Ramps, RateKind};
use crate::{Category, Class, signals::Trust};

/// All parameters of the score, read from a `model.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    pub(super) name: String,
    pub(super) link: Link,
    pub(super) quantile_low: f64,
    pub(super) quantile_high: f64,
    pub(super) prior_b: f64,
    pub(super) window_months: u8,
    pub(super) count_window_days: u16,
    pub(super) ignorance_units: f64,
    pub(super) persistence_floor: f64,
    pub(super) rate: Rate,
    pub(super) rate_v6: RateV6,
    pub(super) half_life_days: HalfLifeDays,
    pub(super) flat: Flat,
    pub(super) hygiene: HygieneUnits,
    pub(super) stability: StabilityUnits,
    pub(super) related: Related,
    pub(super) family_limit: FamilyLimit,
    #[serde(default)]
    pub(super) corroboration: Corroboration,
    pub(super) source_weight: BTreeMap<String, f64>,
    pub(super) benign: Benign,
    pub(super) visibility: VisibilityRule,
    pub(super) staleness_hours: StalenessHours,
    pub(super) assessment: AssessmentRule,
    #[serde(default)]
    pub(super) uncertainty: Uncertainty,
    #[serde(default)]
    pub(super) newcomer: Newcomer,
    /// Derived from the above when the file is read.
    #[serde(skip)]
    pub(super) ramps: Ramps,
}

/// How penalty becomes score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    /// `100·exp(−P/100)`: the worst stay ordered.
    Exp,
    /// `100 − P`, not below 0.
    Linear,
}

/// `[rate.*]`, per /24.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rate {
    pub(super) hosting: RateUnits,
    pub(super) phishing: RateUnits,
    pub(super) spam: RateUnits,
    pub(super) attack: RateUnits,
}

/// Units from 0 at rate `r0` to `cap` at `r1`; prior mean rate `g`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateUnits {
    pub(super) cap: f64,
    pub(super) r0: f64,
    pub(super) r1: f64,
    pub(super) g: f64,
}

/// How the rates per /48 derive from those per /24.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateV6 {
    pub(super) factor_r: f64,
    pub(super) prior_b: f64,
    pub(super) g_factor: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HalfLifeDays {
    pub(super) c2: f64,
    pub(super) malware: f64,
    pub(super) phishing: f64,
    pub(super) attack: f64,
    pub(super) spam: f64,
    pub(super) route_incident: f64,
    pub(super) delisted: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flat {
    pub(super) asn_drop: f64,
    pub(super) drop_space: f64,
    pub(super) drop_space_exponent: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HygieneUnits {
    pub(super) cap: f64,
    pub(super) rpki_invalid: f64,
    pub(super) rpki_invalid_full_at: f64,
    pub(super) leak: f64,
    pub(super) leak_slope: f64,
    pub(super) bogon: f64,
    pub(super) aspa: f64,
    pub(super) stub: f64,
    pub(super) fragmentation: f64,
    pub(super) rpki_unknown: f64,
    pub(super) whois: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StabilityUnits {
    pub(super) cap: f64,
    pub(super) unproven: f64,
    pub(super) serial: f64,
    pub(super) churn: f64,
    pub(super) downstream: f64,
    pub(super) flap: f64,
    pub(super) upstream: f64,
    pub(super) prepend: f64,
    pub(super) blackhole: f64,
    pub(super) no_peeringdb: f64,
    pub(super) bonus_peeringdb: f64,
    pub(super) bonus_tier1: f64,
    pub(super) hop_factor: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Related {
    pub(super) sibling: f64,
    pub(super) sibling_factor: f64,
    pub(super) full_sibling_share: f64,
    pub(super) successor_factor: f64,
    pub(super) successor_space: f64,
    pub(super) successor_days: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FamilyLimit {
    pub(super) curated: f64,
    pub(super) community: f64,
    pub(super) attack: f64,
    pub(super) asn_drop: f64,
}

/// Absent from older files, hence the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Corroboration {
    pub(super) families: u8,
    pub(super) family_units: f64,
    pub(super) limit_exp: f64,
    pub(super) limit_linear: f64,
}

impl Default for Corroboration {
    fn default() -> Self {
        Self {
            families: 2,
            family_units: 5.0,
            limit_exp: 69.0,
            limit_linear: 50.0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Benign {
    pub(super) scanner: f64,
    pub(super) tor: f64,
    pub(super) sinkhole: f64,
    pub(super) ddos_mitigation: f64,
    pub(super) anycast: f64,
}

/// How many full feeds must see a route before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisibilityRule {
    /// Fewest peers.
    pub k_min: u32,
    /// Most peers ever asked for.
    pub k_max: u32,
    /// Share of the full feeds, 0–1.
    pub k_share: f64,
    /// A full feed carries this share of the median table of its family, 0–1.
    pub full_feed_share: f64,
}

/// Hours after which data of a kind no longer count as fresh at all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StalenessHours {
    /// The routing table.
    pub routing: f64,
    /// Validated ROA payloads.
    pub vrp: f64,
    /// Lists of addresses.
    pub threat: f64,
    /// DROP and ASN-DROP.
    pub drop: f64,
    /// Delegations, names, `PeeringDB`.
    pub registry: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AssessmentRule {
    pub(super) min_coverage: f64,
    pub(super) min_confidence: f64,
    pub(super) history_days: f64,
    pub(super) evidence_full: f64,
}

/// Absent from older files, hence the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Uncertainty {
    pub(super) history_floor: f64,
    pub(super) precision_units: f64,
    pub(super) low_visibility: f64,
    pub(super) not_announced: f64,
}

impl Default for Uncertainty {
    fn default() -> Self {
        Self {
            history_floor: 0.2,
            precision_units: 70.0,
            low_visibility: 0.7,
            not_announced: 0.5,
        }
    }
}

/// Absent from older files, hence the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Newcomer {
    pub(super) days: f64,
    pub(super) units: f64,
}

impl Default for Newcomer {
    fn default() -> Self {
        Self { days: 30.0, units: 11.1 }
    }
}

impl Model {
    /// How penalty becomes score.
    pub fn link(&self) -> Link {
        self.link
    }

    /// Days after which an observation counts half.
    pub fn half_life(&self, category: Category) -> f64 {
        let days = &self.half_life_days;
        match category {
            Category::C2 => days.c2,
            Category::Malware => days.malware,
            Category::Phishing => days.phishing,
            Category::Spam => days.spam,
            Category::Attack => days.attack,
        }
    }

    /// Days after which a listing that has ended counts half.
    pub fn delisted_half_life(&self) -> f64 {
        self.half_life_days.delisted
    }

    /// Days after which a route leak counts half.
    pub fn incident_half_life(&self) -> f64 {
        self.half_life_days.route_incident
    }

    /// The weight of a source, 0–1, if the file names it; otherwise the
    /// catalogue's own weight applies.
    pub fn source_weight(&self, source: &str) -> Option<f64> {
        self.source_weight.get(source).copied()
    }

    /// The names of the sources whose weight the file states.
    pub fn weighed_sources(&self) -> impl Iterator<Item = &str> {
        self.source_weight.keys().map(String::as_str)
    }

    /// What remains, 0–1, of a report about a well-known range that explains it.
    pub fn benign_factor(&self, class: Class, category: Category) -> f64 {
        match class {
            _ if !class.explains(category) => 1.0,
            Class::Scanner => self.benign.scanner,
            Class::Tor => self.benign.tor,
            Class::Sinkhole => self.benign.sinkhole,
            Class::DdosMitigation => self.benign.ddos_mitigation,
            Class::Anycast => self.benign.anycast,
            _ => 1.0,
        }
    }

    /// Hours after which each kind of data is too old.
    pub fn staleness_hours(&self) -> StalenessHours {
        self.staleness_hours
    }

    /// How many full feeds must see a route.
    pub fn visibility(&self) -> VisibilityRule {
        self.visibility
    }

    /// Months after which evidence is forgotten.
    pub fn window_months(&self) -> u8 {
        self.window_months
    }

    /// Days that shown counts look back.
    pub fn count_window_days(&self) -> u16 {
        self.count_window_days
    }

    /// A sibling of this share of an AS's own space counts fully.
    pub(crate) fn full_sibling_share(&self) -> f64 {
        self.related.full_sibling_share
    }

    /// Most units that a family of this trust may add.
    pub(super) fn family_limit(&self, trust: Trust) -> f64 {
        match trust {
            Trust::Curated => self.family_limit.curated,
            Trust::Community => self.family_limit.community,
            Trust::Attack => self.family_limit.attack,
        }
    }

    pub(super) fn rate(&self, kind: RateKind) -> &RateUnits {
        match kind {
            RateKind::Hosting => &self.rate.hosting,
            RateKind::Phishing => &self.rate.phishing,
            RateKind::Spam => &self.rate.spam,
            RateKind::Attack => &self.rate.attack,
        }
    }
}

impl VisibilityRule {
    /// Peers that must see a route when there are so many full feeds; with
    /// fewer feeds than `k_min`, one is enough and visibility is low.
    pub fn min_peers(self, full_feeds: u32) -> u32 {
        if full_feeds < self.k_min {
            return 1;
        }
        let share = (self.k_share * f64::from(full_feeds)).ceil();
        (self.k_min..self.k_max)
            .find(|&peers| f64::from(peers) >= share)
            .unwrap_or(self.k_max)
    }
}
