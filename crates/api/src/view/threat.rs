//! Shapes of the threat feeds.
//!
//! What the policy serialises by itself (rules, explanations, guards) is
//! described here for the document only; a test holds answers against it.

use std::net::IpAddr;

use asgard_model::{Asn, Day, Snapshot};
use asgard_policy::access::{Protected, Target};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{country_name, moment::zulu};

/// What to do with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Advice {
    /// Refuse it.
    Block,
    /// Let it prove that it is a browser.
    Challenge,
    /// Let it prove that it is a human.
    Captcha,
    /// Let it pass.
    Allow,
}

/// A judgement about an address, before it is written.
#[derive(Debug)]
pub(crate) struct Intel {
    /// 100 is worst.
    pub(crate) score: u8,
    pub(crate) confidence: f64,
    pub(crate) categories: Vec<String>,
    pub(crate) first_seen: Option<Day>,
    pub(crate) last_seen: Option<Day>,
    pub(crate) source_count: usize,
    pub(crate) reason_code: &'static str,
    pub(crate) reason_summary: String,
    pub(crate) rule_id: String,
    pub(crate) advice: Advice,
    pub(crate) asn: Option<Asn>,
}

/// What is known about an address.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ThreatView {
    schema_version: &'static str,
    tenant_id: String,
    #[schema(value_type = String)]
    ip: IpAddr,
    intel: IntelView,
    context: ContextView,
    advice: Advice,
    ttl_s: i64,
    generated_at: String,
}

/// The judgement; here a score of 100 is worst.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IntelView {
    score: u8,
    confidence: f64,
    score_version: String,
    categories: Vec<String>,
    tags: Vec<String>,
    first_seen: Option<String>,
    last_seen: Option<String>,
    source_count: usize,
    reason_code: &'static str,
    reason_summary: String,
    rule_id: String,
}

/// Whose address it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContextView {
    asn: u32,
    org: String,
    ip_version: u8,
    asn_score: u8,
    asn_level: &'static str,
    geo: GeoView,
}

/// Where it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GeoView {
    country: String,
    country_code: String,
    iso_code: String,
    asniso_code: String,
}

/// Lists tell days; clients read moments.
fn midnight(day: Day) -> String {
    format!("{day}T00:00:00Z")
}

impl ThreatView {
    pub(crate) fn new(
        org: &str,
        ip: IpAddr,
        snapshot: &Snapshot,
        intel: Intel,
        ttl_s: i64,
        now: Timestamp,
    ) -> Self {
        let context = ContextView::new(ip, snapshot, intel.asn);
        Self {
            schema_version: "1.0",
            tenant_id: org.to_owned(),
            ip,
            advice: intel.advice,
            intel: IntelView {
                score: intel.score,
                confidence: intel.confidence,
                score_version: snapshot.model_version.to_string(),
                categories: intel.categories,
                tags: Vec::new(),
                first_seen: intel.first_seen.map(midnight),
                last_seen: intel.last_seen.map(midnight),
                source_count: intel.source_count,
                reason_code: intel.reason_code,
                reason_summary: intel.reason_summary,
                rule_id: intel.rule_id,
            },
            context,
            ttl_s,
            generated_at: zulu(now),
        }
    }
}

impl ContextView {
    fn new(ip: IpAddr, snapshot: &Snapshot, asn: Option<Asn>) -> Self {
        let profile = asn.and_then(|asn| snapshot.profile(asn));
        let registration = profile.as_ref().map(|p| p.registration);
        let name = registration.and_then(|r| r.name.as_deref());
        let of_network = registration.and_then(|r| r.country);
        let here = snapshot.world.countries.of(ip).or(of_network);
        let code = here.map(|code| code.to_string()).unwrap_or_default();
        let judged = profile.as_ref().map(|p| p.assessment);
        Self {
            asn: asn.map_or(0, |asn| asn.0),
            org: name.unwrap_or_default().to_owned(),
            ip_version: if ip.is_ipv4() { 4 } else { 6 },
            asn_score: judged.map_or(0, |assessment| assessment.score),
            asn_level: judged.map_or("", |a| a.level.as_str()),
            geo: GeoView {
                country: here.map(country_name::of).unwrap_or_default(),
                country_code: code.clone(),
                iso_code: code,
                asniso_code: of_network
                    .map(|code| code.to_string())
                    .unwrap_or_default(),
            },
        }
    }
}

