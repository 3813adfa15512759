//! The crate from outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod compiling;
mod conformance;
mod deciding;
mod explaining;
mod expressions;
mod formats;
mod gate_rules;
mod poison;
mod properties;
mod queries;
mod rules;
mod scene;
mod selecting;
mod signals;
