//! Vocabulary and arithmetic of asgard: no async, no I/O, no clock.
//!
//! | words | modules |
//! |---|---|
//! | who and where | [`asn`], [`prefix`], [`country`], [`rir`], [`day`] |
//! | what was seen | [`observation`], [`family`], [`signals`] |
//! | the Internet | [`lpm`], [`routing_table`], [`graph`], [`world`] |
//! | judgement | [`scoring`], [`band`], [`assessment`] |
//! | publication | [`snapshot`], [`delta`] |
//!
//! Same signals, same score, byte for byte: every function here is pure.

pub mod asn;
pub mod assessment;
pub mod band;
pub mod country;
pub mod day;
pub mod family;
pub mod observation;
pub mod prefix;
pub mod rir;
pub mod scoring;
pub mod signals;

pub use asn::Asn;
pub use assessment::{Assessment, AssessmentState, Detail};
pub use band::{Bands, Level};
pub use country::CountryCode;
pub use day::Day;
pub use family::FamilyId;
pub use observation::{Category, Observation, SourceId};
pub use prefix::Prefix;
pub use rir::Rir;
pub use scoring::{Code, Model};
pub use signals::Signals;
