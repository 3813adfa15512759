//! Reading the ground: which versions rule, and what they say.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    sync::Arc,
};

use asgard_model::{Day, Model, rpki::Rpki};
use jiff::Timestamp;

use super::{
    board::{Board, Good, Outcome},
    free_memory::FreeMemory,
    in_parallel,
    newest::read_newest,
    validate::believable,
};
use crate::{
    bgp::{BgpRows, Context, Reads, Scenery, SourceRead, Told, survey, tell},
    catalogue::{Catalogue, Rank, Role, Source},
    free_space::Unallocated,
    ground::{Bedrock, GroundBuilder, Invented},
    reader::Rows,
    supply::{Supply, SupplyError, Version},
};

/// The versions from which a ground is made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slow {
    /// Sources in catalogue order, with versions, oldest first, and stamps.
    sources: Vec<(Source, Vec<(Version, u64)>)>,
}

impl Slow {
    /// Finds the versions that rule on a day. What is newer than `day` is used
    /// only if there is nothing older: context carries no listing, and a
    /// later table is better than none.
    pub(super) fn survey(
        catalogue: &Catalogue,
        supply: &Supply,
        day: Day,
    ) -> Result<Self, SupplyError> {
        let mut sources = Vec::new();
        for source in catalogue.enabled().filter(|s| is_slow(s.role)) {
            let all = supply.versions(source)?;
            let until = all.iter().any(|v| v.day.is_some_and(|d| d <= day));
            let known = all
                .into_iter()
                .filter(|v| !until || v.day.is_none_or(|d| d <= day))
                .map(|v| {
                    let stamp = stamp(supply, source, &v);
                    (v, stamp)
                })
                .collect::<Vec<_>>();
            if !known.is_empty() {
                sources.push((source.clone(), known));
            }
        }
        keep_ruling(&mut sources);
        Ok(Self { sources })
    }

    /// The sources of the bedrock with their versions: everything but BGP.
    fn still(&self) -> impl Iterator<Item = &(Source, Vec<(Version, u64)>)> {
        self.sources.iter().filter(|(source, _)| !is_bgp(source.role))
    }

    /// Whether the bedrock is that of other versions too.
    pub(super) fn has_bedrock_of(&self, other: &Self) -> bool {
        self.still().eq(other.still())
    }

    /// What tells BGP itself: dumps and what came after them; empty where
    /// another table rules.
    fn bgp(&self) -> impl Iterator<Item = (&Source, &(Version, u64))> {
        let rules = self.sources.iter().any(|(s, _)| is_dump(s.role));
        let sources = self.sources.iter();
        let bgp = sources.filter(move |(s, _)| rules && is_bgp(s.role));
        bgp.flat_map(|(source, versions)| {
            versions.iter().map(move |version| (source, version))
        })
    }

    /// The source of the routing table.
    pub(super) fn routing(&self) -> Option<&str> {
        self.sources
            .iter()
            .find(|(source, _)| matches!(source.role, Role::Routing(_)))
            .map(|(source, _)| source.name.as_str())
    }

    /// Whether a source's freshness counts: of those that exclude each other
    /// only the one that rules does.
    pub(super) fn counts(&self, source: &Source) -> bool {
        let exclusive = is_exclusive(source.role);
        !exclusive || self.sources.iter().any(|(s, _)| s.name == source.name)
    }
}

/// Whether the files are dumps of BGP tables.
fn is_dump(role: Role) -> bool {
    matches!(role, Role::Routing(Rank::Rib))
}

/// Whether the files are events, whose order matters.
fn is_bgp(role: Role) -> bool {
    is_dump(role) || role == Role::Updates
}

fn is_slow(role: Role) -> bool {
    !matches!(role, Role::Threat(_) | Role::Drop | Role::AsnDrop)
}

/// Roles of which one source rules: tables are never merged, and an old graph
/// or set of ROAs must not survive in a new one.
fn is_exclusive(role: Role) -> bool {
    matches!(role, Role::Routing(_) | Role::Vrps | Role::Relations)
}

