//! The Snapshot: a World and the judgement about each of its ASes.
//!
//! It is immutable; everything that anyone can ask is answered from one. A new
//! whitelist entry, a new day, a new list: each makes a new Snapshot.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use self::kin::{Siblings, neighbours};
use crate::{
    Asn, Assessment, Bands, Code, Model, Registration, Signals, World,
    scoring::{Facts, Ranks, assess, direct, peer_group},
    signals::{Neighbours, SourceHealth},
    world::Sample,
};

mod kin;

/// A World and the judgement about each of its ASes.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Ascending number; a later Snapshot has a greater one.
    pub serial: u64,
    /// When it was made.
    pub created: Timestamp,
    /// The facts.
    pub world: Arc<World>,
    /// Thresholds of the levels.
    pub bands: Bands,
    /// The parameters that judged.
    pub model: Arc<Model>,
    /// `<name>-<12 hex>` of those parameters.
    pub model_version: Arc<str>,
    /// The operator's whitelist, with reasons.
    pub whitelist: Arc<Whitelist>,
    assessments: Vec<Assessment>,
    siblings: Siblings,
    /// Whitelisted ASNs that the World does not know, ascending.
    strangers: Vec<(Asn, Assessment)>,
    ranks: Ranks,
    groups: FxHashMap<String, Ranks>,
}

/// ASNs that the operator trusts, with the reason.
pub type Whitelist = BTreeMap<Asn, String>;

/// How a Snapshot judges: parameters that do not come from the World.
#[derive(Clone, Debug)]
pub struct Judge {
    /// Weights.
    pub model: Arc<Model>,
    /// Thresholds of the levels.
    pub bands: Bands,
    /// Threads to use; the result does not depend on it.
    pub threads: usize,
}

/// One AS of a Snapshot, with everything known about it.
#[derive(Clone, Copy, Debug)]
pub struct Profile<'a> {
    /// The AS.
    pub asn: Asn,
    /// Its index in the World; `None` if only the whitelist knows it.
    pub node: Option<usize>,
    /// Who holds it.
    pub registration: &'a Registration,
    /// What was measured.
    pub signals: &'a Signals,
    /// The judgement.
    pub assessment: &'a Assessment,
    /// Samples of the evidence.
    pub samples: &'a [Sample],
}

static NO_REGISTRATION: std::sync::LazyLock<Registration> =
    std::sync::LazyLock::new(Registration::default);
static NO_SIGNALS: std::sync::LazyLock<Signals> =
    std::sync::LazyLock::new(Signals::default);

impl Snapshot {
    /// Judges every AS of a World.
    pub fn assess(
        world: Arc<World>,
        whitelist: Arc<Whitelist>,
        judge: &Judge,
        serial: u64,
        created: Timestamp,
    ) -> Self {
        let trusted = |asn: Asn| whitelist.contains_key(&asn);
        let direct_units: Vec<f64> =
            parallel(world.asns.len(), judge.threads, |node| {
                match trusted(world.asns[node]) {
                    true => 0.0,
                    false => direct(
                        &world.signals[node],
                        &world.health,
                        &judge.model,
                    ),
                }
            });
        let siblings = Siblings::find(&world);
        let assessments = parallel(world.asns.len(), judge.threads, |node| {
            assess(
                &world.signals[node],
                &neighbours(&world, &siblings, &judge.model, node, |n| {
                    direct_units[n]
                }),
                &world.health,
                trusted(world.asns[node]),
                &judge.model,
                judge.bands,
            )
        });
        let strangers = whitelist
            .keys()
            .filter(|&&asn| world.node(asn).is_none())
            .map(|&asn| (asn, stranger(&world.health, judge)))
            .collect();
        Self {
            serial,
            created,
            bands: judge.bands,
            model: Arc::clone(&judge.model),
            model_version: judge.model.version().into(),
            siblings,
            ranks: assessments.iter().map(|a| a.score).collect(),
            groups: rank_groups(&world, &assessments),
            whitelist,
            assessments,
            strangers,
            world,
        }
    }

