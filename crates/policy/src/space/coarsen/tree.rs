//! Joining prefixes: the tree of their common prefixes, folded from the leaves.
//!
//! Between two neighbours in the list lies one node, their nearest common
//! prefix; a node whose two sides are single entries can be folded into one.
//! The heap always gives the fold that adds least. A node that may not be
//! folded keeps all above it from being folded, which is right: they would
//! cover it.

use std::{cmp::Reverse, collections::BinaryHeap};

use asgard_model::{
    Prefix,
    prefix::{mask4, mask6},
};

use super::{AddressSet, Cost, Counted, Extra, Purse, Task};
use crate::space::interval::{Interval, overlaps};

/// Returns the folded prefixes, nested ones included.
pub(super) fn join(task: &Task<'_>, allowed: Extra) -> AddressSet {
    let (mut blocks4, mut blocks6) = (Vec::new(), Vec::new());
    let (least4, least6) = (task.limits.min_prefix4, task.limits.min_prefix6);
    for prefix in task.set.view().prefixes_from(least4, least6) {
        match prefix {
            Prefix::V4(bits, len) => {
                blocks4.push((bits, bits | !mask4(len)));
            }
            Prefix::V6(bits, len) => {
                blocks6.push((bits, bits | !mask6(len)));
            }
        }
    }
    let mut entries = blocks4.len() + blocks6.len();
    let mut v4 = Tree::new(&blocks4, task.keep_out.v4(), least4);
    let mut v6 = Tree::new(&blocks6, task.keep_out.v6(), least6);
    let mut heap = BinaryHeap::new();
    let start4 = v4.ready().map(|(cost, node)| Reverse((cost, true, node)));
    heap.extend(start4);
    let start6 = v6.ready().map(|(cost, node)| Reverse((cost, false, node)));
    heap.extend(start6);
    let mut purse = Purse(allowed);
    while let Some(Reverse((cost, is_v4, node))) = heap.pop() {
        // What costs nothing is joined even when there is room: the two are
        // one prefix.
        if entries <= task.budget && cost.1 > 0 {
            break;
        }
        if !purse.pay(is_v4, cost) {
            continue;
        }
        entries -= 1;
        let next = if is_v4 { v4.fold(node) } else { v6.fold(node) };
        heap.extend(next.map(|(cost, node)| Reverse((cost, is_v4, node))));
    }
    AddressSet::from_ranges(v4.folded, v6.folded)
}

/// No node above.
const NONE: u32 = u32::MAX;

/// Common prefixes of a sorted list of disjoint blocks.
struct Tree<'a, A> {
    nodes: Vec<Node<A>>,
    keep_out: &'a [Interval<A>],
    shortest: u8,
    folded: Vec<Interval<A>>,
}

/// The nearest common prefix of the entries `n` and `n + 1`.
struct Node<A> {
    /// Host bits of the common prefix.
    bits: u32,
    parent: u32,
    /// Each side, once it is a single entry.
    left: Option<Interval<A>>,
    right: Option<Interval<A>>,
}

impl<'a, A: Counted> Tree<'a, A> {
    fn new(
        blocks: &[Interval<A>],
        keep_out: &'a [Interval<A>],
        shortest: u8,
    ) -> Self {
        let mut nodes: Vec<Node<A>> = blocks
            .windows(2)
            .map(|pair| Node {
                bits: pair[0].0.differing_bits(pair[1].0),
                parent: NONE,
                left: None,
                right: None,
            })
            .collect();
        // A node's parent is the smaller of the nearest wider nodes on either
        // side; the wider ones on the left wait on the stack.
        let mut wider: Vec<u32> = Vec::new();
        for at in 0..nodes.len() {
            let bits = nodes[at].bits;
            let mut narrower = NONE;
            while let Some(&top) = wider.last() {
                if nodes[top as usize].bits > bits {
                    break;
                }
                narrower = top;
                wider.pop();
            }
            let number = u32::try_from(at).expect("fewer than 2³² entries");
            if narrower != NONE {
                nodes[narrower as usize].parent = number;
            }
            nodes[at].parent = wider.last().copied().unwrap_or(NONE);
            wider.push(number);
        }
        for (at, &block) in blocks.iter().enumerate() {
            // An entry hangs below the narrower of the nodes beside it.
            let before = at.checked_sub(1).map(|b| nodes[b].bits);
            let after = nodes.get(at).map(|node| node.bits);
            match (before, after) {
                (Some(b), Some(a)) if b < a => {
                    nodes[at - 1].right = Some(block);
                }
                (Some(_), None) => nodes[at - 1].right = Some(block),
                (_, Some(_)) => nodes[at].left = Some(block),
                (None, None) => {}
            }
        }
        Self { nodes, keep_out, shortest, folded: Vec::new() }
    }

    /// Every node that can be folded now, with what that costs.
    fn ready(&self) -> impl Iterator<Item = (Cost, u32)> + '_ {
        (0..).take(self.nodes.len()).filter_map(|node| self.offer(node))
    }

    /// What folding a node costs, if that can and may be done.
    fn offer(&self, number: u32) -> Option<(Cost, u32)> {
        let node = &self.nodes[number as usize];
        let (left, right) = (node.left?, node.right?);
        let whole = (left.0.floor(node.bits), left.0.fill(node.bits));
        let len = u32::from(A::WIDTH) - node.bits;
        let allowed =
            len >= u32::from(self.shortest) && !overlaps(self.keep_out, whole);
        allowed.then(|| (A::cost(whole, left, right), number))
    }

    /// Folds a node that was offered; what can be folded next.
    fn fold(&mut self, number: u32) -> Option<(Cost, u32)> {
        let node = &self.nodes[number as usize];
        let (bits, parent) = (node.bits, node.parent);
        let first = node.left?.0.floor(bits);
        let whole = (first, first.fill(bits));
        self.folded.push(whole);
        let above = self.nodes.get_mut(parent as usize)?;
        if number < parent {
            above.left = Some(whole);
        } else {
            above.right = Some(whole);
        }
        self.offer(parent)
    }
}
