//! What to do about it: what organisations block and protect, which networks a
//! feed names, how a feed is written, and what a gateway does with a visitor.
//!
//! Pure functions: no clock, no I/O, no store. Nothing here knows a weight or a
//! threshold of the score; it only reads scores and levels.

pub mod access;
pub mod atlas;
pub mod diagnostic;
pub mod feed;
pub mod gate;
pub mod space;
pub mod yaml;

pub use atlas::Atlas;
pub use diagnostic::{Diagnostic, Place, Severity, Sources};
pub use feed::Selection;
pub use gate::{Decision, Policy, Visit};
pub use space::{AddressSet, SpaceView};