/// Of exclusive roles keeps the best rank, then the newest, then the first.
fn keep_ruling(sources: &mut Vec<(Source, Vec<(Version, u64)>)>) {
    let class = |role: Role| match role {
        Role::Routing(_) => 0,
        Role::Vrps => 1,
        _ => 2,
    };
    let merit = |source: &Source, versions: &[(Version, u64)]| {
        let newest = versions.last().and_then(|(v, _)| v.day);
        match source.role {
            Role::Routing(rank) => (std::cmp::Reverse(Some(rank)), newest),
            _ => (std::cmp::Reverse(None), newest),
        }
    };
    let mut ruling: [Option<usize>; 3] = [None; 3];
    for (at, (source, versions)) in sources.iter().enumerate() {
        if !is_exclusive(source.role) {
            continue;
        }
        let best = &mut ruling[class(source.role)];
        let better = best.is_none_or(|b| {
            merit(source, versions) > merit(&sources[b].0, &sources[b].1)
        });
        if better {
            *best = Some(at);
        }
    }
    let mut at = 0;
    sources.retain(|(source, _)| {
        let keep = !is_exclusive(source.role)
            || ruling[class(source.role)] == Some(at);
        at += 1;
        keep
    });
}

/// When something is read, and for which moment.
#[derive(Clone, Copy)]
pub(super) struct Moments {
    /// The present.
    pub(super) now: Timestamp,
    /// The moment of the World.
    pub(super) as_of: Timestamp,
}

/// Reads all sources but BGP; notes on the board how it went. `free` is what
/// registries said before.
pub(super) fn read_bedrock(
    slow: &Slow,
    supply: &Supply,
    board: &mut Board,
    free: &mut FreeMemory,
    now: Timestamp,
) -> Bedrock {
    let jobs: Vec<_> = slow
        .still()
        .map(|(source, versions)| {
            (source, versions, board.binding(supply, &source.name))
        })
        .collect();
    let done = in_parallel(jobs, |(source, versions, last)| {
        (source, versions, read_newest(source, supply, versions, last, now))
    });
    let mut builder = GroundBuilder::default();
    for (source, versions, (rows, mut outcome)) in done {
        let day = outcome.good.as_ref().and_then(|good| good.day);
        free.recall(source, supply, versions);
        for mut rows in rows {
            free.take(&mut rows, day);
            add(&mut builder, source, day, rows);
        }
        let unsaved = free.save(source);
        outcome.error = outcome.error.or(unsaved);
        board.note(&source.name, outcome, now);
    }
    builder.build()
}

/// What is known besides BGP.
#[derive(Clone, Copy)]
pub(super) struct Footing<'k> {
    pub(super) supply: &'k Supply,
    pub(super) bedrock: &'k Bedrock,
    pub(super) scenery: &'k Scenery,
}

/// What detectors know besides BGP.
pub(super) fn scenery(
    supply: &Supply,
    model: &Model,
    bedrock: &Bedrock,
    rpki: Arc<Rpki>,
    free: Unallocated,
) -> Scenery {
    let registries = Arc::clone(&bedrock.registries);
    let invented = match supply {
        Supply::Memory(_) => Invented::Yes,
        _ => Invented::No,
    };
    let bogons = bedrock.bogons(free, invented);
    Scenery {
        rpki,
        special: bogons.without_registries(),
        bogons,
        rir: Box::new(move |prefix| registries.of(prefix)),
        half_life_days: model.incident_half_life(),
    }
}

