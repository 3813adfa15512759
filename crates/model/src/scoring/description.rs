//! Each reason as a sentence, with its numbers, for an analyst at 3 a.m.
//!
//! Only what signals hold is said here; sample addresses, source names and dates
//! are added where the evidence is kept.

use super::{Code, LowRates, Model, low_rates};
use crate::{
    Asn, Assessment, Signals,
    signals::{Exposure, Metadata, Neighbours, Threats},
};

/// The numbers behind the reasons of one assessment.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What was measured.
    pub signals: &'a Signals,
    /// What came from neighbours.
    pub neighbours: &'a Neighbours,
    /// The network of the same organisation with that evidence.
    pub sibling: Option<Asn>,
    /// The judgement that is explained.
    pub assessment: &'a Assessment,
    /// The parameters it was made with.
    pub model: &'a Model,
}

impl Code {
    /// One or two sentences that say what was found, with the numbers.
    pub fn description(self, facts: &Facts<'_>) -> String {
        match self {
            Self::ThreatSpamhaus
            | Self::ThreatBotnet
            | Self::ThreatMalware
            | Self::ThreatPhishing
            | Self::ThreatSpam
            | Self::ThreatAttackSource
            | Self::ThreatSuccessor
            | Self::ThreatSibling => threat(self, facts),
            Self::RpkiInvalid
            | Self::RouteLeak
            | Self::BogonAd
            | Self::AspaInvalid
            | Self::StubTransit
            | Self::Fragmentation
            | Self::RpkiUnknown
            | Self::MetaPrivate => hygiene(self, facts),
            _ => stability(self, facts),
        }
    }
}

fn threat(code: Code, facts: &Facts<'_>) -> String {
    let none = Threats::default();
    let threats = facts.signals.threats.as_deref().unwrap_or(&none);
    let shown = threats.shown;
    match code {
        Code::ThreatSpamhaus => spamhaus(threats),
        Code::ThreatBotnet => {
            hosts("botnet command-and-control server", shown.c2, facts)
        }
        Code::ThreatMalware => {
            hosts("malware distribution address", shown.malware, facts)
        }
        Code::ThreatPhishing => {
            hosts("phishing address", shown.phishing, facts)
        }
        Code::ThreatSpam => {
            sources("mail", "spam", shown.spam, |r| r.spam, facts)
        }
        Code::ThreatAttackSource => sources(
            "scan and brute-force",
            "attacks",
            shown.attack,
            |r| r.attack,
            facts,
        ),
        Code::ThreatSuccessor => "Most of the space of a network with a bad \
             record is now announced here; its record came along."
            .into(),
        _ => format!(
            "{} of the same organisation has direct evidence against it: \
             {:.0} units, weighed by its size beside this one.",
            facts.sibling.map_or_else(
                || "Another network".to_owned(),
                |asn| asn.to_string(),
            ),
            facts.neighbours.sibling.unwrap_or(0.0)
        ),
    }
}

fn spamhaus(threats: &Threats) -> String {
    if threats.asn_drop >= 1.0 {
        "Spamhaus lists this network in ASN-DROP: run by, or leased to, \
         criminals as a whole."
            .into()
    } else if threats.asn_drop > 0.0 {
        format!(
            "Spamhaus listed this network in ASN-DROP until recently; {:.0} % \
             of that listing still counts.",
            100.0 * threats.asn_drop
        )
    } else if threats.listed_now {
        format!(
            "Spamhaus DROP lists space that is announced here as controlled by \
             criminals: {} of all of it, ended listings counted in part.",
            percent(100.0 * threats.drop_space_share)
        )
    } else {
        format!(
            "Spamhaus DROP has listed space that is announced here; the \
             listings have ended and fade, {} of the space still counts.",
            percent(100.0 * threats.drop_space_share)
        )
    }
}

fn hosts(what: &str, shown: u32, facts: &Facts<'_>) -> String {
    let days = facts.model.count_window_days;
    let space = space(&facts.signals.exposure);
    let counted = if shown == 0 {
        format!("No {what} in the last {days} days, but reports before that")
    } else {
        format!("{} in the last {days} days", count(shown, what))
    };
    let months =
        facts.signals.threats.as_ref().map_or(0, |t| t.persistence_months);
    let window = facts.model.window_months;
    let persistence = match months {
        0 => String::new(),
        _ => format!(" Hosting abuse in {months} of the last {window} months."),
    };
    format!("{counted}, on {space}.{persistence}")
}

