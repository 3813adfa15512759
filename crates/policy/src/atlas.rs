//! Where everybody is: the address space of every network and every country.
//!
//! The space of a network is what reaches it: addresses whose longest match in
//! the routing table originates from it, without the holes that others announce
//! inside. A route with several origins (MOAS) counts for each. The space of a
//! country is what the country data says. Both are raw: special-purpose space
//! is in here when somebody announces it; guards of feeds take it out.
//!
//! One flat array of intervals a family, and where each owner begins in it, so
//! that a rule's selection is borrowed, never built.

#[cfg(test)]
mod tests;

use asgard_model::{
    Asn, CountryCode, CountrySpace, Prefix, RoutingTable, World,
    prefix::{mask4, mask6},
    world::Announced,
};

use crate::space::{Address, Interval, SpaceView};

/// The space of every network and country of one World.
#[derive(Clone, Debug, Default)]
pub struct Atlas {
    /// Parallel to the owners of `networks`; ascending.
    asns: Vec<Asn>,
    networks: Shelf,
    /// Parallel to the owners of `countries`; ascending.
    codes: Vec<CountryCode>,
    countries: Shelf,
}

/// Intervals of many owners, one after the other.
#[derive(Clone, Debug, Default)]
struct Shelf {
    v4: Stack<u32>,
    v6: Stack<u128>,
}

/// Intervals of one family; owner `n` has those from `starts[n]` to
/// `starts[n + 1]`.
#[derive(Clone, Debug, Default)]
struct Stack<A> {
    ranges: Vec<Interval<A>>,
    starts: Vec<u32>,
}

impl Atlas {
    /// Draws the atlas of a World.
    pub fn new(world: &World) -> Self {
        let routing = (&*world.table, &world.announced);
        Self::draw(&world.asns, routing, &world.countries)
    }

    /// Draws the atlas of some networks (ascending): from a table and the
    /// routes of each of them in it, and from countries.
    pub fn draw(
        asns: &[Asn],
        (table, announced): (&RoutingTable, &Announced),
        space: &CountrySpace,
    ) -> Self {
        let origins = Origins::new(asns.len(), table.len(), announced);
        Self {
            asns: asns.to_vec(),
            networks: networks(asns.len(), table, &origins),
            codes: space.codes().to_vec(),
            countries: countries(space),
        }
    }

    /// Effective space of a network; empty when it announces nothing, or is
    /// not known at all.
    pub fn asn(&self, asn: Asn) -> SpaceView<'_> {
        let node = self.asns.binary_search(&asn).ok();
        node.map_or_else(SpaceView::default, |node| self.node(node))
    }

    /// Effective space of a node of the World that the atlas was drawn from.
    pub fn node(&self, node: usize) -> SpaceView<'_> {
        self.networks.of(node)
    }

    /// Space of a country; empty when the data does not know it.
    pub fn country(&self, code: CountryCode) -> SpaceView<'_> {
        let at = self.codes.binary_search(&code).ok();
        at.map_or_else(SpaceView::default, |at| self.countries.of(at))
    }

    /// Whether the country data holds space of this country. Without country
    /// data no country is known.
    pub fn knows_country(&self, code: CountryCode) -> bool {
        self.codes.binary_search(&code).is_ok()
    }

    /// All countries that are known, ascending.
    pub fn countries(&self) -> &[CountryCode] {
        &self.codes
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.asns.len() * size_of::<Asn>()
            + self.codes.len() * size_of::<CountryCode>()
            + self.networks.heap_bytes()
            + self.countries.heap_bytes()
    }
}

impl Shelf {
    fn of(&self, owner: usize) -> SpaceView<'_> {
        SpaceView::new(self.v4.of(owner), self.v6.of(owner))
    }

    fn heap_bytes(&self) -> usize {
        self.v4.heap_bytes() + self.v6.heap_bytes()
    }
}

impl<A: Address> Stack<A> {
    /// Stacks segments by owner. `sweep` hands every segment with its owners
    /// to its argument, in ascending order of addresses, the same each time.
    fn collect(
        owners: usize,
        sweep: impl Fn(&mut dyn FnMut(Interval<A>, usize)),
    ) -> Self {
        // First pass: how many intervals each owner has when neighbours are
        // joined. Second pass: the intervals, each at its place.
        let mut starts = vec![0u32; owners + 1];
        let mut ends: Vec<Option<A>> = vec![None; owners];
        sweep(&mut |(first, last), owner| {
            let joins =
                ends[owner].is_some_and(|end| end.next() == Some(first));
            starts[owner + 1] += u32::from(!joins);
            ends[owner] = Some(last);
        });
        for owner in 0..owners {
            starts[owner + 1] += starts[owner];
        }
        let mut ranges = vec![(A::MIN, A::MIN); starts[owners] as usize];
        let mut at: Vec<u32> = starts.clone();
        sweep(&mut |(first, last), owner| {
            let next = at[owner];
            let begun = next > starts[owner];
            let previous = (next as usize).wrapping_sub(1);
            if begun && ranges[previous].1.next() == Some(first) {
                ranges[previous].1 = last;
            } else {
                ranges[next as usize] = (first, last);
                at[owner] = next + 1;
            }
        });
        Self { ranges, starts }
    }

