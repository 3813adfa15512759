//! `POST /threat/feeds/preview`: what a change would do, without doing it.

use std::sync::Arc;

use asgard_policy::{
    AddressSet,
    access::{
        Change, MadeBy, ProtectedDraft, ProtectedSource, RuleDraft, apply,
    },
    feed::preview::preview,
};
use axum::{extract::State, http::StatusCode, response::Response};
use form_urlencoded::Serializer;
use serde_json::{Map, Value, json};

use super::{Sent, aside, new_id, query::FeedQuery, refused};
use crate::{
    App,
    error::ApiError,
    feeds::{Desk, Rulebook},
    published::Published,
    representation,
};

/// Numbers before and after, guards and budgets. Writes nothing.
#[utoipa::path(
    post,
    path = "/threat/feeds/preview",
    summary = "What would a change do?",
    tag = "threat",
    request_body = crate::view::PreviewBodySchema,
    responses((
        status = 200, description = "Numbers before and after",
        body = crate::view::PreviewSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_preview(
    State(app): State<Arc<App>>,
    sent: Sent,
) -> Result<Response, ApiError> {
    let wanted = Wanted::read(&sent.json, &app)?;
    let org = Arc::clone(&sent.member.org);
    let book = app.rulebook(&org)?;
    let published = app.published()?;
    let handle = Arc::clone(&app);
    let shape =
        aside(&app, move || judge(&handle, &org, &book, &published, &wanted))
            .await??;
    Ok(representation::json(StatusCode::OK, &shape))
}

/// What a client asks about.
struct Wanted {
    rules: Option<Value>,
    protected: Vec<Value>,
    params: FeedQuery,
}

impl Wanted {
    fn read(json: &Value, app: &App) -> Result<Self, ApiError> {
        let known = ["rules", "protected", "params"];
        let object = json.as_object().ok_or_else(|| misfit("", &known))?;
        if let Some(name) = object.keys().find(|n| !known.contains(&&***n)) {
            return Err(misfit(name, &known));
        }
        let protected = match object.get("protected") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(entries)) => entries.clone(),
            Some(_) => return Err(misfit("protected", &["a list"])),
        };
        let empty = Map::new();
        let params = match object.get("params") {
            None | Some(Value::Null) => &empty,
            Some(Value::Object(params)) => params,
            Some(_) => return Err(misfit("params", &["an object"])),
        };
        let rules = object.get("rules").filter(|rules| !rules.is_null());
        Ok(Self {
            rules: rules.cloned(),
            protected,
            params: FeedQuery::parse(&spelt(params), &[], app)?,
        })
    }

    /// The change that is asked about, as a write would make it, but without
    /// the refusals that a preview shows as guards.
    fn change(&self, desk: &Desk<'_>) -> Result<Change, ApiError> {
        let refuse = |refusal| refused(&refusal);
        let mut change = match &self.rules {
            None => Change::default(),
            Some(events @ Value::Array(_)) => {
                let rules = &desk.book.effective;
                let mut ids = || new_id(desk.now);
                apply(rules, events, &desk.facts, &mut ids, desk.now)
                    .map_err(|e| ApiError::validation(e.to_string()))?
                    .change
            }
            Some(rule) => {
                let draft = RuleDraft::read(rule, desk.now).map_err(refuse)?;
                let id = new_id(desk.now);
                let rule = draft.into_rule(id, MadeBy::Operator, desk.now);
                Change { put_rules: vec![rule], ..Change::default() }
            }
        };
        for entry in &self.protected {
            let draft =
                ProtectedDraft::read(entry, desk.now).map_err(refuse)?;
            let (id, source) = (new_id(desk.now), ProtectedSource::Operator);
            let entry = draft.into_entry(id, source, desk.now);
            change.put_protected.push(entry);
        }
        Ok(change)
    }
}

/// A query with these parameters.
fn spelt(params: &Map<String, Value>) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in params {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        query.append_pair(name, &text);
    }
    query.finish()
}

fn misfit(field: &str, allowed: &[&str]) -> ApiError {
    ApiError::validation("The body does not fit")
        .with_detail("field", field)
        .with_detail("allowed", allowed.to_vec())
}

fn judge(
    app: &App,
    org: &Arc<str>,
    book: &Arc<Rulebook>,
    published: &Arc<Published>,
    wanted: &Wanted,
) -> Result<Value, ApiError> {
    let (feeds, now) = (&app.feeds, app.now());
    feeds.at_desk(org, book, published, now, |desk| {
        let change = wanted.change(desk)?;
        let options = wanted.params.params.options();
        let before = feeds.compiled(org, book, published, options, now);
        let after = feeds.compiled_with(org, desk, &change, options);
        let shown = preview(&before, &after, &routed_v6(published));
        let budgets = feeds.budgets(org, &after, now);
        let mut shape = json!(shown);
        let reads =
            |entry: &asgard_policy::feed::compile::Withheld| json!(entry);
        shape["withheld"] = after.withheld.iter().map(reads).collect();
        shape["budgets"] = json!(budgets);
        Ok(shape)
    })
}

/// Every IPv6 address that somebody announces.
fn routed_v6(published: &Published) -> AddressSet {
    let routes = published.snapshot.world.table.iter();
    let prefixes = routes.map(|route| route.prefix);
    AddressSet::from_prefixes(prefixes.filter(|prefix| !prefix.is_v4()))
}
