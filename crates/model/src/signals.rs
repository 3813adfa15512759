//! Signals: everything measured about one AS that the score depends on.
//!
//! `None` means that no source could know; `Some(0)` that a fresh source looked
//! and found nothing. The difference lowers confidence, never the score.

use serde::{Deserialize, Serialize};

use crate::{Day, FamilyId};

/// All signals of one AS at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// Address space that the AS originates.
    pub exposure: Exposure,
    /// Routing hygiene.
    pub hygiene: Hygiene,
    /// Evidence of abuse; `None` if no source names the AS or its space.
    pub threats: Option<Box<Threats>>,
    /// Registration and interconnection.
    pub metadata: Metadata,
    /// Routing behaviour over time; needs BGP updates.
    pub stability: Stability,
}

/// Originated space, overlaps counted once, without RPKI-invalid and bogon
/// space: `min(now, 90-day median)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// IPv4 space in /24s (256 addresses); 0 when no IPv4 is announced.
    pub v4: f64,
    /// IPv6 space in /48s; 0 when no IPv6 is announced.
    pub v6: f64,
    /// How well the announcements are seen.
    pub visibility: Visibility,
}

/// How well the announcements of an AS are seen.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub enum Visibility {
    /// Nothing is announced.
    #[default]
    NotAnnounced,
    /// Seen, but by fewer peers than a trusted routing signal needs.
    Low,
    /// Seen widely, or taken from a table that was filtered already.
    Full,
}

/// Routing hygiene.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hygiene {
    /// Percent of originated addresses that are RPKI-invalid (RFC 6811), 0–100.
    pub rpki_invalid_percent: Option<f64>,
    /// Percent of originated addresses without any covering ROA, 0–100.
    pub rpki_unknown_percent: Option<f64>,
    /// Sum of the weights of merged leak incidents of 90 days (RFC 7908).
    pub route_leak_weight: Option<f64>,
    /// Originates bogon space, or has a reserved ASN next to it.
    pub bogon_ads: Option<bool>,
    /// Has no customer and yet carries routes of others.
    pub stub_but_transit: Option<bool>,
    /// Percent of originated prefixes that are more-specifics of an own
    /// less-specific with the same path, 0–100.
    pub prefix_granularity: Option<f64>,
    /// 95th percentile of `prefix_granularity` in the size group, 0–100.
    pub granularity_p95: Option<f64>,
    /// Routes with ASPA verdict Invalid where this AS is at fault.
    pub aspa_invalid_routes: Option<u32>,
}

/// Evidence of abuse.
///
/// `k` is an effective count: the sum over addresses of the largest decayed
/// source weight (`weight · 2^(−age/half-life)`), so five lists that copy each
/// other are one fact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Threats {
    /// Strength of the ASN-DROP listing, 0–1: 1 while listed, decaying after.
    pub asn_drop: f64,
    /// Share of the announced addresses that DROP lists, 0–1, decaying after
    /// delisting.
    pub drop_space_share: f64,
    /// ASN-DROP or DROP lists the AS, or a block of it, at this moment. The
    /// two strengths above also tell of listings that have ended.
    pub listed_now: bool,
    /// Effective counts per rate, all sources.
    pub k: Rates,
    /// The part of `k.hosting` and `k.hosting_v6` that is C2; the rest is
    /// malware distribution. 0–1.
    pub c2_share: f64,
    /// One entry a family that contributes, ordered by `family`.
    pub families: Vec<FamilyEvidence>,
    /// Months of the last 12 with at least one hosting observation.
    pub persistence_months: u8,
    /// Distinct addresses of the last 90 days, undecayed, for display.
    pub shown: ShownCounts,
    /// Distinct addresses ever counted in `k`, all categories.
    pub distinct_ips: u32,
    /// Reports: (address, category, source) triples counted in `k`.
    pub reports: u32,
    /// Distinct sources of them.
    pub sources: u16,
    /// First and last day of them.
    pub first_seen: Option<Day>,
    /// See `first_seen`.
    pub last_seen: Option<Day>,
}