    fn of(&self, owner: usize) -> &[Interval<A>] {
        let bounds = self.starts.get(owner).zip(self.starts.get(owner + 1));
        bounds
            .and_then(|(&a, &b)| self.ranges.get(a as usize..b as usize))
            .unwrap_or_default()
    }

    fn heap_bytes(&self) -> usize {
        self.ranges.len() * size_of::<Interval<A>>() + self.starts.len() * 4
    }
}

fn countries(space: &CountrySpace) -> Shelf {
    let owners = space.codes().len();
    Shelf {
        v4: Stack::collect(owners, |sink| {
            for (first, last, country) in space.v4() {
                sink((first, last), usize::from(country));
            }
        }),
        v6: Stack::collect(owners, |sink| {
            for (first, last, country) in space.v6() {
                sink((first, last), usize::from(country));
            }
        }),
    }
}

fn networks(owners: usize, table: &RoutingTable, origins: &Origins) -> Shelf {
    // Routes of IPv4 come first. Both halves state how long they are.
    let first_v6 = table.len_v4();
    let v4 = segments(table.iter().take(first_v6).filter_map(|route| {
        match route.prefix {
            Prefix::V4(bits, len) => Some((bits, bits | !mask4(len))),
            Prefix::V6(..) => None,
        }
    }));
    let v6 = segments(table.iter().skip(first_v6).filter_map(|route| {
        match route.prefix {
            Prefix::V6(bits, len) => Some((bits, bits | !mask6(len))),
            Prefix::V4(..) => None,
        }
    }));
    Shelf {
        v4: Stack::collect(owners, |sink| origins.each(&v4, 0, sink)),
        v6: Stack::collect(owners, |sink| origins.each(&v6, first_v6, sink)),
    }
}

/// A part of a route that no longer route covers, and the number of the route
/// within its family.
type Segment<A> = (Interval<A>, u32);

/// Cuts routes, ascending with the covering ones first, into segments by
/// longest match, ascending.
fn segments<A: Address>(
    routes: impl Iterator<Item = Interval<A>>,
) -> Vec<Segment<A>> {
    let mut out = Vec::with_capacity(routes.size_hint().1.unwrap_or(0));
    // Routes that cover the present address: first address not yet given
    // away, last address, number. Each lies within the one below it.
    let mut open: Vec<(A, A, u32)> = Vec::new();
    for (number, (first, last)) in (0..).zip(routes) {
        close(&mut open, Some(first), &mut out);
        // What the parent has after this route is known when this one ends.
        if let Some(&(start, _, parent)) = open.last()
            && let Some(before) = first.previous()
            && start <= before
        {
            out.push(((start, before), parent));
        }
        open.push((first, last, number));
    }
    close(&mut open, None, &mut out);
    out
}

/// Ends the routes that do not reach `until`; all when there is no next.
fn close<A: Address>(
    open: &mut Vec<(A, A, u32)>,
    until: Option<A>,
    out: &mut Vec<Segment<A>>,
) {
    while let Some(&(first, last, number)) = open.last() {
        if until.is_some_and(|until| until <= last) {
            return;
        }
        open.pop();
        if first <= last {
            out.push(((first, last), number));
        }
        match (open.last_mut(), last.next()) {
            (Some(parent), Some(next)) => parent.0 = next,
            // The child ends with the family, and so does its parent: nothing
            // of it is left.
            (Some(_), None) => {
                open.clear();
                return;
            }
            (None, _) => {}
        }
    }
}

/// Nodes of the origins of every route: what a World knows of each node,
/// turned round.
struct Origins {
    nodes: Vec<u32>,
    starts: Vec<u32>,
}

impl Origins {
    fn new(networks: usize, routes: usize, announced: &Announced) -> Self {
        let mut starts = vec![0u32; routes + 1];
        let all = || {
            (0u32..).take(networks).flat_map(|node| {
                let own = announced.of(node as usize);
                own.iter().map(move |&route| (node, route as usize))
            })
        };
        for (_, route) in all() {
            starts[route + 1] += 1;
        }
        for route in 0..routes {
            starts[route + 1] += starts[route];
        }
        let mut at = starts.clone();
        let mut nodes = vec![0; starts[routes] as usize];
        for (node, route) in all() {
            nodes[at[route] as usize] = node;
            at[route] += 1;
        }
        Self { nodes, starts }
    }

    /// Hands every segment to `sink` for each of its origins; the routes of
    /// the family begin with number `offset`.
    fn each<A: Address>(
        &self,
        segments: &[Segment<A>],
        offset: usize,
        sink: &mut dyn FnMut(Interval<A>, usize),
    ) {
        for &(range, number) in segments {
            let route = offset + number as usize;
            let own =
                self.starts[route] as usize..self.starts[route + 1] as usize;
            for &node in &self.nodes[own] {
                sink(range, node as usize);
            }
        }
    }
}