/// Something that no feed may name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProtectedView {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    reason: String,
    /// operator, unblock, builtin, whitelist or poller.
    source: &'static str,
    expires_at: Option<String>,
    created_at: String,
}

impl ProtectedView {
    pub(crate) fn new(entry: &Protected) -> Self {
        let (mut ip, mut asn, mut country) = (None, None, None);
        match entry.target {
            Target::Ip(prefix) => ip = Some(prefix.to_string()),
            Target::Asn(number) => asn = Some(number.to_string()),
            Target::Country(code) => country = Some(code.to_string()),
        }
        Self {
            id: entry.id.to_string(),
            ip,
            asn,
            country,
            reason: entry.reason.clone(),
            source: entry.source.as_str(),
            expires_at: entry.expires_at.map(zulu),
            created_at: zulu(entry.created_at),
        }
    }
}

/// A list of things by kind; resolved, networks and countries are objects with
/// one key.
#[derive(ToSchema)]
#[schema(as = Selectors)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct SelectorsSchema {
    country: Vec<Value>,
    asn: Vec<Value>,
    ips: Vec<String>,
}

/// What a rule blocks.
#[derive(ToSchema)]
#[schema(as = Block)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct BlockSchema {
    country: Vec<Value>,
    asn: Vec<Value>,
    ips: Vec<String>,
    risk: Vec<Value>,
    lists: Vec<Value>,
}

/// What to block, in a request.
#[derive(ToSchema)]
#[schema(as = BlockBody)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct BlockBodySchema {
    #[schema(max_items = 300)]
    country: Option<Vec<String>>,
    #[schema(max_items = 20000)]
    asn: Option<Vec<Value>>,
    #[schema(max_items = 100_000)]
    ips: Option<Vec<String>>,
    #[schema(max_items = 16)]
    risk: Option<Vec<Value>>,
    #[schema(max_items = 100)]
    lists: Option<Vec<String>>,
}

/// What to allow, in a request.
#[derive(ToSchema)]
#[schema(as = AllowBody)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct AllowBodySchema {
    country: Option<Vec<String>>,
    asn: Option<Vec<Value>>,
    ips: Option<Vec<String>>,
}

/// A rule in a request.
#[derive(ToSchema)]
#[schema(as = RuleBody)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct RuleBodySchema {
    #[schema(max_length = 200)]
    name: Option<String>,
    #[schema(max_length = 2000)]
    description: Option<String>,
    #[schema(value_type = Option<bool>)]
    is_active: Option<bool>,
    allow: Option<AllowBodySchema>,
    block: Option<BlockBodySchema>,
    expires_at: Option<String>,
    confirm_share: Option<f64>,
}

/// A rule.
#[derive(ToSchema)]
#[schema(as = Rule)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct RuleSchema {
    id: String,
    name: String,
    description: String,
    is_active: bool,
    allow: SelectorsSchema,
    block: BlockSchema,
    expires_at: Option<String>,
    created_at: String,
    updated_at: String,
}

/// One rule in its envelope.
#[derive(ToSchema)]
#[schema(as = OneRule)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct OneRuleSchema {
    success: bool,
    data: RuleSchema,
}

/// Rules in their envelope.
#[derive(ToSchema)]
#[schema(as = Rules)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct RulesSchema {
    success: bool,
    data: Vec<RuleSchema>,
    total: u32,
    version: u64,
}

/// One protected entry in its envelope.
#[derive(ToSchema)]
#[schema(as = OneProtected)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct OneProtectedSchema {
    success: bool,
    data: Value,
}

/// Protected entries in their envelope.
#[derive(ToSchema)]
#[schema(as = ProtectedList)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct ProtectedListSchema {
    success: bool,
    data: Vec<Value>,
    version: u64,
}

/// What to protect: one of `ip`, `asn`, `country`, and why.
#[derive(ToSchema)]
#[schema(as = ProtectedBody)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct ProtectedBodySchema {
    ip: Option<String>,
    asn: Option<Value>,
    country: Option<String>,
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
    expires_at: Option<String>,
}

/// What was removed.
#[derive(ToSchema)]
#[schema(as = Removed)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct RemovedSchema {
    success: bool,
    data: Value,
}

