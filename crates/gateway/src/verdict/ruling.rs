//! What the rules and the operator say to a question, however it was asked.
//!
//! One place for HTTP and gRPC, so that both say the same: which fields rules
//! see, what happens while the rules lack their data.

use asgard_model::{NetworkFacts, Place};
use asgard_policy::gate::{Action, path};
use httparse::Header;

use super::question::Question;
use crate::{
    answer::Answer,
    config::{OnFailure, Verdict as Settings},
    decide::{Facts, Judged, Record, judge, texts},
    generation::Generation,
    headers::{Fate, injected::Known},
    http1::head::{MAX_FIELDS, Refusal},
    metrics::Kind,
    request::rule_view::RuleView,
    setup::Setup,
    worker::Worker,
};

/// A verdict that has no form yet.
pub(super) struct Ruling<'g> {
    pub(super) network: Option<NetworkFacts<'g>>,
    place: Option<Place<'g>>,
    pub(super) record: Record,
    /// Name of the rule that decided; empty if none did.
    pub(super) rule: &'g str,
    /// What the client gets instead of the backend's answer.
    pub(super) own: Option<Answer>,
    /// Why this is not what the rules say.
    pub(super) error: Option<&'static str>,
}

impl<'g> Ruling<'g> {
    /// Asks the rules. The fields are the client's, with those of its proxy, at
    /// most [`MAX_FIELDS`]; with the head that they are parts of, if there is
    /// one.
    pub(super) fn of(
        worker: &Worker,
        generation: &'g Generation,
        settings: &Settings,
        question: &Question<'_>,
        (fields, whole): (&[Header<'_>], &str),
    ) -> Result<Self, Refusal> {
        let setup = &*generation.setup;
        let path = path::normalise(question.path())?;
        let mut fates = [Fate::Keep; MAX_FIELDS];
        let fates = &mut fates[..fields.len()];
        for (field, fate) in fields.iter().zip(&mut *fates) {
            *fate = setup.strip.fate(field.name, false);
        }
        let facts = Facts {
            client: question.client,
            method: question.method,
            host: &question.host,
            raw: question.target,
            path: &path,
            headers: RuleView { fields, fates, whole },
            content_length: None,
            secure: question.secure,
            told_id: None,
        };
        let judged = judge(worker, generation, &facts);
        Ok(Self::with_failure(generation, settings, judged))
    }

    /// What the operator wants while the rules lack their data.
    fn with_failure(
        generation: &'g Generation,
        settings: &Settings,
        judged: Judged<'g>,
    ) -> Self {
        let policy = &generation.setup.policy;
        let Judged { network, place, decision, mut record, answer } = judged;
        let mut own = answer;
        let mut error = None;
        let blind = !generation.has_what_rules_need();
        if blind && decision.action == Action::Allow {
            error = Some("no data yet");
            if settings.on_failure == OnFailure::Deny {
                record.kind = Kind::Deny;
                own = Some(Answer::text(403, "Not ready.\n".into()));
            }
        }
        if let (true, Some(own)) = (decision.retry, &mut own) {
            // Come again, says a proxy; a verdict can only say no.
            own.status = 403;
        }
        let rule = record.rule.map_or("", |rule| policy.rule_name(rule));
        Self { network, place, record, rule, own, error }
    }

    /// Every header about the network and the place, empty if unknown.
    pub(super) fn each_header(
        &self,
        setup: &Setup,
        put: impl FnMut(&str, &[u8]),
    ) {
        let place = self.place.as_ref().filter(|_| setup.downstream.geo);
        let place = place.map(texts);
        let known = Known { network: self.network, place: place.as_ref() };
        setup.told.each(&known, put);
    }
}
