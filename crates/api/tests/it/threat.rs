//! The threat feeds as devices and operators see them: `feed.rs` reads like the
//! table of the contract, one row a test.

mod config;
mod decisions;
mod diff;
mod errors;
mod feed;
mod internet;
mod lookup;
mod manifest;
pub(crate) mod office;
mod open_lists;
mod preview;
mod protected;
mod rules;
mod signal;
mod taxii;
mod trouble;
mod versions;
