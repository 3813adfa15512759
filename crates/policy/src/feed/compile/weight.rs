//! How much memory a compiled feed and its memory take, roughly: for whoever
//! keeps many of them within a budget.

use std::{mem::size_of, sync::Arc};

use asgard_model::Prefix;

use super::{Compiled, LastGood, Piece, Row};
use crate::feed::entry::Cause;

impl Compiled {
    /// Bytes, without what it shares with others.
    pub fn weight(&self) -> usize {
        let cause = size_of::<Cause>() + size_of::<Arc<Cause>>();
        self.rows.capacity() * size_of::<Row>()
            + self.causes.len() * cause
            + self.cut.capacity() * size_of::<Prefix>()
            + self.last_good.weight()
    }
}

impl LastGood {
    /// Bytes.
    pub fn weight(&self) -> usize {
        let pieces = self.selectors.values().flat_map(|s| s.pieces.iter());
        let piece = |piece: &Piece| {
            size_of::<Piece>() + piece.prefixes.len() * size_of::<Prefix>()
        };
        pieces.map(piece).sum()
    }
}
