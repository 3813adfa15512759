//! What changed between two bodies of a feed.

use serde::Serialize;

/// What changed between two bodies, in the order of the feeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Lines that are new.
    pub added: Vec<String>,
    /// Lines that are gone.
    pub removed: Vec<String>,
}

impl Diff {
    /// Compares two bodies line by line. The order of lines does not matter.
    pub fn of(from: &str, to: &str) -> Self {
        let _ = (from, to);
        unimplemented!()
    }

    /// The later body, made from the earlier one: numeric order, as plain
    /// feeds have.
    pub fn apply(&self, from: &str) -> String {
        let _ = from;
        unimplemented!()
    }
}