/// An event: block or unblock one thing.
#[derive(ToSchema)]
#[schema(as = SignalBody)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct SignalBodySchema {
    r#type: String,
    action: String,
    ip: Option<String>,
    asn: Option<Value>,
    country: Option<String>,
    expiration: Option<i64>,
    name: Option<String>,
    description: Option<String>,
    confirm_share: Option<f64>,
}

/// What became of events.
#[derive(ToSchema)]
#[schema(as = SignalReply)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct SignalReplySchema {
    success: bool,
    data: SignalDataSchema,
}

/// What became of each event.
#[derive(ToSchema)]
#[schema(as = SignalData)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct SignalDataSchema {
    accepted: u32,
    rejected: u32,
    version: u64,
    results: Vec<Value>,
}

/// Why an address is in the feed, or is not.
#[derive(ToSchema)]
#[schema(as = Explanation)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct ExplanationSchema {
    ip: String,
    in_feed: bool,
    last_good: bool,
    entry: Option<String>,
    reasons: Vec<Value>,
    protected_by: Vec<Value>,
    left_out_by: Vec<Value>,
    serial: u64,
    version: u64,
}

/// What a feed is.
#[derive(ToSchema)]
#[schema(as = Manifest)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct ManifestSchema {
    format: String,
    params: Value,
    version: u64,
    serial: u64,
    sha256: String,
    bytes: u64,
    entries: u64,
    entries_v4: u64,
    entries_v6: u64,
    addresses_v4: u64,
    share_v4: f64,
    rules: u64,
    built_at: String,
    data_date: String,
    stale_seconds: u64,
    held: bool,
    truncated: u64,
    extra_addresses: u64,
    withheld: u64,
    guards: Vec<Value>,
    url: String,
}

/// What changed between two bodies.
#[derive(ToSchema)]
#[schema(as = FeedDiff)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct DiffSchema {
    from: u64,
    to: u64,
    from_etag: String,
    to_etag: String,
    added: Vec<String>,
    removed: Vec<String>,
}

/// Versions of the rules in their envelope.
#[derive(ToSchema)]
#[schema(as = Versions)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct VersionsSchema {
    success: bool,
    data: Vec<Value>,
}

/// A version of the past.
#[derive(ToSchema)]
#[schema(as = VersionBody)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct VersionBodySchema {
    #[schema(minimum = 1)]
    version: u64,
}

/// An empty object.
#[derive(ToSchema)]
#[schema(as = NothingBody)]
pub(crate) struct NothingBodySchema {}

/// The version that a write made.
#[derive(ToSchema)]
#[schema(as = DoneVersion)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct DoneVersionSchema {
    success: bool,
    data: Value,
}

/// A change to be judged.
#[derive(ToSchema)]
#[schema(as = PreviewBody)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct PreviewBodySchema {
    /// One rule, or a list of events.
    rules: Option<Value>,
    protected: Option<Vec<ProtectedBodySchema>>,
    params: Option<Value>,
}

/// What a change would do.
#[derive(ToSchema)]
#[schema(as = Preview)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct PreviewSchema {
    entries: Value,
    addresses_v4: Value,
    share_v4: f64,
    share_v6_routed: f64,
    protected_hits: Vec<Value>,
    splits: Value,
    biggest: Vec<String>,
    guards: Vec<Value>,
    special_purpose: Vec<String>,
    withheld: Vec<Value>,
    budgets: Vec<Value>,
}

/// Bytes of a file.
#[derive(ToSchema)]
#[schema(as = File, value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct FileSchema(Vec<u8>);

/// What a bouncer gets.
#[derive(ToSchema)]
#[schema(as = Decisions)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct DecisionsSchema {
    new: Vec<DecisionSchema>,
    deleted: Vec<DecisionSchema>,
}

/// A decision of CrowdSec's local API.
#[derive(ToSchema)]
#[schema(as = Decision)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct DecisionSchema {
    id: u64,
    /// `asgard`
    origin: String,
    /// `ban`
    r#type: String,
    /// `Ip` or `Range`
    scope: String,
    value: String,
    /// As Go writes it: `3h59m0s`
    duration: String,
    scenario: String,
}

/// The enforced set for a Synapse agent.
#[derive(ToSchema)]
#[schema(as = SynapseConfig)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct ConfigSchema {
    success: bool,
    config: Value,
}
