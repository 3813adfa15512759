//! The search tree: every network once, in order, within a budget of steps.

use super::{Decoder, MAX_VISITS, Metadata, MmdbError, SEPARATOR};
use crate::Prefix;

/// A file whose parts have been found; nothing of the tree is read yet.
#[derive(Debug)]
pub struct Database<'a> {
    metadata: Metadata,
    tree: &'a [u8],
    data: &'a [u8],
}

/// One network of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The network; IPv4 as such, wherever it lies in the tree.
    pub prefix: Prefix,
    /// Where its record begins in the data section.
    pub record: usize,
}

/// What a record of a node names.
enum Step {
    Node(u32),
    Data(usize),
    Nothing,
}

/// A part of the tree.
struct Subtree {
    /// The node, which stands for depth 0.
    root: u32,
    /// Bits of an address.
    deepest: u8,
    /// A node that is not entered, wherever it is met.
    skip: Option<u32>,
}

/// A place of the walk that is still to be visited.
struct Place {
    record: u32,
    bits: u128,
    depth: u8,
}

impl<'a> Database<'a> {
    /// Finds metadata, tree and data.
    ///
    /// # Errors
    /// If the metadata are not there or do not fit the length of the file.
    pub fn open(bytes: &'a [u8]) -> Result<Self, MmdbError> {
        let (metadata, end) = Metadata::read(bytes)?;
        let nodes = usize::try_from(metadata.node_count)
            .map_err(|_| MmdbError::Metadata("node_count is too large"))?;
        let size = nodes
            .checked_mul(usize::from(metadata.record_size) / 4)
            .ok_or(MmdbError::Metadata("node_count is too large"))?;
        let body = bytes.get(..end).unwrap_or_default();
        let (Some(tree), Some(data)) =
            (body.get(..size), body.get(size.saturating_add(SEPARATOR)..))
        else {
            return Err(MmdbError::Metadata(
                "node_count says more nodes than the file holds",
            ));
        };
        Ok(Self { metadata, tree, data })
    }

    /// What the file says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// A decoder of the records that [`Self::walk`] finds.
    pub fn decoder(&self) -> Decoder<'a> {
        Decoder::new(self.data)
    }

    /// Hands out every network that has a record: all of IPv4 first, then
    /// IPv6, each in order of address. Other places of the tree that lead to
    /// the IPv4 networks (such as `2002::/16`) are skipped.
    ///
    /// # Errors
    /// A broken tree, a tree that needs more than [`MAX_VISITS`] steps, or the
    /// first error of `visit`.
    pub fn walk(
        &self,
        mut visit: impl FnMut(Network) -> Result<(), MmdbError>,
    ) -> Result<(), MmdbError> {
        let mut left = MAX_VISITS;
        let mut v4 = |bits: u128, depth, record| {
            let bits = u32::try_from(bits >> 96).unwrap_or_default();
            visit(Network { prefix: Prefix::V4(bits, depth), record })
        };
        if !self.metadata.ipv6 {
            let all = Subtree { root: 0, deepest: 32, skip: None };
            return self.subtree(&all, &mut left, v4);
        }
        let mut skip = None;
        match self.ipv4()? {
            Step::Node(root) => {
                skip = Some(root);
                let ipv4 = Subtree { root, deepest: 32, skip: None };
                self.subtree(&ipv4, &mut left, v4)?;
            }
            Step::Data(record) => v4(0, 0, record)?,
            Step::Nothing => {}
        }
        let all = Subtree { root: 0, deepest: 128, skip };
        self.subtree(&all, &mut left, |bits, depth, record| {
            visit(Network { prefix: Prefix::V6(bits, depth), record })
        })
    }

    /// Where `::/96` leads, or what covers it.
    fn ipv4(&self) -> Result<Step, MmdbError> {
        let mut node = 0;
        for _ in 0..96 {
            match self.step(self.record(node, 0)?)? {
                Step::Node(next) => node = next,
                leaf => return Ok(leaf),
            }
        }
        Ok(Step::Node(node))
    }

    /// Depth first, left before right, with the bits left-aligned.
    fn subtree(
        &self,
        part: &Subtree,
        left: &mut u64,
        mut visit: impl FnMut(u128, u8, usize) -> Result<(), MmdbError>,
    ) -> Result<(), MmdbError> {
        let mut stack = vec![Place { record: part.root, bits: 0, depth: 0 }];
        while let Some(Place { record, bits, depth }) = stack.pop() {
            *left = left.checked_sub(1).ok_or(MmdbError::TooLarge {
                limit: MAX_VISITS,
                what: "steps through the tree",
            })?;
            match self.step(record)? {
                Step::Nothing => {}
                Step::Data(at) => visit(bits, depth, at)?,
                Step::Node(node) if part.skip == Some(node) => {}
                Step::Node(node) => {
                    if depth == part.deepest {
                        return Err(MmdbError::Tree(
                            "deeper than an address is long",
                        ));
                    }
                    let one = 1 << (127 - depth);
                    for (side, bits) in [(1, bits | one), (0, bits)] {
                        let record = self.record(node, side)?;
                        stack.push(Place { record, bits, depth: depth + 1 });
                    }
                }
            }
        }
        Ok(())
    }

    fn step(&self, record: u32) -> Result<Step, MmdbError> {
        let Some(beyond) = record.checked_sub(self.metadata.node_count) else {
            return Ok(Step::Node(record));
        };
        if beyond == 0 {
            return Ok(Step::Nothing);
        }
        usize::try_from(beyond)
            .ok()
            .and_then(|beyond| beyond.checked_sub(SEPARATOR))
            .filter(|&at| at < self.data.len())
            .map(Step::Data)
            .ok_or(MmdbError::Tree("a record leads out of the data"))
    }

    /// The left (0) or right (1) record of a node.
    fn record(&self, node: u32, side: usize) -> Result<u32, MmdbError> {
        let missing = MmdbError::Tree("a node that is not there");
        let size = usize::from(self.metadata.record_size) / 4;
        let start = usize::try_from(node)
            .ok()
            .and_then(|node| node.checked_mul(size))
            .ok_or_else(|| missing.clone())?;
        let node = start
            .checked_add(size)
            .and_then(|end| self.tree.get(start..end))
            .ok_or(missing)?;
        let number = |bytes: &[u8]| {
            bytes.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte))
        };
        Ok(match (self.metadata.record_size, side) {
            (28, 0) => u32::from(node[3] >> 4) << 24 | number(&node[..3]),
            (28, _) => u32::from(node[3] & 0x0F) << 24 | number(&node[4..]),
            (_, 0) => number(&node[..size / 2]),
            (_, _) => number(&node[size / 2..]),
        })
    }
}
