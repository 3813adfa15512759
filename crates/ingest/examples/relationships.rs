//! How many links of a real AS graph inference finds again.
//!
//! `relationships FILE [PEERS] [ORIGINS]` reads as-rel data of CAIDA, lets
//! PEERS networks (20) learn the way to every ORIGINS-th network (1) as Gao and
//! Rexford describe it (customers before peers before providers, then the
//! shortest path, then the lowest number), infers relationships from those
//! paths alone, and compares. Ends with 1 if less than 97 % of the customer links
//! or 90 % of the peer links that a path crosses are right. Half of the peers are the largest networks by
//! degree that have providers, the others are spread over the rest.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs::File,
    io::{self, BufReader, Read, Write},
    process::ExitCode,
    time::Instant,
};

use asgard_ingest::format::relations::as_relations;
use asgard_model::{Asn, graph::Relationship};
use asgard_routing::relationships::{
    Observed, Options, Relation, Relationships,
};

/// Per cent that must be right of the links that a path crosses.
const TARGETS: [(&str, f64); 2] = [("customer", 97.0), ("peer", 90.0)];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let Some(file) = args.first() else {
        return Err("relationships FILE [PEERS] [ORIGINS]".into());
    };
    let number = |at: usize, default: usize| match args.get(at) {
        Some(text) => text.parse(),
        None => Ok(default),
    };
    let graph = Graph::read(file)?;
    let peers = graph.peers(number(1, 20)?);
    let step = number(2, 1)?.max(1);
    let mut paths = Vec::new();
    let mut routing = Routing::new(&graph);
    let begun = Instant::now();
    for origin in (0..graph.asns.len()).step_by(step) {
        routing.reach(origin);
        for &peer in &peers {
            paths.extend(routing.path(peer));
        }
    }
    let generated = begun.elapsed();
    let begun = Instant::now();
    let observed = paths.iter().map(|asns| Observed { asns, prefixes: 1 });
    let found = Relationships::infer(observed, Options::default());
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} networks, {} links; {} peers, {} paths in {:.1?}; inferred in {:.1?}",
        graph.asns.len(),
        graph.links.len(),
        peers.len(),
        paths.len(),
        generated,
        begun.elapsed(),
    )?;
    let met = graph.compare(&found, &mut out)?;
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Neighbours by node.
#[derive(Default)]
struct Graph {
    asns: Vec<Asn>,
    links: Vec<(Asn, Asn, Relationship)>,
    providers: Vec<Vec<usize>>,
    customers: Vec<Vec<usize>>,
    lateral: Vec<Vec<usize>>,
}

impl Graph {
    fn read(file: &str) -> Result<Self, Box<dyn Error>> {
        let plain: Box<dyn Read> = match file {
            _ if file.ends_with(".bz2") => {
                Box::new(bzip2::read::MultiBzDecoder::new(File::open(file)?))
            }
            _ => Box::new(File::open(file)?),
        };
        let mut links = Vec::new();
        as_relations(&mut BufReader::new(plain), &mut |row| {
            links.push((row.a, row.b, row.relationship));
        })?;
        let mut asns: Vec<Asn> =
            links.iter().flat_map(|&(a, b, _)| [a, b]).collect();
        asns.sort_unstable();
        asns.dedup();
        let none = || vec![Vec::new(); asns.len()];
        let (mut providers, mut customers, mut lateral) =
            (none(), none(), none());
        for &(a, b, relationship) in &links {
            let node = |asn: Asn| asns.partition_point(|&one| one < asn);
            let (a, b) = (node(a), node(b));
            match relationship {
                Relationship::ProviderOf => {
                    customers[a].push(b);
                    providers[b].push(a);
                }
                Relationship::Peer => {
                    lateral[a].push(b);
                    lateral[b].push(a);
                }
            }
        }
        Ok(Self { asns, links, providers, customers, lateral })
    }

    fn peers(&self, count: usize) -> Vec<usize> {
        let degree = |n: usize| self.customers[n].len() + self.lateral[n].len();
        let mut nodes: Vec<usize> = (0..self.asns.len())
            .filter(|&n| !self.providers[n].is_empty() && degree(n) > 0)
            .collect();
        nodes.sort_by_key(|&n| (std::cmp::Reverse(degree(n)), n));
        let large = count.div_ceil(2).min(nodes.len());
        let rest = nodes.split_off(large);
        let stride = (rest.len() / (count - large).max(1)).max(1);
        nodes.extend(rest.iter().step_by(stride).take(count - large));
        nodes
    }

