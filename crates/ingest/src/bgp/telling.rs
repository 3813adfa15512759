//! Files of BGP become state, relationships and incidents.

use std::{collections::BTreeMap, io::BufRead, ops::ControlFlow};

use asgard_model::{Asn, Day, graph::Relationship, scoring::VisibilityRule};
use asgard_routing::{
    detector::Survey,
    event::{Event, Sink, What},
    relationships::{Options, Relationships},
    table::{Limits, Table},
};
use rustc_hash::FxHashSet;

use super::{
    BgpFindings, BgpRows, SourceRead,
    ahead::read_ahead,
    files::{BgpFile, Story, stories},
    harvest::{connections, origins},
    known::Known,
    lanes::{Next, in_order, lanes},
    scenery::Scenery,
    sightings::{Sightings, routes_by_path},
};
use crate::{
    format::{FormatError, bgp_updates::bgp_updates, mrt::whole_table},
    supply::Supply,
};

mod live;

pub(crate) use live::Standing;

/// What is known besides BGP.
pub(crate) struct Context<'c> {
    /// Where the files are.
    pub(crate) supply: &'c Supply,
    /// How many full feeds must see a route.
    pub(crate) rule: VisibilityRule,
    /// Links of other sources.
    pub(crate) links: &'c [(Asn, Asn, Relationship)],
    /// The organisations of those who share one with others.
    pub(crate) organisations: Vec<(Asn, u32)>,
    /// Route servers of exchange points.
    pub(crate) route_servers: FxHashSet<Asn>,
    /// What detectors know besides.
    pub(crate) scenery: &'c Scenery,
    /// The end of all windows, in seconds since 1970.
    pub(crate) until: u32,
    /// Whether so many prefixes of a day are believable.
    pub(crate) believable: &'c dyn Fn(u64, Option<Day>) -> Result<(), String>,
}

/// What was told so far.
pub(crate) struct Told {
    table: Table,
    sightings: Sightings,
    known: Known,
    survey: Survey,
    /// Files that were told, the dumps first.
    files: Vec<BgpFile>,
    /// Events after the dumps, by source.
    events: BTreeMap<String, u64>,
    /// When the dump was made, in seconds since 1970.
    begins: u32,
    /// Whether relationships are inferred and the survey has begun.
    surveyed: bool,
    /// Whether a stream goes on where the files ended.
    live: bool,
    /// Dumps that have filled holes of the stream.
    resyncs: u64,
    /// Relationships of now, and when they were inferred (seconds since 1970).
    current: Option<(u32, Relationships)>,
}

/// Reads of files by source.
pub(crate) type Reads = BTreeMap<String, SourceRead>;

/// Tells the best story that the files have; goes on with `known` if that is
/// its beginning, or if a stream goes on with it. How the sources did is noted in `reads`.
pub(crate) fn tell(
    files: &[BgpFile],
    known: Option<Told>,
    context: &Context<'_>,
    reads: &mut Reads,
) -> Option<(Told, BgpRows)> {
    let mut known = known;
    if known.take_if(|told| told.is_worn_out()).is_some() {
        tracing::warn!("BGP: the table is full, and begins anew with a dump");
    }
    if let Some(mut told) = known.take_if(|told| told.live) {
        // Without any dump another table rules.
        files.iter().find(|file| file.is_dump())?;
        told.catch_up(files, context, reads);
        let rows = told.harvest(context);
        told.sum_up(reads);
        return Some((told, rows));
    }
    for story in stories(files, context.until) {
        let told = match known.take().filter(|told| told.begins(&story)) {
            Some(mut told) => {
                told.go_on(&story, context, reads);
                Some(told)
            }
            None => Told::begin(&story, context, reads),
        };
        if let Some(mut told) = told {
            let rows = told.harvest(context);
            told.sum_up(reads);
            return Some((told, rows));
        }
    }
    None
}

impl Told {
    fn new(rule: VisibilityRule, begins: u32) -> Self {
        Self {
            table: Table::new(rule, Limits::default()),
            sightings: Sightings::default(),
            known: Known::default(),
            survey: Survey::default(),
            files: Vec::new(),
            events: BTreeMap::new(),
            begins,
            surveyed: false,
            live: false,
            resyncs: 0,
            current: None,
        }
    }

    /// Whether a story begins with what was told, and nothing came between.
    fn begins(&self, story: &Story<'_>) -> bool {
        let all: Vec<&BgpFile> = story.files().collect();
        self.files.len() <= all.len()
            && self.files.iter().zip(&all).all(|(told, file)| told == *file)
    }

    /// Tells a story from its beginning; `None` if a dump is refused.
    fn begin(
        story: &Story<'_>,
        context: &Context<'_>,
        reads: &mut Reads,
    ) -> Option<Self> {
        let begins = story.dumps.first()?.begins;
        let mut told = Self::new(context.rule, begins);
        told.read(story, context, reads).ok()?;
        Some(told)
    }