/// Tells BGP, if it rules, with all that is known besides: name and day of the
/// table, and what it amounts to. `told` is what BGP told before, and is given
/// back with what is new.
pub(super) fn read_bgp(
    slow: &Slow,
    footing: Footing<'_>,
    board: &mut Board,
    told: Option<Told>,
    moments: Moments,
) -> Option<(Told, (String, BgpRows))> {
    let dumps = slow.routing()?.to_owned();
    let Footing { supply, bedrock, scenery } = footing;
    let (files, problems) = survey(slow.bgp(), supply);
    let mut reads = Reads::default();
    for (name, problem) in problems {
        reads.entry(name).or_default().complain(problem);
    }
    let last = board.last_good(&dumps);
    let context = Context {
        supply,
        // The table is shared by every model that may judge it.
        rule: Model::default_model().visibility(),
        links: &bedrock.edges,
        organisations: bedrock.organisations(),
        route_servers: bedrock.route_servers.clone(),
        scenery,
        until: u32::try_from(moments.as_of.as_second()).unwrap_or(u32::MAX),
        believable: &|rows, day| {
            let day = day.unwrap_or_else(|| Day::of(moments.now));
            believable(rows, day, last)
        },
    };
    let out = tell(&files, told, &context, &mut reads);
    let out = out.map(|(told, rows)| {
        // The table is as fresh as the last that changed it.
        let good = reads.values().filter_map(|read| read.good);
        let day = good.filter_map(|(_, day)| day).max();
        reads.entry(dumps.clone()).or_default().until(day);
        (told, (dated(&dumps, day), rows))
    });
    for (name, read) in reads {
        board.note(&name, outcome(read), moments.now);
    }
    out
}

fn outcome(read: SourceRead) -> Outcome {
    let good =
        read.good.map(|(rows, day)| Good { rows, day, attribution: None });
    Outcome { good, error: read.error }
}

/// The name of a source with the day of its data.
fn dated(name: &str, day: Option<Day>) -> String {
    match day {
        Some(day) => format!("{name} {day}"),
        None => name.to_owned(),
    }
}

fn add(
    builder: &mut GroundBuilder,
    source: &Source,
    day: Option<Day>,
    rows: Rows,
) {
    match (source.role, rows) {
        (Role::Routing(_), Rows::Origins(rows)) => {
            builder.routing(&dated(&source.name, day), rows);
        }
        (Role::Names, Rows::Registrations(rows)) => {
            builder.registrations(rows);
        }
        (Role::Names, Rows::Delegations(rows)) => {
            builder.registrations(rows.registrations);
            builder.registries(rows.given);
            builder.delegated_countries(rows.countries);
        }
        (Role::Countries, Rows::Countries(rows)) => builder.countries(rows),
        (Role::Vrps, Rows::Rpki(rows)) => builder.rpki(rows),
        (Role::Relations, Rows::Relations(rows)) => builder.relations(rows),
        (Role::Peeringdb | Role::NetworkTypes, Rows::Networks(rows)) => {
            builder.peeringdb(rows);
        }
        (Role::Ranges(class), Rows::Prefixes(rows)) => {
            builder.ranges(class, rows);
        }
        (Role::Special, Rows::Special(rows)) => builder.special(rows),
        (Role::Special, Rows::Prefixes(rows)) => {
            builder.special(rows.into_iter().map(|p| (p, false)).collect());
        }
        // Lists of data centre ASNs inform; they move nothing.
        (role, _) => {
            tracing::debug!(source = source.name, ?role, "rows not used");
        }
    }
}

/// Changes when the bytes of a version do.
pub(super) fn stamp(
    supply: &Supply,
    source: &Source,
    version: &Version,
) -> u64 {
    let mut hasher = DefaultHasher::new();
    match supply {
        Supply::Mirror(mirror) => {
            let file = mirror.root().join(&version.label);
            let metadata = std::fs::metadata(file).ok();
            metadata.as_ref().map(std::fs::Metadata::len).hash(&mut hasher);
            metadata.and_then(|m| m.modified().ok()).hash(&mut hasher);
        }
        Supply::Memory(_) => {}
        Supply::Network(network) => {
            let receipt = network.receipt(&source.name, &version.part);
            receipt.fetched.hash(&mut hasher);
        }
    }
    hasher.finish()
}
