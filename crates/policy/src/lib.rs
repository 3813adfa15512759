//! What to do about it: which networks a feed names, and how a feed is written.
//!
//! Pure functions of a Snapshot: no clock, no I/O, no store. Nothing here knows
//! a weight or a threshold; it only reads scores and levels.

pub mod atlas;
pub mod feed;
pub mod space;

pub use atlas::Atlas;
pub use feed::Selection;
pub use space::{AddressSet, SpaceView};
