//! The reasons for a score: one code each, in the order of every output.

use std::{fmt, str::FromStr};

use crate::Signals;

/// A reason. Codes are never renamed; the order breaks ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// Listed in ASN-DROP, or announces space that is listed in DROP.
    ThreatSpamhaus,
    /// Hosts command-and-control servers.
    ThreatBotnet,
    /// Distributes malware.
    ThreatMalware,
    /// Hosts phishing.
    ThreatPhishing,
    /// Emits spam.
    ThreatSpam,
    /// Scans and brute-forces.
    ThreatAttackSource,
    /// Took over the space of a bad AS.
    ThreatSuccessor,
    /// Shares its organisation with a bad AS.
    ThreatSibling,
    /// Originates RPKI-invalid routes.
    RpkiInvalid,
    /// Leaked routes.
    RouteLeak,
    /// Originates bogon space or has a bogon ASN next to it.
    BogonAd,
    /// Breaks the ASPA of another AS.
    AspaInvalid,
    /// Transits without customers.
    StubTransit,
    /// Splits its space far more than its peers.
    Fragmentation,
    /// Signs little of its space.
    RpkiUnknown,
    /// Hides who it is.
    MetaPrivate,
    /// Too little is known to trust it.
    Unproven,
    /// Behaves like a serial hijacker.
    StabilitySerialOrigin,
    /// Changes origins and providers often.
    StabilityChurn,
    /// Routes flap.
    StabilityFlapping,
    /// Bad customers.
    DownstreamRisk,
    /// Bad providers.
    UpstreamRisk,
    /// Prepends excessively.
    StabilityPrepending,
    /// Is under attack: information.
    StabilityBlackhole,
    /// No `PeeringDB` profile: advice.
    MetaNoPdb,
    /// No provider in the clique: advice.
    MetaNoTier1,
    /// Has a `PeeringDB` profile.
    BonusPeeringdb,
    /// Is connected to the clique.
    BonusTier1,
    /// The operator trusts it.
    Whitelisted,
}

/// How serious a reason is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Context.
    Low,
    /// Worth fixing.
    Medium,
    /// A strong sign.
    High,
    /// Enough to act.
    Critical,
}

impl Severity {
    /// Every severity with its name in every output.
    pub const VALUES: [(Self, &'static str); 4] = [
        (Self::Low, "LOW"),
        (Self::Medium, "MEDIUM"),
        (Self::High, "HIGH"),
        (Self::Critical, "CRITICAL"),
    ];

    /// The name in every output.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }
}

/// The part of the score that a reason belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Evidence of abuse.
    Threat,
    /// Routing hygiene.
    Hygiene,
    /// Stability and surroundings.
    Stability,
}

impl Part {
    /// The name in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Threat => "threat",
            Self::Hygiene => "hygiene",
            Self::Stability => "stability",
        }
    }
}

use Part::{Hygiene, Stability, Threat};
use Severity::{Critical, High, Low, Medium};

type Row = (Code, &'static str, Severity, Option<Part>, &'static str);

/// Code, name, severity, part, what to do; in code order.
#[rustfmt::skip]
const TABLE: [Row; Code::COUNT] = [
    (Code::ThreatSpamhaus, "THREAT_SPAMHAUS", Critical, Some(Threat),
     "Block the listed space. If it is yours, follow the removal steps of the SBL record."),
    (Code::ThreatBotnet, "THREAT_BOTNET", Critical, Some(Threat),
     "Block outbound connections to this space and look for infected machines that made them."),
    (Code::ThreatMalware, "THREAT_MALWARE", Critical, Some(Threat),
     "Block downloads from this space; send the sample addresses to the abuse contact."),
    (Code::ThreatPhishing, "THREAT_PHISHING", High, Some(Threat),
     "Block the sample addresses at the web proxy; send them to the abuse contact."),
    (Code::ThreatSpam, "THREAT_SPAM", High, Some(Threat),
     "Rate-limit or reject mail from this space unless you know the sender."),
    (Code::ThreatAttackSource, "THREAT_ATTACK_SOURCE", Medium, Some(Threat),
     "Challenge or rate-limit logins from this space."),
    (Code::ThreatSuccessor, "THREAT_SUCCESSOR", High, Some(Threat),
     "Treat it as you treated the network whose space it took over."),
    (Code::ThreatSibling, "THREAT_SIBLING", Medium, Some(Threat),
     "Review the other networks of the same organisation."),
    (Code::RpkiInvalid, "RPKI_INVALID", High, Some(Hygiene),
     "Drop RPKI-invalid routes. If they are yours, correct the ROA or the announcement."),
    (Code::RouteLeak, "ROUTE_LEAK", High, Some(Hygiene),
     "Filter on this session with prefix lists, RFC 9234 roles and a prefix limit."),
    (Code::BogonAd, "BOGON_AD", Medium, Some(Hygiene),
     "Filter bogon prefixes and reserved AS numbers on import."),
    (Code::AspaInvalid, "ASPA_INVALID", Medium, Some(Hygiene),
     "Ask the operator to correct its ASPA or its exports."),
    (Code::StubTransit, "STUB_TRANSIT", Medium, Some(Hygiene),
     "Check whether the routes that it carries for others are meant to be there."),
    (Code::Fragmentation, "FRAGMENTATION", Low, Some(Hygiene),
     "Aggregate announcements that share one path."),
    (Code::RpkiUnknown, "RPKI_UNKNOWN", Medium, Some(Hygiene),
     "Create ROAs for the unsigned space."),
    (Code::MetaPrivate, "META_PRIVATE", Low, Some(Hygiene),
     "Ask who runs it before you rely on it."),
    (Code::Unproven, "UNPROVEN", Low, Some(Stability),
     "Do not read the score as trust: watch it until more is known."),
    (Code::StabilitySerialOrigin, "STABILITY_SERIAL_ORIGIN", High, Some(Stability),
     "Check its recent announcements for hijacks before you accept them."),
    (Code::StabilityChurn, "STABILITY_CHURN", Medium, Some(Stability),
     "Ask why origins and providers change so often."),
    (Code::StabilityFlapping, "STABILITY_FLAPPING", Low, Some(Stability),
     "Look for an unstable link or session; consider damping (RFC 7196)."),
    (Code::DownstreamRisk, "DOWNSTREAM_RISK", Medium, Some(Stability),
     "Review its worst customers: it carries their traffic."),
    (Code::UpstreamRisk, "UPSTREAM_RISK", Low, Some(Stability),
     "Review its providers: they carry others of this kind."),
    (Code::StabilityPrepending, "STABILITY_PREPENDING", Low, Some(Stability),
     "Remove prepends beyond five: they only make hijacks easier."),
    (Code::StabilityBlackhole, "STABILITY_BLACKHOLE", Low, Some(Stability),
     "Nothing to block: the network is a victim."),
    (Code::MetaNoPdb, "META_NO_PDB", Low, Some(Stability),
     "Create a PeeringDB profile."),
    (Code::MetaNoTier1, "META_NO_TIER1", Medium, Some(Stability),
     "Nothing to do: this is normal for small networks."),
    (Code::BonusPeeringdb, "BONUS_PEERINGDB", Low, Some(Stability),
     "Nothing to do."),
    (Code::BonusTier1, "BONUS_TIER1", Low, Some(Stability),
     "Nothing to do."),
    (Code::Whitelisted, "WHITELISTED", Low, None,
     "Remove the entry from the whitelist to see the real score."),
];

