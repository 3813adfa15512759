//! Why an address is in a feed, or is not.

use std::net::IpAddr;

use asgard_model::Asn;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::compile::Compiled;
use crate::access::{Facts, ProtectedSource, Ruleset};

/// Why an address is in a feed, or is not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The address, canonical.
    pub ip: IpAddr,
    /// Whether the feed blocks it.
    pub in_feed: bool,
    /// The narrowest entry that holds it.
    pub entry: Option<String>,
    /// Every selector that puts it there.
    pub reasons: Vec<Reason>,
    /// What keeps it out, or would.
    pub protected_by: Vec<ProtectedBy>,
    /// Networks that a rule selects by risk and a guard leaves out.
    pub left_out_by: Vec<LeftOut>,
    /// The serial of the data.
    pub serial: u64,
    /// The version of the rules.
    pub version: u64,
}

/// A selector that puts an address into a feed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// The rule.
    pub rule_id: Uuid,
    /// Its name.
    pub rule_name: String,
    /// `asn:AS64496`, `country:NL`, `ip:…`, `risk:max_score=30`, `list:…`.
    pub selector: String,
    /// The entry.
    pub prefix: String,
    /// The network behind it.
    pub asn: Option<Asn>,
    /// Its score.
    pub score: Option<u8>,
    /// Its level.
    pub level: Option<&'static str>,
    /// What speaks against the address: lists that name it, reasons of the
    /// score.
    pub evidence: Vec<String>,
    /// Since when the rule stands.
    pub since: Timestamp,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// What keeps an address out of a feed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProtectedBy {
    /// The entry, if it is one that can be removed.
    pub id: Option<Uuid>,
    /// `ip:…`, `asn:…`, `country:…`, or the name of a built-in set.
    pub selector: String,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub source: ProtectedSource,
}

/// A guard that left a network out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftOut {
    /// The selector of the rule.
    pub selector: String,
    /// The network.
    pub asn: Asn,
    /// The guard, and what it measured.
    #[serde(flatten)]
    pub skipped: super::decision::Skipped,
}

/// Explains an address against a compiled feed, without any parameter of a
/// request.
pub fn explain(
    ip: IpAddr,
    compiled: &Compiled,
    ruleset: &Ruleset,
    facts: &Facts<'_>,
) -> Explanation {
    let _ = (ip, compiled, ruleset, facts);
    unimplemented!()
}
