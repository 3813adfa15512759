//! The learner: sources in, Worlds out.
//!
//! It remembers between two calls what has not changed: the [`Ground`] until
//! one of its sources has a new version, and a [`Ledger`] for each list, into
//! which new versions are merged. What a source gets wrong is refused whole and
//! noted on the [`Board`]; its last good version stays.
//!
//! [`Ledger`]: crate::ledger::Ledger

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr, sync::Arc};

use asgard_model::{Day, Model, SourceStatus, World, day::DayError};
use asgard_store::SourceState;
use jiff::Timestamp;

use self::{
    board::Board,
    free_memory::FreeMemory,
    memory::Memory,
    moment::Trials,
    slow::{Moments, Slow, read_ground},
};
use crate::{
    assemble::assemble,
    bgp::Told,
    catalogue::{Catalogue, Role, Source},
    ground::Ground,
    supply::{Supply, SupplyError},
};

mod board;
mod findings;
mod free_memory;
mod memory;
mod moment;
mod newest;
mod refresh;
mod sealed;
mod slow;
mod validate;

pub use validate::{GROWTH_LIMIT, LAST_GOOD_DAYS, SHRINK_LIMIT};

/// The moment for which observations age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// The present.
    Now,
    /// The newest day of any list of observations.
    Newest,
    /// A day; what was published later is not read.
    At(Day),
}

/// Text that names no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as_of: `{text}` is neither `now` nor `newest`, and {cause}")]
pub struct AsOfError {
    text: String,
    cause: DayError,
}

impl FromStr for AsOf {
    type Err = AsOfError;

    fn from_str(text: &str) -> Result<Self, AsOfError> {
        match text {
            "now" => Ok(Self::Now),
            "newest" => Ok(Self::Newest),
            day => day.parse().map(Self::At).map_err(|cause| AsOfError {
                text: text.chars().take(40).collect(),
                cause,
            }),
        }
    }
}

impl fmt::Display for AsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("now"),
            Self::Newest => f.write_str("newest"),
            Self::At(day) => day.fmt(f),
        }
    }
}

/// Why there is no World.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The supply itself is gone.
    #[error(transparent)]
    Supply(#[from] SupplyError),
    /// No source has told of any network.
    #[error(
        "no routing table and no registration could be read: {0}; \
         `asgard source status` says more"
    )]
    Nothing(String),
}

/// Sources in, Worlds out.
pub struct Learner {
    catalogue: Catalogue,
    supply: Supply,
    model: Arc<Model>,
    as_of: AsOf,
    demo: bool,
    /// Where ledgers are kept; `None` where the supply itself has history.
    ledgers: Option<PathBuf>,
    ground: Option<(Slow, Ground)>,
    /// What registries said until now that nobody holds.
    free: FreeMemory,
    /// What BGP told until now.
    told: Option<Told>,
    memories: BTreeMap<String, Memory>,
    trials: Trials,
    board: Board,
}

impl Learner {
    /// A learner that knows nothing yet. `data_dir` is given where the supply
    /// has no history of its own, so that ledgers must be kept.
    pub fn new(
        catalogue: Catalogue,
        supply: Supply,
        model: Arc<Model>,
        as_of: AsOf,
        data_dir: Option<PathBuf>,
    ) -> Self {
        let board = Board::new(&catalogue, &supply);
        let ledgers = data_dir.map(|dir| dir.join("sources"));
        Self {
            demo: matches!(supply, Supply::Memory(_)),
            catalogue,
            supply,
            model,
            as_of,
            free: FreeMemory::new(ledgers.clone()),
            ledgers,
            ground: None,
            told: None,
            memories: BTreeMap::new(),
            trials: Trials::default(),
            board,
        }
    }

    /// Recalls how the sources did before the process started, and how old
    /// that is now.
    pub fn recall(&mut self, states: &[SourceState], now: Timestamp) {
        self.board.recall(states);
        self.board.age(self.known_moment(now), |_| 0);
    }

    /// As [`Self::recall`], with sources that this supply does not offer but
    /// that another one, such as a mirror, was read from.
    pub fn recall_all(&mut self, states: &[SourceState], now: Timestamp) {
        self.board.admit(&self.catalogue, states);
        self.recall(states, now);
    }

    /// The moment as far as what was read before can tell.
    fn known_moment(&self, now: Timestamp) -> Timestamp {
        let newest = || {
            let days = self.observers().map(|s| self.board.data_day(&s.name));
            days.max().flatten().map(Day::start)
        };
        match self.as_of {
            AsOf::Now => now,
            AsOf::At(day) => day.start(),
            AsOf::Newest => newest().unwrap_or(now),
        }
    }

    /// How each source is doing, in the order of the catalogue.
    pub fn statuses(&self) -> Vec<SourceStatus> {
        self.board.statuses()
    }

    /// The same, to be stored.
    pub fn states(&self) -> Vec<SourceState> {
        self.board.states()
    }

