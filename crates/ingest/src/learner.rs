//! The learner: sources in, Worlds out.
//!
//! It remembers between two calls what has not changed: the [`Bedrock`] until
//! one of its sources has a new version, the [`Ground`] on it until BGP or a
//! validator says something new, and a [`Ledger`] for each list, into which new
//! versions are merged. What a source gets wrong is refused whole and
//! noted on the [`Board`]; its last good version stays.
//!
//! [`Bedrock`]: crate::ground::Bedrock
//! [`Ledger`]: crate::ledger::Ledger

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use asgard_model::{Day, Model, SourceStatus, World};
use asgard_store::SourceState;
use jiff::Timestamp;

use self::{
    board::Board,
    free_memory::FreeMemory,
    memory::Memory,
    moment::Trials,
    slow::{Footing, Moments, Slow, read_bedrock, read_bgp, scenery},
};
use crate::{
    assemble::assemble,
    bgp::Told,
    catalogue::{Catalogue, Role, Source},
    ground::Ground,
    live::Stream,
    rtr::{Answer, Validators},
    supply::{Supply, SupplyError},
};

mod as_of;
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

pub use as_of::{AsOf, AsOfError};
pub use validate::{GROWTH_LIMIT, LAST_GOOD_DAYS, SHRINK_LIMIT};

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

/// Whether ledgers keep what is too old to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepOld {
    /// It is forgotten.
    #[default]
    No,
    /// It is kept, because the clock is in doubt.
    Yes,
}

/// The ground that stands, and from what it was made.
struct Standing {
    slow: Slow,
    /// The validator's answer that rules.
    answer: Option<Answer>,
    ground: Ground,
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
    standing: Option<Standing>,
    validators: Validators,
    stream: Option<Arc<Stream>>,
    /// What registries said until now that nobody holds.
    free: FreeMemory,
    /// What BGP told until now.
    told: Option<Told>,
    memories: BTreeMap<String, Memory>,
    trials: Trials,
    board: Board,
    keep_old: KeepOld,
}

impl Learner {
    /// A learner that knows nothing yet; the weights that the model states rule
    /// over those of the catalogue. `data_dir` is given where the supply has no
    /// history of its own, so that ledgers must be kept.
    pub fn new(
        catalogue: Catalogue,
        supply: Supply,
        model: Arc<Model>,
        as_of: AsOf,
        data_dir: Option<PathBuf>,
    ) -> Self {
        let catalogue = catalogue.weighed(&model);
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
            standing: None,
            validators: Validators::default(),
            stream: None,
            told: None,
            memories: BTreeMap::new(),
            trials: Trials::default(),
            board,
            keep_old: KeepOld::default(),
        }
    }

    /// Follows validators: what they say of RPKI rules over files as long as
    /// it is good.
    #[must_use]
    pub fn with_validators(mut self, validators: Validators) -> Self {
        self.validators = validators;
        self
    }

    /// Lets a stream change the table of BGP from the first cycle on.
    #[must_use]
    pub fn with_stream(mut self, stream: Option<Arc<Stream>>) -> Self {
        self.stream = stream;
        self
    }

    /// Says whether stored ledgers keep what is too old, from the next
    /// [`Self::learn`] on: a clock far ahead must not delete the past.
    pub fn keep_old(&mut self, keep_old: KeepOld) {
        self.keep_old = keep_old;
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
        let Some(Standing { ground, .. }) = &self.standing else {
            return Err(LearnError::Nothing(self.board.complaints()));
        };
        if ground.table.is_empty() && ground.bedrock.registrations.is_empty() {
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
    /// that day, or a stream at any time: that.
    fn latest(&self, as_of: Timestamp, ground: &Ground) -> Timestamp {
        let until = ground.bgp.as_ref().map(|bgp| i64::from(bgp.until));
        let until = until.and_then(|at| Timestamp::from_second(at).ok());
        match (self.as_of, until) {
            (AsOf::Newest, Some(until))
                if self.stream.is_some()
                    || Day::of(until) == Day::of(as_of) =>
            {
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
        let said = self.validators.current();
        let answer = said.as_ref().map(|(answer, _)| *answer);
        let news = self.stream.as_ref().is_some_and(|s| s.has_news());
        let is_same =
            |s: &Standing| !news && s.slow == slow && s.answer == answer;
        if self.standing.as_ref().is_some_and(is_same) {
            return Ok(());
        }
        // The old ground goes first: two of them would double the peak.
        let bedrock = self.standing.take().and_then(|standing| {
            let stays = standing.slow.has_bedrock_of(&slow);
            stays.then_some(standing.ground.bedrock)
        });
        let bedrock = bedrock.unwrap_or_else(|| {
            let (board, free) = (&mut self.board, &mut self.free);
            let now = moments.now;
            Arc::new(read_bedrock(&slow, &self.supply, board, free, now))
        });
        let rpki = bedrock.rpki(said.as_ref().map(|(_, said)| &said.rpki));
        let (supply, model) = (&self.supply, &self.model);
        let free = self.free.on(Day::of(moments.as_of));
        let now_rpki = Arc::clone(&rpki);
        let scenery = scenery(supply, model, &bedrock, now_rpki, free);
        let footing = Footing { supply, bedrock: &bedrock, scenery: &scenery };
        let told = self.stream.as_ref().and_then(|stream| stream.take());
        let told = told.or_else(|| self.told.take());
        let bgp = read_bgp(&slow, footing, &mut self.board, told, moments);
        let (told, bgp) = bgp.unzip();
        match (&self.stream, told) {
            (Some(stream), Some(told)) => {
                stream.give(told, Arc::new(scenery));
            }
            (_, told) => self.told = told,
        }
        let ground = Ground::new(bedrock, rpki, bgp);
        self.standing = Some(Standing { slow, answer, ground });
        Ok(())
    }

    fn refresh_memories(
        &mut self,
        now: Timestamp,
        day: Day,
    ) -> Result<(), SupplyError> {
        let Some(Standing { ground, .. }) = &self.standing else {
            return Ok(());
        };
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
            let known = self.board.binding(&self.supply, &source.name);
            let mut memory = memory.unwrap_or_else(|| Memory::load(file));
            memory.keep_old = self.keep_old;
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