/// What to do about listings that have ended: nothing is left to block.
const DELISTED: &str = "Nothing is listed now: look at the other evidence, \
     and watch whether the listing returns.";

impl Code {
    /// How many codes there are.
    pub const COUNT: usize = 29;

    /// Every code with its name, in code order.
    pub const VALUES: [(Self, &'static str); Self::COUNT] = {
        let mut values = [(Self::ThreatSpamhaus, ""); Self::COUNT];
        let mut i = 0;
        while i < Self::COUNT {
            values[i] = (TABLE[i].0, TABLE[i].1);
            i += 1;
        }
        values
    };

    /// The name in every output: `THREAT_BOTNET`.
    pub fn as_str(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// How serious the reason is.
    pub fn severity(self) -> Severity {
        TABLE[self as usize].2
    }

    /// The part of the score; `None` for the whitelist.
    pub fn part(self) -> Option<Part> {
        TABLE[self as usize].3
    }

    /// What to do about it, for an AS with these signals.
    pub fn action(self, signals: &Signals) -> &'static str {
        let listed = signals.threats.as_ref().is_some_and(|t| t.listed_now);
        match self {
            Self::ThreatSpamhaus if !listed => DELISTED,
            _ => TABLE[self as usize].4,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that names no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a reason code such as THREAT_BOTNET")]
pub struct CodeError(String);

impl FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        Self::VALUES
            .iter()
            .find(|(_, name)| *name == text)
            .map(|&(code, _)| code)
            .ok_or_else(|| CodeError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_code_order_and_every_name_reads_back() {
        for (index, (code, name)) in Code::VALUES.into_iter().enumerate() {
            assert_eq!(code as usize, index);
            assert_eq!(name.parse(), Ok(code));
            let action = code.action(&Signals::default());
            assert!(action.ends_with('.'), "{name}");
        }
        assert!("ZOMBIE".parse::<Code>().is_err());
    }

    #[test]
    fn who_is_no_longer_listed_is_not_to_be_blocked() {
        let mut signals = Signals::default();
        let threats = Box::<crate::signals::Threats>::default();
        let threats = signals.threats.insert(threats);
        threats.listed_now = true;
        let listed = Code::ThreatSpamhaus.action(&signals);
        assert!(listed.starts_with("Block"), "{listed}");
        signals.threats = None;
        let ended = Code::ThreatSpamhaus.action(&signals);
        assert!(ended.starts_with("Nothing is listed"), "{ended}");
    }

    #[test]
    fn the_public_codes_keep_their_severities() {
        for (name, severity) in [
            ("THREAT_SPAMHAUS", "CRITICAL"),
            ("THREAT_BOTNET", "CRITICAL"),
            ("THREAT_MALWARE", "CRITICAL"),
            ("THREAT_PHISHING", "HIGH"),
            ("THREAT_SPAM", "HIGH"),
            ("RPKI_INVALID", "HIGH"),
            ("ROUTE_LEAK", "HIGH"),
            ("BOGON_AD", "MEDIUM"),
            ("STUB_TRANSIT", "MEDIUM"),
            ("RPKI_UNKNOWN", "MEDIUM"),
            ("META_PRIVATE", "LOW"),
            ("META_NO_PDB", "LOW"),
            ("META_NO_TIER1", "MEDIUM"),
        ] {
            let code: Code = name.parse().unwrap();
            assert_eq!(code.severity().as_str(), severity, "{name}");
        }
    }
}
