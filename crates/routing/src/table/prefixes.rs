//! Prefixes, each kept once and numbered densely.

use std::hash::BuildHasher;

use asgard_model::Prefix;
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// A prefix of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrefixId(u32);

impl PrefixId {
    /// The number of the prefix, from 0, dense.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The prefix with a number; `None` beyond what a table can hold.
    pub(super) fn at(index: usize) -> Option<Self> {
        u32::try_from(index).ok().map(Self)
    }
}

/// All prefixes that were seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Prefixes {
    all: Vec<Prefix>,
    index: HashTable<u32>,
}

impl Prefixes {
    /// The number of a prefix that was seen before.
    pub(super) fn find(&self, prefix: Prefix) -> Option<PrefixId> {
        // Tables are ordered by prefix: mostly it is the one just added.
        if self.all.last() == Some(&prefix) {
            return PrefixId::at(self.all.len() - 1);
        }
        let same = |&at: &u32| self.all[at as usize] == prefix;
        self.index.find(hash(prefix), same).copied().map(PrefixId)
    }

    /// The number of a prefix; `None` if it is new and `most` are there.
    pub(super) fn intern(
        &mut self,
        prefix: Prefix,
        most: usize,
    ) -> Option<PrefixId> {
        if let Some(known) = self.find(prefix) {
            return Some(known);
        }
        let id = PrefixId::at(self.all.len())?;
        if self.all.len() >= most {
            return None;
        }
        self.all.push(prefix);
        let all = &self.all;
        self.index
            .insert_unique(hash(prefix), id.0, |&at| hash(all[at as usize]));
        Some(id)
    }

    pub(super) fn get(&self, id: PrefixId) -> Prefix {
        self.all[id.index()]
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.all.capacity() * size_of::<Prefix>() + self.index.allocation_size()
    }
}

fn hash(prefix: Prefix) -> u64 {
    FxBuildHasher.hash_one(prefix)
}
