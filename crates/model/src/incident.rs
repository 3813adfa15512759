//! Incidents: what one network did wrong in BGP, from when to when, and what
//! shows it.
//!
//! An incident is already merged: the same fault of the same network, seen by
//! many peers for many prefixes, again and again within the hour, is one.
//! Blackholes, flaps and prepending are numbers of [`crate::signals`], not
//! incidents: nobody is at fault for being attacked.

use serde::{Deserialize, Serialize};

use crate::{Asn, Prefix};

/// Most prefixes that an incident names; [`Incident::prefix_count`] has all.
pub const MAX_PREFIXES: usize = 50;
/// Most pieces of evidence that an incident keeps.
pub const MAX_EVIDENCE: usize = 5;
/// Most other networks that an incident names.
pub const MAX_OTHERS: usize = 20;

/// One fault of one network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// What happened.
    pub kind: IncidentKind,
    /// How it happened.
    pub subtype: Subtype,
    /// The network at fault: who leaked, hijacked, or announced a bogon.
    pub asn: Asn,
    /// Networks on the other side, ascending, at most [`MAX_OTHERS`]: of a
    /// leak from whom and to whom, of a hijack the victims, of MOAS the other
    /// origins, of a bogon number the number.
    pub others: Box<[Asn]>,
    /// When it began to be seen, in seconds since 1970-01-01 UTC.
    pub start: u32,
    /// When it was last seen; `None` while it goes on.
    pub end: Option<u32>,
    /// Prefixes of it, ascending, at most [`MAX_PREFIXES`].
    pub prefixes: Box<[Prefix]>,
    /// How many distinct prefixes it had in all.
    pub prefix_count: u32,
    /// The largest number of peers that showed one of its prefixes at once.
    pub peers: u16,
    /// How much it counts in the score before it ages; 0 where the score does
    /// not count incidents of this kind. Of leaks: below 30 minutes 0.5, up to
    /// a day 1, and 1 more for each further day (MANRS Observatory).
    pub weight: f64,
    /// What was seen, the oldest first, at most [`MAX_EVIDENCE`].
    pub evidence: Box<[Evidence]>,
}

impl Incident {
    /// What the incident still counts at a moment (seconds since 1970), when
    /// its weight halves every `half_life_days` after its end. One that goes
    /// on counts in full.
    pub fn weight_at(&self, now: u32, half_life_days: f64) -> f64 {
        let age = now.saturating_sub(self.end.unwrap_or(now));
        let days = f64::from(age) / 86_400.0;
        self.weight * libm::exp2(-days / half_life_days)
    }

    /// Whether any part of it lies in `[since, …)` (seconds since 1970).
    pub fn reaches(&self, since: u32) -> bool {
        self.end.is_none_or(|end| end >= since)
    }

    /// The order in which incidents are kept: by network, then by time.
    pub fn order(&self) -> (Asn, u32, IncidentKind, Subtype) {
        (self.asn, self.start, self.kind, self.subtype)
    }
}

/// What happened.
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
#[serde(rename_all = "snake_case")]
pub enum IncidentKind {
    /// A route went on to a network that it was not meant for (RFC 7908).
    Leak,
    /// Somebody else's space was announced.
    Hijack,
    /// Two networks announce one prefix, and nothing explains it.
    Moas,
    /// Space or a number that nobody may use was announced.
    Bogon,
    /// A network without customers carried routes of others.
    StubTransit,
}

impl IncidentKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Leak, Self::Hijack, Self::Moas, Self::Bogon, Self::StubTransit];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leak => "leak",
            Self::Hijack => "hijack",
            Self::Moas => "moas",
            Self::Bogon => "bogon",
            Self::StubTransit => "stub_transit",
        }
    }
}

/// How it happened.
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
#[serde(rename_all = "snake_case")]
pub enum Subtype {
    /// Leak of a provider's route to another provider (RFC 7908, 3.1).
    Type1,
    /// Leak of a peer's route to another peer (RFC 7908, 3.2).
    Type2,
    /// Leak of a provider's route to a peer (RFC 7908, 3.3).
    Type3,
    /// Leak of a peer's route to a provider (RFC 7908, 3.4).
    Type4,
    /// Leak of a route marked for customers only (RFC 9234).
    Otc,
    /// Leak along a path that objects of its ASes exclude (ASPA).
    Aspa,
    /// Hijack of exactly the victim's prefix.
    Exact,
    /// Hijack by a part of the victim's prefix.
    SubPrefix,
    /// Several origins of one prefix.
    MultipleOrigins,
    /// A prefix of special-purpose space (IANA).
    Prefix,
    /// An AS number that is reserved, next to the network in the path.
    Asn,
    /// In the middle of paths to others.
    Carrier,
    /// A prefix that no registry has given to anybody.
    Unallocated,
}

impl Subtype {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Type1 => "type_1",
            Self::Type2 => "type_2",
            Self::Type3 => "type_3",
            Self::Type4 => "type_4",
            Self::Otc => "otc",
            Self::Aspa => "aspa",
            Self::Exact => "exact",
            Self::SubPrefix => "sub_prefix",
            Self::MultipleOrigins => "multiple_origins",
            Self::Prefix => "prefix",
            Self::Asn => "asn",
            Self::Carrier => "carrier",
            Self::Unallocated => "unallocated",
        }
    }
}

/// One route that shows an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When the peer said so, in seconds since 1970-01-01 UTC.
    pub at: u32,
    /// The peer that said so.
    pub peer: Asn,
    /// The prefix.
    pub prefix: Prefix,
    /// The AS path, the peer first, members of sets one after the other.
    pub path: Box<[Asn]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(end: Option<u32>) -> Incident {
        Incident {
            kind: IncidentKind::Leak,
            subtype: Subtype::Type1,
            asn: Asn(1),
            others: Box::default(),
            start: 0,
            end,
            prefixes: Box::default(),
            prefix_count: 1,
            peers: 3,
            weight: 2.0,
            evidence: Box::default(),
        }
    }

    #[test]
    fn weight_halves_with_age_and_not_while_it_goes_on() {
        let day = 86_400;
        let ended = incident(Some(10 * day));
        assert_eq!(ended.weight_at(10 * day, 90.0), 2.0);
        assert_eq!(ended.weight_at(100 * day, 90.0), 1.0);
        assert_eq!(incident(None).weight_at(100 * day, 90.0), 2.0);
    }

    #[test]
    fn an_incident_reaches_into_a_window_until_its_end() {
        assert!(incident(None).reaches(u32::MAX));
        assert!(incident(Some(5)).reaches(5));
        assert!(!incident(Some(5)).reaches(6));
    }
}
