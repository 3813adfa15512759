//! Lists by risk that belong to nobody: `/feeds/edl` with guards or prefixes.
//!
//! Each is the feed of one rule, so that the same selector in a rule of an
//! organisation gives the same lines. So many are remembered; beyond, one that
//! comes back is decided without memory.

use std::sync::Arc;

use asgard_policy::{
    access::{Allow, Block, MadeBy, RiskSelector, Rule, Ruleset, Settings},
    feed::decision::{Decision, DecisionParams, Question},
};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Feeds, Release,
    deciding::Asker,
    organisation::{Moment, Organisation},
    rendering::Recipe,
    rulebook::{Rulebook, Shared},
    serving::{Request, Served},
    shelf::Url,
};
use crate::{App, error::ApiError};

/// One list: its rule, and what is remembered of it.
#[derive(Clone, Debug)]
pub(super) struct Nobody {
    name: Arc<str>,
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
        let recipe = Recipe {
            moment: Moment::of(&nobody.book, &published, now),
            request,
            present: true,
            rulebook: nobody.book,
            published,
            organisation: nobody.organisation,
            settings: nobody.settings,
            before: None,
            now,
        };
        self.answer(app, &url, recipe).await
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
        let nobody = self.nobody(risk.clone(), decision);
        let (published, now) = (app.published()?, app.now());
        let work = tokio::task::spawn_blocking(move || {
            let Nobody { book, organisation, settings, .. } = nobody;
            let question = Question::new(risk, settings.decision);
            let standing =
                organisation.standing(&book, &published, &settings, now);
            standing.get(&question).cloned().unwrap_or_default()
        });
        work.await.map_err(|_| ApiError::internal())
    }

    fn nobody(&self, risk: RiskSelector, decision: DecisionParams) -> Nobody {
        let key = Question::new(risk.clone(), decision).key();
        self.risks.get_with(key.clone().into(), || {
            let settings = Settings { decision, ..(*self.settings).clone() };
            let name: Arc<str> = format!("\0{key}").into();
            let ruleset = Ruleset {
                org: name.to_string(),
                rules: vec![rule(risk, &key)],
                ..Ruleset::default()
            };
            let never = Timestamp::UNIX_EPOCH;
            let release = Release::default();
            let book = Rulebook::of(ruleset, never, release, &[]);
            Nobody {
                name,
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
