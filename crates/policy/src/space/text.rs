//! Lists of addresses as text: read fast, written fast.
//!
//! Most of the time that merging lists takes goes into their text, so both ways
//! are written by hand; tests hold them equal to the standard library.

mod read;
mod write;

pub use read::{BadLine, Input, MAX_ENTRIES, Reason};
pub use write::{push_address, push_lines, push_prefix, push_range_lines};
