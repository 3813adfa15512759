//! What BGP means: routes in, judgements about networks out.
//!
//! | step | modules |
//! |---|---|
//! | what peers say | [`event`] |
//! | what they carry now | [`path`], [`table`] |
//! | who buys from whom | [`relationships`] |
//! | what went wrong | [`detector`] |
//!
//! No input or output, no clock, no async: readers of `asgard-ingest` give
//! [`event::Event`]s, and the same events give the same findings.

pub mod detector;
pub mod event;
pub mod path;
pub mod relationships;
pub mod table;
