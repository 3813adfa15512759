//! Lists by risk that belong to nobody: `/feeds/edl` with guards or prefixes.
//!
//! Each is the feed of one rule, so that the same selector in a rule of an
//! organisation gives the same lines. Anybody may ask for them, with any
//! parameters: so many bytes are remembered, few are made at the same time,
//! parameters are rounded, and nothing is kept on disk. One that was forgotten
//! and comes back is decided without memory.

use std::sync::Arc;

use asgard_policy::{
    access::{
        Allow, Block, MadeBy, RiskSelector, Rule, Ruleset, Settings, Threshold,
    },
    feed::decision::{Decision, DecisionParams, Question},
};
use jiff::Timestamp;
use moka::sync::Cache;
use uuid::Uuid;

use super::{
    Feeds, Release,
    deciding::Asker,
    organisation::{Moment, Organisation},
    rendering::Recipe,
    rulebook::{Rulebook, Shared},
    serving::{Request, Served},
    shelf::{NOBODY, Url},
};
use crate::{App, error::ApiError, limits};

/// One list: its rule, and what is remembered of it.
#[derive(Clone, Debug)]
pub(super) struct Nobody {
    name: Arc<str>,
    risk: RiskSelector,
    book: Shared,
    organisation: Arc<Organisation>,
    settings: Arc<Settings>,
}

impl Feeds {
    /// The feed of one rule that blocks by risk.
    ///
    /// # Errors
    /// As [`Self::serve`].
    pub(crate) async fn serve_risk(
        &self,
        app: &App,
        mut request: Request,
        risk: RiskSelector,
        decision: DecisionParams,
    ) -> Result<Served, ApiError> {
        let nobody = self.nobody(risk, decision);
        request.org = Arc::clone(&nobody.name);
        let (published, now) = (app.published()?, app.now());
        let url: Url = request.url();
        let moment = Moment::of(&nobody.book, &published, now);
        let recipe = Recipe {
            moment,
            ripe_at: Timestamp::UNIX_EPOCH,
            request,
            present: true,
            alone: true,
            rulebook: Arc::clone(&nobody.book),
            published,
            organisation: Arc::clone(&nobody.organisation),
            settings: Arc::clone(&nobody.settings),
            before: None,
            now,
        };
        if self.shelf.slot(&url).at(moment).is_some() {
            return self.answer(app, &url, recipe).await;
        }
        let _turn = self.open_turns.acquire().await;
        let served = self.answer(app, &url, recipe).await;
        // Weighed again, now that it holds something.
        self.risks.insert(Arc::clone(&nobody.name), nobody);
        self.risks.run_pending_tasks();
        served
    }

    /// The networks that such a rule blocks.
    ///
    /// # Errors
    /// 503 before the first Snapshot.
    pub(crate) async fn decide_risk(
        &self,
        app: &App,
        risk: RiskSelector,
        decision: DecisionParams,
    ) -> Result<Arc<Decision>, ApiError> {
        let nobody = self.nobody(risk, decision);
        let (published, now) = (app.published()?, app.now());
        let _turn = self.open_turns.acquire().await;
        let work = tokio::task::spawn_blocking(move || {
            let Nobody { risk, book, organisation, settings, .. } = nobody;
            let question = Question::new(risk, settings.decision);
            let standing =
                organisation.standing(&book, &published, &settings, now);
            standing.get(&question).cloned().unwrap_or_default()
        });
        work.await.map_err(|_| ApiError::internal())
    }

    fn nobody(&self, risk: RiskSelector, decision: DecisionParams) -> Nobody {
        let risk = whole(risk);
        let decision = rounded(decision, &self.settings.decision);
        let key = Question::new(risk.clone(), decision).key();
        let name: Arc<str> = format!("{NOBODY}{key}").into();
        self.risks.get_with(Arc::clone(&name), || {
            let settings = Settings { decision, ..(*self.settings).clone() };
            let ruleset = Ruleset {
                org: name.to_string(),
                rules: vec![rule(risk.clone(), &key)],
                ..Ruleset::default()
            };
            let never = Timestamp::UNIX_EPOCH;
            let release = Release::default();
            let book = Rulebook::of(ruleset, never, release, &[]);
            Nobody {
                name: Arc::clone(&name),
                risk,
                book: Arc::new(book),
                organisation: Arc::new(Organisation::new(
                    &self.deciding,
                    Asker::Anybody,
                )),
                settings: Arc::new(settings),
            }
        })
    }
}

/// Memory for lists of nobody. What is in one becomes known only once it is
/// made: then it is put back.
pub(super) fn memory() -> Cache<Arc<str>, Nobody> {
    Cache::builder()
        .max_capacity(limits::RISK_LISTS_BYTES)
        .weigher(|name: &Arc<str>, nobody: &Nobody| {
            let bytes = nobody.organisation.weight() + 8 * name.len() + 4096;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        })
        .build()
}

/// Published scores are whole, so 50.7 selects what 50 selects.
fn whole(risk: RiskSelector) -> RiskSelector {
    let selection = risk.selection();
    if selection.max_score.fract() == 0.0 {
        return risk;
    }
    let floor = Threshold::new(selection.max_score.floor());
    RiskSelector::new(floor, selection.levels).unwrap_or(risk)
}

/// Two digits of confidence and four of a share are enough, and what the
/// operator has set is itself.
fn rounded(asked: DecisionParams, ours: &DecisionParams) -> DecisionParams {
    let mut rounded = asked;
    if asked.min_confidence.total_cmp(&ours.min_confidence).is_ne() {
        rounded.min_confidence = (asked.min_confidence * 100.0).round() / 100.0;
    }
    if asked.max_space_share != ours.max_space_share {
        // Upwards: a budget that is not zero stays one.
        let up = |share: f64| (share * 10_000.0).ceil() / 10_000.0;
        rounded.max_space_share = asked.max_space_share.map(up);
    }
    rounded
}

fn rule(risk: RiskSelector, key: &str) -> Rule {
    Rule {
        id: Uuid::new_v5(&Uuid::NAMESPACE_URL, key.as_bytes()),
        name: String::new(),
        description: String::new(),
        is_active: true,
        allow: Allow::default(),
        block: Block { risk: vec![risk], ..Block::default() },
        expires_at: None,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        confirm_share: None,
        made_by: MadeBy::Operator,
    }
}
