//! The crate from outside.

mod formats;
