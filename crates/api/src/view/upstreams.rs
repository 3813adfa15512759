//! The networks that one network buys transit from, and how risky they are.

use std::cmp::Reverse;

use asgard_model::{Asn, Profile, Snapshot};
use serde::Serialize;
use utoipa::ToSchema;

use super::{NAMELESS, level_schema};

/// The providers of one network.
#[derive(Debug, Serialize, ToSchema)]
pub struct UpstreamsView<'a> {
    #[schema(value_type = u32, minimum = 1)]
    asn: Asn,
    risk_score: u8,
    avg_upstream_score: Option<u8>,
    upstreams: Vec<UpstreamView<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct UpstreamView<'a> {
    #[schema(value_type = u32, minimum = 1)]
    asn: Asn,
    name: &'a str,
    score: u8,
    #[schema(schema_with = level_schema)]
    risk_level: &'static str,
    connection_count: usize,
}

impl<'a> UpstreamsView<'a> {
    /// Shows the providers of a profile of a Snapshot.
    pub fn new(snapshot: &'a Snapshot, profile: &Profile<'a>) -> Self {
        let node = profile.node;
        let upstreams = node.map_or(vec![], |node| upstreams(snapshot, node));
        Self {
            asn: profile.asn,
            risk_score: profile.assessment.score,
            avg_upstream_score: average(&upstreams),
            upstreams,
        }
    }
}

/// Connections are routes, pairs of prefix and peer, over the provider; one of
/// which no path tells is none. Where no paths were read nobody knows which
/// prefix goes through which provider, so each counts for all that the network
/// announces.
fn upstreams(snapshot: &Snapshot, node: usize) -> Vec<UpstreamView<'_>> {
    let world = &snapshot.world;
    let announced = world.announced.of(node).len();
    let counted = world.graph.connections(node);
    let connections = |at: usize| match counted {
        Some(counted) => counted.get(at).map_or(0, |&n| n as usize),
        None => announced,
    };
    let providers = world.graph.providers(node).iter().enumerate();
    let mut found: Vec<_> = providers
        .filter(|(at, _)| counted.is_none() || connections(*at) > 0)
        .filter_map(|(at, &provider)| {
            let asn = *world.asns.get(provider as usize)?;
            let profile = snapshot.profile(asn)?;
            Some(UpstreamView::new(&profile, connections(at)))
        })
        .collect();
    in_order(&mut found);
    found
}

impl<'a> UpstreamView<'a> {
    fn new(profile: &Profile<'a>, connection_count: usize) -> Self {
        Self {
            asn: profile.asn,
            name: profile.registration.name.as_deref().unwrap_or(NAMELESS),
            score: profile.assessment.score,
            risk_level: profile.assessment.level.as_str(),
            connection_count,
        }
    }
}

/// Most connections first, then by ASN.
fn in_order(upstreams: &mut [UpstreamView<'_>]) {
    upstreams.sort_unstable_by_key(|u| (Reverse(u.connection_count), u.asn));
}

/// The mean of the published scores, each weighted with its connections,
/// rounded half up; a plain mean if there are no connections at all.
fn average(upstreams: &[UpstreamView<'_>]) -> Option<u8> {
    let connected = upstreams.iter().any(|u| u.connection_count > 0);
    let weight = |u: &UpstreamView<'_>| match connected {
        true => u.connection_count as u64,
        false => 1,
    };
    let total: u64 = upstreams.iter().map(weight).sum();
    let sum: u64 =
        upstreams.iter().map(|u| u64::from(u.score) * weight(u)).sum();
    let rounded = (sum + total / 2).checked_div(total)?;
    u8::try_from(rounded).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn upstream(
        asn: u32,
        score: u8,
        connection_count: usize,
    ) -> UpstreamView<'static> {
        let (asn, name) = (Asn(asn), "X");
        UpstreamView { asn, name, score, risk_level: "LOW", connection_count }
    }

    fn average_of(rows: &[(u8, usize)]) -> Option<u8> {
        let rows = rows.iter().map(|&(score, count)| upstream(1, score, count));
        average(&rows.collect::<Vec<_>>())
    }

    #[test]
    fn scores_weigh_as_much_as_their_connections() {
        for (rows, mean) in [
            (&[(90, 450), (85, 300)][..], Some(88)), // as documented
            (&[(100, 1), (0, 3)], Some(25)),
            (&[(100, 5), (0, 0)], Some(100)),
            (&[(90, 1), (85, 1)], Some(88)), // 87.5
            (&[(0, 2), (1, 1)], Some(0)),    // 0.33
            (&[(100, 0), (50, 0)], Some(75)),
            (&[], None),
        ] {
            assert_eq!(average_of(rows), mean, "{rows:?}");
        }
    }

    #[test]
    fn most_connections_come_first_then_the_lowest_number() {
        let rows = [(9, 1), (7, 300), (3, 1), (2, 450), (5, 300)];
        let mut rows = rows.map(|(asn, count)| upstream(asn, 50, count));
        in_order(&mut rows);
        assert_eq!(rows.map(|row| row.asn.0), [2, 5, 7, 3, 9]);
    }

    proptest! {
        #[test]
        fn the_mean_lies_between_the_best_and_the_worst(
            rows in prop::collection::vec((0..=100u8, 0..2_000_000usize), 1..50)
        ) {
            let mean = average_of(&rows).unwrap();
            prop_assert!(rows.iter().any(|row| row.0 <= mean));
            prop_assert!(rows.iter().any(|row| row.0 >= mean));
        }
    }
}