    /// Prints how the links that were seen were judged, and whether that is
    /// good enough.
    fn compare(
        &self,
        found: &Relationships,
        out: &mut impl Write,
    ) -> io::Result<bool> {
        let mut met = true;
        let mut judged: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        let mut sure: BTreeMap<(&str, bool), u32> = BTreeMap::new();
        for &(a, b, relationship) in &self.links {
            let (truth, expected) = match relationship {
                Relationship::ProviderOf => ("customer", Relation::Customer),
                Relationship::Peer => ("peer", Relation::Peer),
            };
            let inferred = found.between(a, b);
            let verdict = match inferred {
                None => "not seen",
                Some((relation, _)) if relation == expected => "right",
                Some((Relation::Peer, _)) => "as peer",
                Some((Relation::Customer, _)) => "as customer",
                Some((Relation::Provider, _)) => "as provider",
            };
            *judged.entry((truth, verdict)).or_default() += 1;
            if let Some((relation, confidence)) = inferred
                && confidence >= 0.9
            {
                *sure.entry((truth, relation == expected)).or_default() += 1;
            }
        }
        for (truth, target) in TARGETS {
            let of = |verdict: &str| judged.get(&(truth, verdict)).copied();
            let right = of("right").unwrap_or(0);
            let seen: u32 = judged
                .iter()
                .filter(|((t, v), _)| *t == truth && *v != "not seen")
                .map(|(_, count)| count)
                .sum();
            met &= percent(right, seen) >= target;
            let good = sure.get(&(truth, true)).copied().unwrap_or(0);
            let bad = sure.get(&(truth, false)).copied().unwrap_or(0);
            writeln!(
                out,
                "{truth:8} seen {seen:6}  right {right:6} ({:.2} %)  of those \
                 with confidence 0.9: {:6} ({:.2} %)",
                percent(right, seen),
                good + bad,
                percent(good, good + bad),
            )?;
            for ((_, verdict), count) in
                judged.iter().filter(|((t, _), _)| *t == truth)
            {
                writeln!(out, "    {verdict:12} {count:7}")?;
            }
        }
        let clique: Vec<u32> = found.clique().iter().map(|a| a.0).collect();
        writeln!(out, "clique: {clique:?}")?;
        Ok(met)
    }
}

fn percent(part: u32, whole: u32) -> f64 {
    100.0 * f64::from(part) / f64::from(whole.max(1))
}

/// The ways to one origin; buffers are used again for the next.
struct Routing<'g> {
    graph: &'g Graph,
    origin: usize,
    /// By node: the round in which it was last touched.
    seen: Vec<usize>,
    round: usize,
    /// Length and next hop of the best route by customers and by peers.
    routes: Vec<(u8, u16, usize)>,
}

const BY_CUSTOMER: u8 = 0;
const BY_PEER: u8 = 1;
const BY_PROVIDER: u8 = 2;
const NO_WAY: u8 = 3;

impl<'g> Routing<'g> {
    fn new(graph: &'g Graph) -> Self {
        let nodes = graph.asns.len();
        Self {
            graph,
            origin: 0,
            seen: vec![0; nodes],
            round: 0,
            routes: vec![(NO_WAY, 0, 0); nodes],
        }
    }

    /// Routes by customers, from the origin upwards, then by peers.
    fn reach(&mut self, origin: usize) {
        self.round += 1;
        self.origin = origin;
        self.put(origin, (BY_CUSTOMER, 1, origin));
        let mut layer = vec![origin];
        let mut above = vec![origin];
        while !layer.is_empty() {
            layer.sort_unstable();
            let mut next = Vec::new();
            for &node in &layer {
                let length = self.routes[node].1 + 1;
                for &provider in &self.graph.providers[node] {
                    if self.seen[provider] != self.round {
                        self.put(provider, (BY_CUSTOMER, length, node));
                        next.push(provider);
                    }
                }
            }
            above.extend(&next);
            layer = next;
        }
        for &node in &above {
            let length = self.routes[node].1 + 1;
            for &peer in &self.graph.lateral[node] {
                let new = (BY_PEER, length, node);
                if self.seen[peer] != self.round || new < self.routes[peer] {
                    self.put(peer, new);
                }
            }
        }
    }

    fn put(&mut self, node: usize, route: (u8, u16, usize)) {
        self.seen[node] = self.round;
        self.routes[node] = route;
    }

    /// The best route of a node: its own, or the shortest of its providers.
    fn best(&mut self, node: usize, depth: u8) -> (u8, u16, usize) {
        if self.seen[node] == self.round {
            return self.routes[node];
        }
        // Guards against a circle of providers.
        self.put(node, (NO_WAY, u16::MAX, node));
        let mut best = (NO_WAY, u16::MAX, node);
        if depth < 30 {
            for &provider in &self.graph.providers[node] {
                let (kind, length, _) = self.best(provider, depth + 1);
                if kind != NO_WAY {
                    best = best.min((BY_PROVIDER, length + 1, provider));
                }
            }
        }
        self.put(node, best);
        best
    }

    fn path(&mut self, from: usize) -> Option<Vec<Asn>> {
        let mut path = vec![self.graph.asns[from]];
        let mut node = from;
        while node != self.origin {
            let (kind, _, next) = self.best(node, 0);
            if kind == NO_WAY || path.len() > 40 {
                return None;
            }
            path.push(self.graph.asns[next]);
            node = next;
        }
        Some(path)
    }
}
