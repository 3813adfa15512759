//! What asgard enforces, in front of web applications.
//!
//! It begins with what a gateway knows about a visitor ([`lookup`]): the same
//! facts as the API and the feeds, from the same Snapshot. Listeners, rules and
//! verdicts will stand on it. It has no path to the store: it must decide
//! while every database is down.

pub mod config;
pub mod lookup;

pub use lookup::{Facts, facts};
