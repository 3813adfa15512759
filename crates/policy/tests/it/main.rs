//! The crate from outside.

mod compiling;
mod conformance;
mod expressions;
mod gate_rules;
mod deciding;
mod explaining;
mod formats;
mod rules;
mod scene;
