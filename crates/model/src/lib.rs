//! Vocabulary and arithmetic of asgard: no async, no I/O, no clock.
//!
//! | words | modules |
//! |---|---|
//! | who and where | [`asn`], [`as_path`], [`prefix`], [`country`], [`country_space`], [`rir`], [`registration`], [`day`] |
//! | what was seen | [`observation`], [`family`], [`signals`] |
//! | the Internet | [`lpm`], [`routing_table`], [`rpki`], [`aspa`], [`graph`], [`incident`], [`landmark`], [`special_purpose`], [`peeringdb`], [`named`], [`world`] |
//! | judgement | [`scoring`], [`band`], [`assessment`] |
//! | the gateway's tables | [`mmdb`], [`pages`], [`flat_table`], [`network_table`], [`place_table`] |
//! | publication | [`snapshot`], [`delta`] |
//!
//! Same signals, same score, byte for byte: every function here is pure.

pub mod as_path;
pub mod asn;
pub mod aspa;
pub mod assessment;
pub mod band;
pub mod country;
pub mod country_space;
pub mod day;
pub mod delta;
pub mod family;
pub mod flat_table;
pub mod graph;
pub mod incident;
pub mod landmark;
pub mod lpm;
pub mod mmdb;
pub mod named;
pub mod network_table;
pub mod observation;
pub mod pages;
pub mod peeringdb;
pub mod place_table;
pub mod prefix;
pub mod registration;
pub mod rir;
pub mod routing_table;
pub mod rpki;
pub mod scoring;
pub mod session_status;
pub mod signals;
pub mod snapshot;
pub mod source_status;
pub mod special_purpose;
mod texts;
pub mod world;

pub use as_path::{AsPath, Segment, SegmentKind};
pub use asn::Asn;
pub use assessment::{Assessment, AssessmentState, Detail};
pub use band::{Bands, Level};
pub use country::CountryCode;
pub use country_space::{CountryBuilder, CountrySpace};
pub use day::Day;
pub use delta::{Delta, ScoreChange, ScoreEvent};
pub use family::FamilyId;
pub use incident::{Incident, IncidentKind, Subtype};
pub use landmark::{Class, Landmarks};
pub use named::Named;
pub use network_table::{NetworkFacts, NetworkTable};
pub use observation::{Category, Observation, SourceId};
pub use peeringdb::{PeeringdbNet, PeeringdbNets};
pub use place_table::{Place, PlaceTable};
pub use prefix::Prefix;
pub use registration::{NetworkKind, Registration};
pub use rir::Rir;
pub use routing_table::{Route, RoutingTable, TableBuilder};
pub use rpki::RpkiState;
pub use scoring::{Code, Model};
pub use session_status::{
    Sessions, StreamStatus, ValidatorState, ValidatorStatus,
};
pub use signals::Signals;
pub use snapshot::{Judge, Profile, Snapshot, Whitelist};
pub use source_status::SourceStatus;
pub use world::World;
