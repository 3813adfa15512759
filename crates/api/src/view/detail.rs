//! The reasons for a score: what, how much, what to do, and the evidence.

use asgard_model::{
    Category, Code, Detail, Profile, Snapshot,
    world::{Sample, Topic},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Samples shown for one reason.
const SAMPLES: usize = 5;

/// One reason; the points of all add up to `100 − risk_score`.
#[derive(Debug, Serialize, ToSchema)]
pub struct DetailView<'a> {
    code: &'static str,
    severity: &'static str,
    description: String,
    action: &'static str,
    points: i8,
    evidence: Vec<EvidenceView<'a>>,
}

/// One piece of evidence.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceView<'a> {
    topic: &'static str,
    /// The address, block or route; null when the AS itself is listed.
    prefix: Option<String>,
    /// Who says so; null if asgard computed it.
    source: Option<&'a str>,
    first_seen: Option<String>,
    last_seen: Option<String>,
}

/// The reasons of a profile, most points first.
pub(super) fn details<'a>(
    snapshot: &'a Snapshot,
    profile: &Profile<'a>,
) -> Vec<DetailView<'a>> {
    let show = |detail: &Detail| DetailView {
        code: detail.code.as_str(),
        severity: detail.code.severity().as_str(),
        description: snapshot.describe(profile, detail.code),
        action: detail.code.action(profile.signals),
        points: detail.points,
        evidence: evidence(snapshot, profile, detail.code),
    };
    profile.assessment.details.iter().map(show).collect()
}

fn evidence<'a>(
    snapshot: &'a Snapshot,
    profile: &Profile<'a>,
    code: Code,
) -> Vec<EvidenceView<'a>> {
    let samples = profile.samples.iter();
    samples
        .filter(|sample| code_of(sample.topic) == code)
        .take(SAMPLES)
        .map(|sample| EvidenceView::new(snapshot, sample))
        .collect()
}

impl<'a> EvidenceView<'a> {
    fn new(snapshot: &'a Snapshot, sample: &Sample) -> Self {
        let world = &snapshot.world;
        let is_about_asn = sample.topic == Topic::AsnDrop;
        Self {
            topic: topic_name(sample.topic),
            prefix: (!is_about_asn).then(|| sample.prefix.to_string()),
            source: sample.source.map(|id| world.source_name(id)),
            first_seen: sample.first_seen.map(|day| day.to_string()),
            last_seen: sample.last_seen.map(|day| day.to_string()),
        }
    }
}

/// The reason that a sample is evidence for.
fn code_of(topic: Topic) -> Code {
    match topic {
        Topic::AsnDrop | Topic::Drop => Code::ThreatSpamhaus,
        Topic::Abuse(Category::C2) => Code::ThreatBotnet,
        Topic::Abuse(Category::Malware) => Code::ThreatMalware,
        Topic::Abuse(Category::Phishing) => Code::ThreatPhishing,
        Topic::Abuse(Category::Spam) => Code::ThreatSpam,
        Topic::Abuse(Category::Attack) => Code::ThreatAttackSource,
        Topic::RpkiInvalid => Code::RpkiInvalid,
        Topic::Bogon => Code::BogonAd,
    }
}

fn topic_name(topic: Topic) -> &'static str {
    match topic {
        Topic::AsnDrop => "asn_drop",
        Topic::Drop => "drop",
        Topic::Abuse(category) => category.as_str(),
        Topic::RpkiInvalid => "rpki_invalid",
        Topic::Bogon => "bogon",
    }
}