    /// Reads what is new and builds the World of the moment.
    ///
    /// # Errors
    /// [`LearnError`]; the statuses say what each source did.
    pub fn learn(&mut self, now: Timestamp) -> Result<World, LearnError> {
        let (as_of, complaints) = self.moment(now)?;
        let day = Day::of(as_of);
        self.refresh_ground(Moments { now, as_of }, day)?;
        self.refresh_memories(now, day)?;
        self.board.set_aside(complaints);
        let Some((_, ground)) = &self.ground else {
            return Err(LearnError::Nothing(self.board.complaints()));
        };
        if ground.table.is_empty() && ground.registrations.is_empty() {
            return Err(LearnError::Nothing(self.board.complaints()));
        }
        let findings = self.findings(ground, day);
        let as_of = self.latest(as_of, ground);
        let world = assemble(ground, findings, as_of, self.demo);
        self.board.age(as_of, |name| {
            self.memories.get(name).map_or(0, |m| m.ledger.median_gap_days())
        });
        Ok(world)
    }

    /// Where the newest data set the moment, and BGP told something later on
    /// that day: that.
    fn latest(&self, as_of: Timestamp, ground: &Ground) -> Timestamp {
        let until = ground.bgp.as_ref().map(|bgp| i64::from(bgp.until));
        let until = until.and_then(|at| Timestamp::from_second(at).ok());
        match (self.as_of, until) {
            (AsOf::Newest, Some(until)) if Day::of(until) == Day::of(as_of) => {
                as_of.max(until)
            }
            _ => as_of,
        }
    }

    /// The moment, and by source why newer versions do not set it.
    fn moment(
        &mut self,
        now: Timestamp,
    ) -> Result<(Timestamp, BTreeMap<String, String>), SupplyError> {
        match self.as_of {
            AsOf::Now => return Ok((now, BTreeMap::new())),
            AsOf::At(day) => return Ok((day.start(), BTreeMap::new())),
            AsOf::Newest => {}
        }
        let mut trials = std::mem::take(&mut self.trials);
        let sources: Vec<&Source> = self.observers().collect();
        let found = trials.newest(&sources, &self.supply, now);
        self.trials = trials;
        let (newest, complaints) = found?;
        let newest = newest.max(self.newest_updates()?);
        Ok((newest.map_or(now, Day::start), complaints))
    }

    /// The newest day of any file of updates: they are observations too.
    fn newest_updates(&self) -> Result<Option<Day>, SupplyError> {
        let mut newest = None;
        let updates = self.catalogue.enabled().filter(|source| {
            source.role == Role::Updates && self.supply.offers(source)
        });
        for source in updates {
            let versions = self.supply.versions(source)?;
            newest =
                newest.max(versions.into_iter().filter_map(|v| v.day).max());
        }
        Ok(newest)
    }

    /// Sources of evidence that are read.
    fn observers(&self) -> impl Iterator<Item = &Source> {
        self.catalogue.enabled().filter(|source| {
            matches!(source.role, Role::Threat(_) | Role::Drop | Role::AsnDrop)
                && self.supply.offers(source)
        })
    }

    fn refresh_ground(
        &mut self,
        moments: Moments,
        day: Day,
    ) -> Result<(), SupplyError> {
        let slow = Slow::survey(&self.catalogue, &self.supply, day)?;
        if self.ground.as_ref().is_some_and(|(known, _)| *known == slow) {
            return Ok(());
        }
        // The old ground goes first: two of them would double the peak.
        self.ground = None;
        let (ground, told) = read_ground(
            &slow,
            &self.supply,
            &self.model,
            &mut self.board,
            &mut self.free,
            self.told.take(),
            moments,
        );
        self.told = told;
        self.ground = Some((slow, ground));
        Ok(())
    }

    fn refresh_memories(
        &mut self,
        now: Timestamp,
        day: Day,
    ) -> Result<(), SupplyError> {
        let Some((_, ground)) = &self.ground else { return Ok(()) };
        let mut jobs = Vec::new();
        for source in self.observers() {
            let versions = self.supply.versions(source)?;
            let memory = self.memories.get(&source.name).cloned();
            let file = self
                .ledgers
                .as_ref()
                .map(|dir| dir.join(&source.name).join("ledger"));
            jobs.push((source, versions, memory, file));
        }
        let done = in_parallel(jobs, |(source, versions, memory, file)| {
            let known = self.board.last_good(&source.name);
            let mut memory = memory.unwrap_or_else(|| Memory::load(file));
            let outcome = memory.update(
                source,
                &self.supply,
                &versions,
                &ground.table,
                known,
                (now, day),
            );
            (source.name.clone(), memory, outcome)
        });
        for (name, memory, outcome) in done {
            self.board.note(&name, outcome, now);
            self.memories.insert(name, memory);
        }
        Ok(())
    }
}

/// Runs jobs on two threads; the order of results is that of the jobs.
fn in_parallel<J: Send, R: Send>(
    jobs: Vec<J>,
    run: impl Fn(J) -> R + Sync,
) -> Vec<R> {
    let (mut even, mut odd) = (Vec::new(), Vec::new());
    for (index, job) in jobs.into_iter().enumerate() {
        if index % 2 == 0 { even.push(job) } else { odd.push(job) }
    }
    let all = |jobs: Vec<J>| jobs.into_iter().map(&run).collect::<Vec<R>>();
    let (even, odd) = std::thread::scope(|scope| {
        let later = scope.spawn(|| all(odd));
        let even = all(even);
        let odd = later
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (even, odd)
    });
    let mut odd = odd.into_iter();
    even.into_iter()
        .flat_map(|first| [Some(first), odd.next()])
        .flatten()
        .collect()
}
