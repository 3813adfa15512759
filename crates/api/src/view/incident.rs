//! What a network did wrong in BGP.

use asgard_model::{Asn, Incident, IncidentKind, incident::Evidence};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, Type},
};

use super::{moment, number::hundredths};

/// What a network did wrong in BGP, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentsView {
    #[schema(value_type = u32, minimum = 1)]
    asn: Asn,
    data: Vec<IncidentView>,
    total: usize,
    limit: u32,
    as_of: String,
}

/// One fault, all its prefixes and repetitions within the hour taken together.
#[derive(Debug, Serialize, ToSchema)]
struct IncidentView {
    #[serde(rename = "type")]
    #[schema(schema_with = kind_schema)]
    kind: &'static str,
    subtype: &'static str,
    start: String,
    end: Option<String>,
    prefixes: Vec<String>,
    peers: u16,
    evidence: Vec<SeenView>,
    prefix_count: u32,
    duration_seconds: u32,
    #[schema(value_type = Vec<u32>)]
    others: Vec<Asn>,
    weight: f64,
}

/// One route that shows it.
#[derive(Debug, Serialize, ToSchema)]
struct SeenView {
    at: String,
    #[schema(value_type = u32)]
    peer: Asn,
    prefix: String,
    #[schema(value_type = Vec<u32>)]
    path: Vec<Asn>,
}

impl IncidentsView {
    /// Shows the newest of the incidents that a client wants. What goes on is
    /// as long as it was at `as_of`.
    pub fn new<'a>(
        asn: Asn,
        wanted: impl Iterator<Item = &'a Incident>,
        limit: u32,
        as_of: Timestamp,
    ) -> Self {
        let mut all: Vec<&Incident> = wanted.collect();
        all.sort_by_key(|i| std::cmp::Reverse(i.start));
        let total = all.len();
        let now = u32::try_from(as_of.as_second().max(0)).unwrap_or(u32::MAX);
        let shown = all.into_iter().take(limit as usize);
        Self {
            asn,
            data: shown.map(|i| IncidentView::new(i, now)).collect(),
            total,
            limit,
            as_of: moment::zulu(as_of),
        }
    }
}

impl IncidentView {
    fn new(incident: &Incident, now: u32) -> Self {
        Self {
            kind: incident.kind.as_str(),
            subtype: incident.subtype.as_str(),
            start: moment::zulu(at(incident.start)),
            end: incident.end.map(|end| moment::zulu(at(end))),
            prefixes: incident.prefixes.iter().map(text).collect(),
            peers: incident.peers,
            evidence: incident.evidence.iter().map(SeenView::new).collect(),
            prefix_count: incident.prefix_count,
            duration_seconds: incident
                .end
                .unwrap_or(now)
                .saturating_sub(incident.start),
            others: incident.others.to_vec(),
            weight: hundredths(incident.weight),
        }
    }
}

impl SeenView {
    fn new(evidence: &Evidence) -> Self {
        Self {
            at: moment::zulu(at(evidence.at)),
            peer: evidence.peer,
            prefix: evidence.prefix.to_string(),
            path: evidence.path.to_vec(),
        }
    }
}

fn text(prefix: &asgard_model::Prefix) -> String {
    prefix.to_string()
}

/// Every 32-bit number of seconds is a moment.
fn at(seconds: u32) -> Timestamp {
    Timestamp::from_second(seconds.into()).unwrap_or_default()
}

/// The names of the kinds, from the one table.
pub(crate) fn kind_schema() -> Object {
    let names = IncidentKind::ALL.map(IncidentKind::as_str);
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names))
        .build()
}
