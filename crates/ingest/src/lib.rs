//! How asgard learns: bytes of sources in, a [`World`] out.
//!
//! | step | modules |
//! |---|---|
//! | what there is | [`catalogue`] |
//! | getting bytes | [`supply`], [`decompress`] |
//! | bytes → rows | [`mod@format`], [`reader`] |
//! | bytes → routes | [`format::mrt`](mod@format::mrt), [`format::ris_live`](mod@format::ris_live); what they mean is the crate `asgard-routing` |
//! | BGP and RPKI as they happen | [`live`], [`rtr`] |
//! | events → state, relationships, incidents | `bgp` |
//! | rows → memory | [`ground`] (slow facts), [`free_space`] (what registries have left), [`ledger`] (lists) |
//! | memory → evidence | [`evidence`], [`listing`], [`named`], [`hygiene`], [`space`], [`coverage`] |
//! | evidence → World | [`assemble`] |
//! | all of it, in order | [`learner`] |
//!
//! Only this crate parses what others publish; every byte of it is hostile.
//!
//! [`World`]: asgard_model::World

pub mod assemble;
mod bgp;
pub mod catalogue;
pub mod coverage;
pub mod decompress;
pub mod evidence;
pub mod format;
pub mod free_space;
pub mod ground;
pub mod hygiene;
pub mod learner;
pub mod ledger;
pub mod listing;
pub mod live;
pub mod named;
pub mod reader;
pub mod rtr;
pub mod space;
pub mod supply;
