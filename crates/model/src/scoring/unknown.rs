//! Which signals nobody could know.
//!
//! The public profile prints 0 or `false` for them, because its fields are not
//! nullable; this list keeps "unknown" from being read as "clean".

use serde::{Deserialize, Serialize};

use crate::{Signals, signals::ShownCounts};

/// Which kinds of threat a loaded source could have reported.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct KnownThreats {
    /// DROP or ASN-DROP.
    pub spamhaus: bool,
    /// Spam emission.
    pub spam: bool,
    /// Botnet C2.
    pub c2: bool,
    /// Phishing.
    pub phishing: bool,
    /// Malware distribution.
    pub malware: bool,
}

/// Names of the signals that are unknown, in the order of the profile.
///
/// Evidence that is still held makes a threat known although its source is gone.
pub fn signals_unknown(
    signals: &Signals,
    known: &KnownThreats,
) -> Vec<&'static str> {
    let hygiene = &signals.hygiene;
    let metadata = &signals.metadata;
    let stability = &signals.stability;
    let threats = signals.threats.as_deref();
    let shown = threats.map_or_else(ShownCounts::default, |t| t.shown);
    let listed =
        threats.is_some_and(|t| t.asn_drop > 0.0 || t.drop_space_share > 0.0);
    let tier1_known =
        metadata.upstream_tier1_count.is_some() || metadata.provider_free;
    [
        ("rpki_invalid_percent", hygiene.rpki_invalid_percent.is_some()),
        ("rpki_unknown_percent", hygiene.rpki_unknown_percent.is_some()),
        ("has_route_leaks", hygiene.route_leak_weight.is_some()),
        ("has_bogon_ads", hygiene.bogon_ads.is_some()),
        ("is_stub_but_transit", hygiene.stub_but_transit.is_some()),
        ("prefix_granularity_score", hygiene.prefix_granularity.is_some()),
        ("spamhaus_listed", known.spamhaus || listed),
        ("spam_emission_rate", known.spam || shown.spam > 0),
        ("botnet_c2_count", known.c2 || shown.c2 > 0),
        ("phishing_hosting_count", known.phishing || shown.phishing > 0),
        ("malware_distribution_count", known.malware || shown.malware > 0),
        ("has_peeringdb_profile", metadata.has_peeringdb_profile.is_some()),
        ("upstream_tier1_count", tier1_known),
        ("is_whois_private", metadata.is_whois_private.is_some()),
        ("ddos_blackhole_count", stability.ddos_blackhole_count.is_some()),
        (
            "excessive_prepending_count",
            stability.excessive_prepending_count.is_some(),
        ),
    ]
    .into_iter()
    .filter(|(_, is_known)| !is_known)
    .map(|(name, _)| name)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::{Hygiene, Metadata, Threats};

    #[test]
    fn without_any_source_every_signal_is_unknown() {
        let unknown =
            signals_unknown(&Signals::default(), &KnownThreats::default());
        assert_eq!(unknown.len(), 16);
    }

    #[test]
    fn zero_from_a_source_and_surviving_evidence_are_knowledge() {
        let signals = Signals {
            hygiene: Hygiene { bogon_ads: Some(false), ..Hygiene::default() },
            metadata: Metadata { provider_free: true, ..Metadata::default() },
            threats: Some(Box::new(Threats {
                shown: ShownCounts { c2: 2, ..ShownCounts::default() },
                ..Threats::default()
            })),
            ..Signals::default()
        };
        let known = KnownThreats { spam: true, ..KnownThreats::default() };
        let unknown = signals_unknown(&signals, &known);
        for name in [
            "has_bogon_ads",
            "upstream_tier1_count",
            "botnet_c2_count",
            "spam_emission_rate",
        ] {
            assert!(!unknown.contains(&name), "{name}");
        }
        assert!(unknown.contains(&"spamhaus_listed"));
    }
}
