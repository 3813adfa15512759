//! Validated ROA Payloads, sorted, compact, and searchable.
//!
//! A million of them take some 20 MB. Each knows the next one that covers it,
//! so that all that cover a prefix are found by one binary search and a short
//! climb; for a whole table in order there is the sweep, which is faster still.

use serde::{Deserialize, Serialize};

use super::{RpkiState, Vrp, verdict};
use crate::{Asn, Prefix};

/// VRPs in ascending order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Payloads", into = "Payloads")]
pub struct VrpSet {
    payloads: Payloads,
    /// The last VRP before each whose prefix covers it or equals it;
    /// [`NONE`] if there is none.
    parents: Vec<u32>,
}

/// The part that is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Payloads {
    v4: Vec<(u32, u8, u8, Asn)>,
    v6: Vec<(u128, u8, u8, Asn)>,
}

/// No VRP covers it.
const NONE: u32 = u32::MAX;

impl Payloads {
    fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    fn get(&self, index: usize) -> Option<Vrp> {
        let (prefix, max_len, asn) = match index.checked_sub(self.v4.len()) {
            None => {
                let &(bits, len, max_len, asn) = self.v4.get(index)?;
                (Prefix::V4(bits, len), max_len, asn)
            }
            Some(at) => {
                let &(bits, len, max_len, asn) = self.v6.get(at)?;
                (Prefix::V6(bits, len), max_len, asn)
            }
        };
        Some(Vrp { prefix, max_len, asn })
    }

    /// How many stand before a prefix or have it.
    fn up_to(&self, prefix: Prefix) -> usize {
        match prefix {
            Prefix::V4(bits, len) => {
                self.v4.partition_point(|v| (v.0, v.1) <= (bits, len))
            }
            Prefix::V6(bits, len) => {
                let v6 = self.v6.partition_point(|v| (v.0, v.1) <= (bits, len));
                self.v4.len() + v6
            }
        }
    }
}

impl VrpSet {
    /// Sorts the VRPs and drops exact duplicates.
    pub fn new(vrps: Vec<Vrp>) -> Self {
        let mut payloads = Payloads::default();
        for Vrp { prefix, max_len, asn } in vrps {
            match prefix {
                Prefix::V4(bits, len) => {
                    payloads.v4.push((bits, len, max_len, asn));
                }
                Prefix::V6(bits, len) => {
                    payloads.v6.push((bits, len, max_len, asn));
                }
            }
        }
        payloads.v4.sort_unstable();
        payloads.v4.dedup();
        payloads.v4.shrink_to_fit();
        payloads.v6.sort_unstable();
        payloads.v6.dedup();
        payloads.v6.shrink_to_fit();
        payloads.into()
    }

    /// Number of distinct VRPs.
    pub fn len(&self) -> usize {
        self.payloads.len()
    }

    /// Whether there is none; then every route is `NotFound`.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All VRPs, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Vrp> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The VRPs that cover a prefix, most specific first.
    pub fn covering(&self, prefix: Prefix) -> impl Iterator<Item = Vrp> {
        let covers = move |&at: &usize| {
            self.get(at).is_some_and(|vrp| vrp.prefix.covers(prefix))
        };
        let last = self.payloads.up_to(prefix).checked_sub(1);
        let climb = std::iter::successors(last, |&at| self.parent(at));
        climb.skip_while(move |at| !covers(at)).filter_map(|at| self.get(at))
    }

    /// The verdict for one route; `None` as origin is an AS set or
    /// confederation path, which no VRP can match. For a whole table,
    /// [`Self::sweep`] is faster.
    pub fn state(&self, prefix: Prefix, origin: Option<Asn>) -> RpkiState {
        verdict(self.covering(prefix), prefix.len(), origin)
    }

    /// Starts a pass over routes in ascending prefix order.
    pub fn sweep(&self) -> Sweep<'_> {
        Sweep { set: self, next: 0, covering: Vec::new() }
    }

    fn get(&self, index: usize) -> Option<Vrp> {
        self.payloads.get(index)
    }

    fn parent(&self, index: usize) -> Option<usize> {
        let parent = *self.parents.get(index)?;
        (parent != NONE).then_some(parent as usize)
    }
}

impl From<Payloads> for VrpSet {
    fn from(payloads: Payloads) -> Self {
        let mut parents: Vec<u32> = Vec::with_capacity(payloads.len());
        let mut open: Vec<(u32, Prefix)> = Vec::new();
        let all = (0..payloads.len()).filter_map(|at| payloads.get(at));
        for (at, vrp) in (0_u32..).zip(all) {
            while open.last().is_some_and(|(_, p)| !p.covers(vrp.prefix)) {
                open.pop();
            }
            parents.push(open.last().map_or(NONE, |(parent, _)| *parent));
            open.push((at, vrp.prefix));
        }
        Self { payloads, parents }
    }
}

impl From<VrpSet> for Payloads {
    fn from(set: VrpSet) -> Self {
        set.payloads
    }
}

/// One pass over sorted routes: linear in routes plus VRPs.
///
/// Prefixes sort before what they cover, so the VRPs that may cover the next
/// route form a stack.
pub struct Sweep<'a> {
    set: &'a VrpSet,
    next: usize,
    covering: Vec<Vrp>,
}

impl Sweep<'_> {
    /// Moves to `prefix`, which must not be less than the one before.
    pub fn advance(&mut self, prefix: Prefix) {
        while let Some(next) = self.set.get(self.next)
            && next.prefix <= prefix
        {
            self.pop_until_covering(next.prefix);
            self.covering.push(next);
            self.next += 1;
        }
        self.pop_until_covering(prefix);
    }

    fn pop_until_covering(&mut self, prefix: Prefix) {
        while let Some(top) = self.covering.last()
            && !top.prefix.covers(prefix)
        {
            self.covering.pop();
        }
    }

    /// The VRPs that cover the current prefix, least specific first.
    pub fn covering(&self) -> &[Vrp] {
        &self.covering
    }

    /// The verdict for a route at the current position; `None` as origin is
    /// an AS set or confederation path, which no VRP can match.
    pub fn state(&self, len: u8, origin: Option<Asn>) -> RpkiState {
        verdict(self.covering.iter().copied(), len, origin)
    }
}