/// Effective counts of the four rates, for IPv4 and IPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// C2 and malware distribution.
    pub hosting: f64,
    /// Phishing.
    pub phishing: f64,
    /// Spam emission.
    pub spam: f64,
    /// Scans and brute force.
    pub attack: f64,
    /// As `hosting`, IPv6.
    pub hosting_v6: f64,
    /// As `phishing`, IPv6.
    pub phishing_v6: f64,
    /// As `spam`, IPv6.
    pub spam_v6: f64,
    /// As `attack`, IPv6.
    pub attack_v6: f64,
}

/// What one independence family says, alone, and what remains without it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FamilyEvidence {
    /// The family of the publisher.
    pub family: FamilyId,
    /// How far the family is trusted, and so how far it may move a score.
    pub trust: Trust,
    /// Families whose lists this one re-publishes, as bits `1 << family`. An
    /// aggregate corroborates nobody whom it merely repeats.
    pub contains: u64,
    /// Effective counts by the sources of this family alone.
    pub alone: Rates,
    /// Effective counts by the sources of all other families, aggregates that
    /// re-publish this one included: they have limits of their own, and a
    /// report must not silence those who repeat it.
    pub without: Rates,
    /// As `Threats::persistence_months`, by the sources counted in `alone`.
    pub months_alone: u8,
    /// As `Threats::persistence_months`, by the sources counted in `without`.
    pub months_without: u8,
    /// This family's part of `Threats::drop_space_share`.
    pub drop_space_share: f64,
    /// This family's part of `Threats::asn_drop`.
    pub asn_drop: f64,
}

/// How far a family is trusted.
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
pub enum Trust {
    /// Each entry is verified by its publisher (Spamhaus, abuse.ch).
    Curated,
    /// Entries come from volunteers, or from unverified automation.
    Community,
    /// Lists of scanners and brute force: many, short-lived, noisy.
    Attack,
}

/// Distinct addresses of the last 90 days; `None`: no source could know.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct ShownCounts {
    /// Botnet C2 servers.
    pub c2: u32,
    /// Malware distribution.
    pub malware: u32,
    /// Phishing.
    pub phishing: u32,
    /// Spam emission.
    pub spam: u32,
    /// Scans and brute force.
    pub attack: u32,
}

/// Registration and interconnection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Has a PeeringDB `net` object with status ok.
    pub has_peeringdb_profile: Option<bool>,
    /// Providers that belong to the clique of provider-free networks.
    pub upstream_tier1_count: Option<u32>,
    /// Belongs to that clique, or has no provider: tier-1 count is then moot.
    pub provider_free: bool,
    /// The registration names no organisation.
    pub is_whois_private: Option<bool>,
    /// Days since the RIR delegated the number.
    pub age_days: Option<u32>,
}

/// Behaviour over time; `None` until BGP updates are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// Distinct prefixes blackholed in 7 days (RFC 7999); victims, not villains.
    pub ddos_blackhole_count: Option<u32>,
    /// Distinct prefixes prepended more than 5 times.
    pub excessive_prepending_count: Option<u32>,
    /// 95th percentile of prepending in the peer group.
    pub prepending_p95: Option<f64>,
    /// Updates per originated prefix and day, over the median of the group.
    pub flap_ratio: Option<f64>,
    /// Origin and provider changes of 90 days, over the 95th percentile.
    pub churn_ratio: Option<f64>,
    /// Features of serial hijackers above the peer p95, 0–5 (IMC 2019).
    pub serial_origin_features: Option<u8>,
}

/// What flows along edges: direct evidence of neighbours, one hop only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Neighbours {
    /// Weighted mean of `100·exp(−P⁰/100)` over direct customers, unrounded;
    /// `None` without customers.
    pub downstream: Option<f64>,
    /// Weighted mean P⁰ of the providers; `None` without providers.
    pub upstream: Option<f64>,
    /// Largest P⁰ among ASes of the same organisation.
    pub sibling: Option<f64>,
}

/// What the assessment knows about the sources, the same for all ASes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceHealth {
    /// Weighted share of enabled sources that are fresh, 0–1.
    pub coverage: f64,
    /// The routing table is older than `[staleness_hours] routing`.
    pub routing_stale: bool,
}
