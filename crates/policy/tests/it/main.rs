//! The crate from outside.

mod compiling;
mod deciding;
mod explaining;
mod formats;
mod rules;
mod scene;