    /// Tells what is new.
    fn go_on(
        &mut self,
        story: &Story<'_>,
        context: &Context<'_>,
        reads: &mut Reads,
    ) {
        // Only a dump at the beginning is refused, and that was good.
        let _ = self.read(story, context, reads);
    }

    /// Reads the files of a story that were not told yet.
    ///
    /// # Errors
    /// If a dump with which it begins is refused.
    fn read(
        &mut self,
        story: &Story<'_>,
        context: &Context<'_>,
        reads: &mut Reads,
    ) -> Result<(), ()> {
        let told = self.files.len();
        let dumps: Vec<&BgpFile> =
            story.dumps.iter().copied().skip(told).collect();
        self.first_dumps(&dumps, context, reads)?;
        let name = story.dumps.first().map(|f| f.source.name.clone());
        let read = reads.entry(name.unwrap_or_default()).or_default();
        let judged = self.known.judge_registries(&self.table, context.scenery);
        if let Err(reason) = judged {
            read.complain(reason);
        }
        self.start(context, read)?;
        let rest = story.files().skip(self.files.len()).collect::<Vec<_>>();
        self.rest(&rest, context, reads);
        Ok(())
    }

    fn first_dumps(
        &mut self,
        dumps: &[&BgpFile],
        context: &Context<'_>,
        reads: &mut Reads,
    ) -> Result<(), ()> {
        let mut result = Ok(());
        read_ahead(dumps, context.supply, |index, input| {
            let file = dumps[index];
            if let Err(reason) = self.first_dump(file, input) {
                let read = reads.entry(file.source.name.clone()).or_default();
                read.complain(format!("{}: {reason}", file.version.label));
                result = Err(());
                return ControlFlow::Break(());
            }
            self.files.push(file.clone());
            ControlFlow::Continue(())
        });
        result
    }

    /// Reads what came after: of one collector on this thread, of several on
    /// one for each.
    fn rest(
        &mut self,
        files: &[&BgpFile],
        context: &Context<'_>,
        reads: &mut Reads,
    ) {
        let mut runs = vec![Run::default(); files.len()];
        let lanes = lanes(files);
        if lanes.len() <= 1 {
            read_ahead(files, context.supply, |index, input| {
                let (file, run) = (files[index], &mut runs[index]);
                let result = read_events(file, input, &mut |event| {
                    self.take(event, run, context);
                    ControlFlow::Continue(())
                });
                self.end_file(file, run, result, context, reads);
                ControlFlow::Continue(())
            });
        } else {
            in_order(&lanes, context.supply, read_events, |next| match next {
                Next::Event(index, event) => {
                    self.take(event, &mut runs[index], context);
                }
                Next::End(index, result) => {
                    let (file, run) = (files[index], &runs[index]);
                    self.end_file(file, run, result, context, reads);
                }
            });
        }
        self.files.extend(files.iter().map(|file| (*file).clone()));
    }

    /// Reads a dump with which everything begins.
    fn first_dump(
        &mut self,
        file: &BgpFile,
        input: &mut dyn BufRead,
    ) -> Result<(), String> {
        let Self { table, sightings, survey, known, .. } = self;
        let mut routes = 0_u64;
        let before = table.refused().pathless;
        table.begin_dump();
        whole_table(input, &mut |event| {
            routes += 1;
            table.apply(event, &mut |table, t| {
                sightings.note(t);
                survey.note(table, &known.blackholes, t);
            });
            ControlFlow::Continue(())
        })
        .map_err(|broken| FormatError::from(broken).to_string())?;
        let pathless = table.refused().pathless - before;
        // A router that dumps its own table has no path for its own networks.
        if pathless > routes / 2 {
            return Err(format!(
                "{pathless} of {routes} routes have no readable AS path"
            ));
        }
        // Its peers had no routes before, so none goes.
        table.end_dump(file.begins, &mut |_, _| {});
        note_limits(table, file);
        Ok(())
    }

    /// Infers relationships from the dumps and shows the routes to the
    /// detectors, once all dumps of the beginning were read.
    fn start(
        &mut self,
        context: &Context<'_>,
        read: &mut SourceRead,
    ) -> Result<(), ()> {
        if self.surveyed {
            return Ok(());
        }
        let prefixes = harvest_size(&self.table);
        let day = self.files.iter().filter_map(BgpFile::day).max();
        if let Err(reason) = (context.believable)(prefixes, day) {
            let label = self.files.first().map(|f| f.version.label.clone());
            read.complain(format!("{}: {reason}", label.unwrap_or_default()));
            return Err(());
        }
        self.known.relationships = self.infer(context);
        self.surveyed = true;
        let scenery = context.scenery;
        let Self { table, survey, known, .. } = self;
        table.replay(&mut |table, t| {
            survey.transition(&known.scene(table, scenery), t);
        });
        Ok(())
    }

    fn infer(&self, context: &Context<'_>) -> Relationships {
        let routes = routes_by_path(&self.table);
        let now = self.table.now();
        let paths = self.sightings.settled(self.table.paths(), &routes, now);
        let options = Options { route_servers: context.route_servers.clone() };
        Relationships::infer(paths, options)
            .merge(Relationships::loaded(context.links.iter().copied()))
            .with_organisations(context.organisations.iter().copied())
    }