fn sources(
    what: &str,
    harm: &str,
    shown: u32,
    rate: impl Fn(&LowRates) -> f64,
    facts: &Facts<'_>,
) -> String {
    let days = facts.model.count_window_days;
    let rate = rate(&low_rates(facts.signals, facts.model));
    format!(
        "{} listed for {harm} in the last {days} days, on {}: at least {rate:.1} \
         per block.",
        count(shown, &format!("{what} source")),
        space(&facts.signals.exposure),
    )
}

fn hygiene(code: Code, facts: &Facts<'_>) -> String {
    let hygiene = &facts.signals.hygiene;
    let number = |value: Option<f64>| value.unwrap_or(0.0);
    match code {
        Code::RpkiInvalid => format!(
            "{} of the originated addresses contradict a ROA (RPKI-invalid).",
            percent(number(hygiene.rpki_invalid_percent))
        ),
        Code::RouteLeak => format!(
            "Leaked routes between its neighbours in the last 90 days; \
             incidents weigh {:.1}.",
            number(hygiene.route_leak_weight)
        ),
        Code::BogonAd => "Originates address space that nobody may announce, \
             or has a reserved AS number, as its own or as neighbour."
            .into(),
        Code::AspaInvalid => format!(
            "{} on which it breaks a published provider authorisation (ASPA).",
            count(hygiene.aspa_invalid_routes.unwrap_or(0), "route")
        ),
        Code::StubTransit => "Has no known customer, yet carries routes of \
             other networks."
            .into(),
        Code::Fragmentation => format!(
            "{} of its prefixes are more-specifics of its own announcements; \
             95 % of networks of its size stay below {}.",
            percent(number(hygiene.prefix_granularity)),
            percent(number(hygiene.granularity_p95))
        ),
        Code::RpkiUnknown => format!(
            "{} of the originated addresses of one family (IPv4 or IPv6, the \
             larger share) have no ROA, so nobody can filter hijacks of them.",
            percent(number(hygiene.rpki_unknown_percent))
        ),
        _ => "The registration names no organisation that could be held \
             responsible."
            .into(),
    }
}

fn stability(code: Code, facts: &Facts<'_>) -> String {
    let stability = &facts.signals.stability;
    let metadata = &facts.signals.metadata;
    match code {
        Code::Unproven => unproven(metadata, facts.assessment),
        Code::StabilitySerialOrigin => format!(
            "Shows {} of the 5 habits of serial hijackers: short-lived \
             prefixes, volatile origins, conflicts, scattered registries, low \
             visibility.",
            stability.serial_origin_features.unwrap_or(0)
        ),
        Code::StabilityChurn => format!(
            "Changes origins and providers {:.1} times as often as 95 % of \
             networks like it.",
            stability.churn_ratio.unwrap_or(0.0)
        ),
        Code::StabilityFlapping => format!(
            "Its routes flap {:.0} times as often as those of a typical \
             network of its size.",
            stability.flap_ratio.unwrap_or(0.0)
        ),
        Code::StabilityPrepending => format!(
            "{} prepended more than 5 times.",
            count(stability.excessive_prepending_count.unwrap_or(0), "prefix")
        ),
        Code::StabilityBlackhole => format!(
            "{} blackholed in the last 7 days: the network is under attack, \
             which is no fault of its own.",
            count(stability.ddos_blackhole_count.unwrap_or(0), "prefix")
        ),
        _ => surroundings(code, metadata, facts.neighbours),
    }
}

fn surroundings(
    code: Code,
    metadata: &Metadata,
    neighbours: &Neighbours,
) -> String {
    match code {
        Code::DownstreamRisk => format!(
            "Its direct customers score {:.0} of 100 on average, by direct \
             evidence.",
            neighbours.downstream.unwrap_or(100.0)
        ),
        Code::UpstreamRisk => format!(
            "Its providers bear {:.1} units of direct evidence on average.",
            neighbours.upstream.unwrap_or(0.0)
        ),
        Code::MetaNoPdb => "Has no PeeringDB profile, which is normal for two \
             networks in three."
            .into(),
        Code::MetaNoTier1 => "None of its providers belongs to the \
             provider-free core of the Internet."
            .into(),
        Code::BonusPeeringdb => "Keeps a PeeringDB profile.".into(),
        Code::BonusTier1 => format!(
            "Buys transit from {} of the provider-free core.",
            count(metadata.upstream_tier1_count.unwrap_or(0), "network")
        ),
        _ => "The operator of this system trusts this network; it is in no \
             feed."
            .into(),
    }
}

