//! The crate from outside.

mod compiling;
mod deciding;
mod explaining;
mod formats;
mod poison;
mod properties;
mod rules;
mod scene;
mod selecting;
mod signals;