    fn end_file(
        &mut self,
        file: &BgpFile,
        run: &Run,
        result: Result<(), String>,
        context: &Context<'_>,
        reads: &mut Reads,
    ) {
        if run.shows_table {
            self.end_dump(run.last, &result, context);
        }
        note_limits(&self.table, file);
        let name = &file.source.name;
        *self.events.entry(name.clone()).or_default() += run.events;
        if let Err(reason) = result {
            let read = reads.entry(name.clone()).or_default();
            read.complain(format!("{}: {reason}", file.version.label));
        }
    }

    /// Notes what all files together say: of dumps prefixes, of what came after
    /// events.
    fn sum_up(&self, reads: &mut Reads) {
        for file in &self.files {
            let name = &file.source.name;
            let rows = match file.is_dump() {
                true => harvest_size(&self.table),
                false => self.events.get(name).copied().unwrap_or(0),
            };
            reads.entry(name.clone()).or_default().said(rows, file.day());
        }
    }

    fn take(
        &mut self,
        event: &Event<'_>,
        run: &mut Run,
        context: &Context<'_>,
    ) {
        // What was said before the dump is in it.
        if event.at.seconds < self.begins {
            return;
        }
        let is_update = !matches!(event.what, What::Rib { .. });
        run.events += u64::from(is_update);
        if !is_update && !run.shows_table {
            run.shows_table = true;
            self.table.begin_dump();
        }
        run.last = run.last.max(event.at.seconds);
        self.apply(event, context.scenery);
    }

    fn apply(&mut self, event: &Event<'_>, scenery: &Scenery) {
        let Self { table, sightings, survey, known, .. } = self;
        table.apply(event, &mut |table, t| {
            sightings.note(t);
            survey.transition(&known.scene(table, scenery), t);
        });
    }

    fn end_dump(
        &mut self,
        at: u32,
        result: &Result<(), String>,
        context: &Context<'_>,
    ) {
        let scenery = context.scenery;
        let Self { table, survey, known, .. } = self;
        if result.is_err() {
            return table.abandon_dump();
        }
        table.end_dump(at, &mut |table, t| {
            survey.transition(&known.scene(table, scenery), t);
        });
    }

    /// What everything amounts to now.
    fn harvest(&mut self, context: &Context<'_>) -> BgpRows {
        let until = self.table.now().max(context.until);
        let has_updates =
            self.live || self.files.iter().any(|file| !file.is_dump());
        // Links of the dump may be months old: those of now are shown, while
        // detectors keep what was true when a route was seen.
        if !self.links_stay() {
            let links = has_updates.then(|| self.infer(context));
            self.current = links.map(|links| (self.table.now(), links));
        }
        let current = self.current.as_ref().map(|(_, links)| links);
        let links = current.unwrap_or(&self.known.relationships);
        let routes = routes_by_path(&self.table);
        let scene = self.known.scene(&self.table, context.scenery);
        let found = self.survey.finish(&scene, until);
        let mut edges: Vec<_> =
            links.edges().map(|(a, b, r, _)| (a, b, r)).collect();
        edges.sort_unstable();
        let rows = BgpRows {
            origins: origins(&self.table),
            findings: BgpFindings {
                edges,
                clique: links.clique().to_vec(),
                connections: connections(&self.table, &routes, links),
                incidents: found.incidents,
                measures: found.measures,
                until: self.table.now(),
                has_updates,
            },
        };
        self.current.take_if(|_| !self.live);
        rows
    }
}

/// What was read of a file.
#[derive(Clone, Copy, Default)]
struct Run {
    events: u64,
    /// The latest of them, in seconds since 1970.
    last: u32,
    /// Whether a route of a dump was among them.
    shows_table: bool,
}

/// Hands the events of a file to the sink.
fn read_events(
    file: &BgpFile,
    input: &mut dyn BufRead,
    sink: Sink<'_>,
) -> Result<(), String> {
    match file.is_dump() {
        true => whole_table(input, sink)
            .map(drop)
            .map_err(|broken| FormatError::from(broken).to_string()),
        false => bgp_updates(input, sink),
    }
}

/// Prefixes that somebody announces.
fn harvest_size(table: &Table) -> u64 {
    let carried = table
        .prefix_ids()
        .filter(|&id| table.spans(id).any(|span| span.peers > 0));
    u64::try_from(carried.count()).unwrap_or(u64::MAX)
}

/// Says when a file holds more than a table may.
fn note_limits(table: &Table, file: &BgpFile) {
    let refused = table.refused();
    if refused.peers + refused.prefixes + refused.paths > 0 {
        tracing::warn!(
            file = file.version.label,
            peers = refused.peers,
            prefixes = refused.prefixes,
            paths = refused.paths,
            "BGP: more than the table holds; so many events were left out"
        );
    }
}