    /// Everything known about an AS; `None` if it is not scored.
    pub fn profile(&self, asn: Asn) -> Option<Profile<'_>> {
        match self.world.node(asn) {
            Some(node) => self.at(node),
            None => {
                self.strangers.binary_search_by_key(&asn, |s| s.0).ok().map(
                    |at| Profile {
                        asn,
                        node: None,
                        registration: &NO_REGISTRATION,
                        signals: &NO_SIGNALS,
                        assessment: &self.strangers[at].1,
                        samples: &[],
                    },
                )
            }
        }
    }

    fn at(&self, node: usize) -> Option<Profile<'_>> {
        Some(Profile {
            asn: *self.world.asns.get(node)?,
            node: Some(node),
            registration: self.world.registrations.get(node)?,
            signals: self.world.signals.get(node)?,
            assessment: self.assessments.get(node)?,
            samples: self.world.samples.get(node)?,
        })
    }

    /// All ASes of the World, ascending.
    pub fn profiles(&self) -> impl Iterator<Item = Profile<'_>> {
        (0..self.assessments.len()).filter_map(|node| self.at(node))
    }

    /// All scores, ascending by ASN, whitelisted strangers included.
    pub fn scores(&self) -> Vec<(Asn, &Assessment)> {
        let known = self.world.asns.iter().copied().zip(&self.assessments);
        let strangers = self.strangers.iter().map(|(asn, a)| (*asn, a));
        let mut all: Vec<_> = known.chain(strangers).collect();
        if !self.strangers.is_empty() {
            all.sort_by_key(|(asn, _)| *asn);
        }
        all
    }

    /// Number of scored ASes.
    pub fn len(&self) -> usize {
        self.assessments.len()
    }

    /// Whether nothing is scored.
    pub fn is_empty(&self) -> bool {
        self.assessments.is_empty()
    }

    /// A reason as a sentence, with its numbers.
    pub fn describe(&self, profile: &Profile<'_>, code: Code) -> String {
        let direct = |node: usize| self.assessments[node].direct_units;
        let around = |node| self.neighbours(node, direct);
        let neighbours = profile.node.map(around);
        code.description(&Facts {
            signals: profile.signals,
            neighbours: &neighbours.unwrap_or_default(),
            sibling: profile.node.and_then(|node| self.sibling(node)),
            assessment: profile.assessment,
            model: &self.model,
        })
    }

    fn neighbours(
        &self,
        node: usize,
        direct: impl Fn(usize) -> f64,
    ) -> Neighbours {
        neighbours(&self.world, &self.siblings, &self.model, node, direct)
    }

    /// The AS of the same organisation whose evidence weighs most here.
    fn sibling(&self, node: usize) -> Option<Asn> {
        let direct = |node: usize| self.assessments[node].direct_units;
        let share = self.model.full_sibling_share();
        let worst = self.siblings.worst_of(&self.world, share, node, direct);
        worst.and_then(|(sibling, _)| self.world.asns.get(sibling).copied())
    }

    /// Percent of ASes that this one is better than, midrank, one decimal.
    pub fn rank_percentile(&self, profile: &Profile<'_>) -> Option<f64> {
        self.ranks.percentile(profile.assessment.score)
    }

    /// As [`Self::rank_percentile`] inside the peer group; `None` while there
    /// is not enough data.
    pub fn peer_percentile(&self, profile: &Profile<'_>) -> Option<f64> {
        let ranks = self.groups.get(&profile.peer_group())?;
        let assessment = profile.assessment;
        ranks.peer_percentile(assessment.score, assessment.state)
    }
}

impl Profile<'_> {
    /// Size class and kind: `s2-content`.
    pub fn peer_group(&self) -> String {
        peer_group(&self.signals.exposure, self.registration.kind.as_str())
    }
}

fn rank_groups(
    world: &World,
    assessments: &[Assessment],
) -> FxHashMap<String, Ranks> {
    let mut groups: FxHashMap<String, Vec<u8>> = FxHashMap::default();
    let rows = world.signals.iter().zip(&world.registrations).zip(assessments);
    for ((signals, registration), assessment) in rows {
        let kind = registration.kind.as_str();
        let group = peer_group(&signals.exposure, kind);
        groups.entry(group).or_default().push(assessment.score);
    }
    groups
        .into_iter()
        .map(|(group, scores)| (group, scores.into_iter().collect()))
        .collect()
}

fn stranger(health: &SourceHealth, judge: &Judge) -> Assessment {
    assess(
        &NO_SIGNALS,
        &Neighbours::default(),
        health,
        true,
        &judge.model,
        judge.bands,
    )
}

/// Maps `0..count` on several threads, in order.
fn parallel<T: Send>(
    count: usize,
    threads: usize,
    one: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let chunk = count.div_ceil(threads.max(1)).max(1);
    let run = |from: usize| -> Vec<T> {
        (from..(from + chunk).min(count)).map(&one).collect()
    };
    std::thread::scope(|scope| {
        let later: Vec<_> = (chunk..count)
            .step_by(chunk)
            .map(|from| scope.spawn(move || run(from)))
            .collect();
        let mut all = run(0);
        for thread in later {
            match thread.join() {
                Ok(part) => all.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}
