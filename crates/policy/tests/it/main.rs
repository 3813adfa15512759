//! The crate from outside.

mod compiling;
mod conformance;
mod deciding;
mod explaining;
mod expressions;
mod formats;
mod gate_rules;
mod poison;
mod properties;
mod rules;
mod scene;
mod selecting;
mod signals;