fn unproven(metadata: &Metadata, assessment: &Assessment) -> String {
    let age = match metadata.age_days {
        Some(0) => "Registered today".into(),
        Some(days) => format!("Registered {} ago", count(days, "day")),
        None => "Of unknown age".into(),
    };
    format!(
        "{age}, with too little seen to call it clean (confidence {:.2}).",
        assessment.confidence
    )
}

/// `12 /24s of IPv4 space`; IPv6 only when there is no IPv4.
fn space(exposure: &Exposure) -> String {
    let blocks = |blocks: f64, unit: &str, family: &str| {
        let plural = if blocks > 1.0 { "s" } else { "" };
        let blocks = grouped(blocks.max(1.0));
        format!("{blocks} {unit}{plural} of {family} space")
    };
    if exposure.v4 > 0.0 {
        blocks(exposure.v4, "/24", "IPv4")
    } else if exposure.v6 > 0.0 {
        blocks(exposure.v6, "/48", "IPv6")
    } else {
        "space that it announced earlier".into()
    }
}

/// `1 server`, `12 servers`, `1,200 addresses`, `3 prefixes`.
fn count(number: u32, noun: &str) -> String {
    let number = f64::from(number);
    let plural = match noun {
        _ if number == 1.0 => "",
        _ if noun.ends_with('s') || noun.ends_with('x') => "es",
        _ => "s",
    };
    format!("{} {noun}{plural}", grouped(number))
}

/// A whole number with commas: `51,200`.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn percent(value: f64) -> String {
    if value > 0.0 && value < 0.1 {
        "less than 0.1 %".into()
    } else {
        format!("{value:.1} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::fixture::{Case, family};

    #[test]
    fn sentences_carry_the_numbers_in_good_english() {
        let mut case =
            Case::hosting(1.0, 40.0, 12).families(vec![family(0), family(1)]);
        let threats = case.threats();
        threats.shown.c2 = 1;
        threats.shown.malware = 1_200;
        case.signals.hygiene.rpki_invalid_percent = Some(0.01);
        case.signals.stability.ddos_blackhole_count = Some(400);
        let assessment = case.assess();
        let facts = Facts {
            signals: &case.signals,
            neighbours: &case.neighbours,
            sibling: None,
            assessment: &assessment,
            model: &case.model,
        };
        for (code, text) in [
            (
                Code::ThreatBotnet,
                "1 botnet command-and-control server in the last 90 days, on \
                 1 /24 of IPv4 space. Hosting abuse in 12 of the last 12 \
                 months.",
            ),
            (
                Code::ThreatMalware,
                "1,200 malware distribution addresses in the last 90 days, on \
                 1 /24 of IPv4 space. Hosting abuse in 12 of the last 12 \
                 months.",
            ),
            (
                Code::RpkiInvalid,
                "less than 0.1 % of the originated addresses contradict a ROA \
                 (RPKI-invalid).",
            ),
            (
                Code::StabilityBlackhole,
                "400 prefixes blackholed in the last 7 days: the network is \
                 under attack, which is no fault of its own.",
            ),
        ] {
            assert_eq!(code.description(&facts), text);
        }
    }

    #[test]
    fn every_code_has_a_finished_sentence_even_without_data() {
        let case = Case::empty();
        let assessment = case.assess();
        let facts = Facts {
            signals: &case.signals,
            neighbours: &case.neighbours,
            sibling: None,
            assessment: &assessment,
            model: &case.model,
        };
        let mut seen = std::collections::BTreeSet::new();
        for (code, name) in Code::VALUES {
            let text = code.description(&facts);
            assert!(text.ends_with('.') && !text.contains("NaN"), "{name}");
            assert!(seen.insert(text), "{name} repeats another code");
        }
    }

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        assert_eq!(count(0, "address"), "0 addresses");
        assert_eq!(count(1, "prefix"), "1 prefix");
        assert_eq!(count(1_234_567, "route"), "1,234,567 routes");
        assert_eq!(grouped(999.0), "999");
    }
}
