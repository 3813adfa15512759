//! The crate from outside.

mod compiling;
mod conformance;
mod deciding;
mod explaining;
mod expressions;
mod formats;
mod gate_rules;
mod rules;
mod scene;
