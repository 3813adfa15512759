//! `/access-rules`: what an organisation blocks and allows.

use std::sync::Arc;

use asgard_policy::access::{
    Change, MadeBy, ResolvedRule, Rule, RuleDraft, RulePatch, RuleView,
    check_rule,
};
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use serde_json::{Value, json};

use super::{IdPath, Sent, aside, new_id, not_found, query, refused};
use crate::{
    App,
    auth::{Member, RulesReader},
    error::ApiError,
    feeds::{Desk, Done, Draft, Rulebook},
    limits, representation,
    view::RuleBodySchema,
};

/// How rules are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    resolve: bool,
    limit: usize,
    offset: usize,
}

impl Shown {
    fn parse(query: Option<&str>) -> Result<Self, ApiError> {
        let mut shown =
            Self { resolve: false, limit: limits::RULES_PAGE, offset: 0 };
        let query = query.unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let number = || value.parse::<usize>().ok();
            match (&*name, &*value) {
                ("resolve", "" | "1" | "true") => shown.resolve = true,
                ("resolve", "0" | "false") => shown.resolve = false,
                ("resolve", _) => {
                    let known = ["true", "false"];
                    return Err(query::misfit("resolve", "unknown", &known));
                }
                ("limit", _) => {
                    let fits = |n: &usize| (1..=limits::RULES_PAGE).contains(n);
                    let wrong = || {
                        query::misfit("limit", "a number from 1 to 1000", &[])
                    };
                    shown.limit = number().filter(fits).ok_or_else(wrong)?;
                }
                ("offset", _) => {
                    let wrong = || query::misfit("offset", "a number", &[]);
                    shown.offset = number().ok_or_else(wrong)?;
                }
                _ => {
                    let known = ["resolve", "limit", "offset"];
                    let what = "there is no such parameter";
                    return Err(query::misfit("(unknown)", what, &known));
                }
            }
        }
        Ok(shown)
    }
}

/// Rules, oldest first.
#[utoipa::path(
    get,
    path = "/access-rules",
    summary = "Rules of the organisation",
    tag = "threat",
    params(
        ("resolve" = Option<bool>, Query, description = "Say what countries \
            and networks resolve to"),
        ("limit" = Option<u32>, Query, description = "Rules on a page",
            minimum = 1, maximum = 1000),
        ("offset" = Option<u32>, Query, description = "Rules to pass over",
            minimum = 0),
    ),
    responses((
        status = 200, description = "Rules", body = crate::view::RulesSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn list_rules(
    RulesReader(member): RulesReader,
    RawQuery(query): RawQuery,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let shown = Shown::parse(query.as_deref())?;
    let book = app.rulebook(&member.org)?;
    let total = book.stored.rules.len();
    let mut rules: Vec<&Rule> = book.stored.rules.iter().collect();
    rules.sort_by_key(|rule| (rule.created_at, rule.id));
    let page: Vec<Rule> = rules
        .into_iter()
        .skip(shown.offset)
        .take(shown.limit)
        .cloned()
        .collect();
    let version = book.stored.version;
    let data = view_all(&app, &member, &book, page, shown.resolve).await?;
    let body = json!({
        "success": true, "data": data, "total": total, "version": version,
    });
    Ok(representation::json(StatusCode::OK, &body))
}

/// One rule.
#[utoipa::path(
    get,
    path = "/access-rules/{id}",
    summary = "A rule",
    tag = "threat",
    params(
        ("id" = String, Path, description = "Id of the rule"),
        ("resolve" = Option<bool>, Query, description = "Say what countries \
            and networks resolve to"),
    ),
    responses((
        status = 200, description = "The rule",
        body = crate::view::OneRuleSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_rule(
    RulesReader(member): RulesReader,
    IdPath(id): IdPath,
    RawQuery(query): RawQuery,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let shown = Shown::parse(query.as_deref())?;
    let book = app.rulebook(&member.org)?;
    let rule = book.stored.rule(id).cloned().ok_or_else(not_found)?;
    let data =
        view_all(&app, &member, &book, vec![rule], shown.resolve).await?;
    let rule = data.into_iter().next();
    let body = json!({"success": true, "data": rule});
    Ok(representation::json(StatusCode::OK, &body))
}

async fn view_all(
    app: &Arc<App>,
    member: &Member,
    book: &Arc<Rulebook>,
    rules: Vec<Rule>,
    resolve: bool,
) -> Result<Vec<Value>, ApiError> {
    if !resolve {
        return Ok(rules.iter().map(view).collect());
    }
    let published = app.published()?;
    let (feeds, now) = (Arc::clone(&app.feeds), app.now());
    let (org, book) = (Arc::clone(&member.org), Arc::clone(book));
    aside(app, move || {
        feeds.with_facts(&org, &book, &published, now, |facts| {
            let resolved = |rule| ResolvedRule::new(rule, facts, now);
            rules.iter().map(|rule| json!(resolved(rule))).collect()
        })
    })
    .await
}

fn view(rule: &Rule) -> Value {
    json!(RuleView::new(rule))
}

/// Makes a rule.
#[utoipa::path(
    post,
    path = "/access-rules",
    summary = "Make a rule",
    tag = "threat",
    request_body = RuleBodySchema,
    responses((
        status = 201, description = "In force",
        body = crate::view::OneRuleSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn create_rule(
    State(app): State<Arc<App>>,
    sent: Sent,
) -> Result<Done, ApiError> {
    let json = sent.json.clone();
    put(&app, sent, move |desk| {
        let draft = RuleDraft::read(&json, desk.now)
            .map_err(|refusal| refused(&refusal))?;
        let rule =
            draft.into_rule(new_id(desk.now), MadeBy::Operator, desk.now);
        Ok(("rule.create", rule, StatusCode::CREATED))
    })
    .await
}

/// Replaces a rule.
#[utoipa::path(
    put,
    path = "/access-rules/{id}",
    summary = "Replace a rule",
    tag = "threat",
    params(("id" = String, Path, description = "Id of the rule")),
    request_body = RuleBodySchema,
    responses((
        status = 200, description = "In force",
        body = crate::view::OneRuleSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn replace_rule(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    sent: Sent,
) -> Result<Done, ApiError> {
    let json = sent.json.clone();
    put(&app, sent, move |desk| {
        let old = desk.book.stored.rule(id).ok_or_else(not_found)?;
        let draft = RuleDraft::read(&json, desk.now)
            .map_err(|refusal| refused(&refusal))?;
        let rule = draft.replacing(old, desk.now);
        Ok(("rule.replace", rule, StatusCode::OK))
    })
    .await
}

/// Changes fields of a rule; `allow` and `block` are replaced as a whole.
#[utoipa::path(
    patch,
    path = "/access-rules/{id}",
    summary = "Change a rule",
    tag = "threat",
    params(("id" = String, Path, description = "Id of the rule")),
    request_body = RuleBodySchema,
    responses((
        status = 200, description = "In force",
        body = crate::view::OneRuleSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn change_rule(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    sent: Sent,
) -> Result<Done, ApiError> {
    let json = sent.json.clone();
    put(&app, sent, move |desk| {
        let old = desk.book.stored.rule(id).ok_or_else(not_found)?;
        let patch = RulePatch::read(&json, desk.now)
            .map_err(|refusal| refused(&refusal))?;
        Ok(("rule.change", patch.apply(old, desk.now), StatusCode::OK))
    })
    .await
}

/// Removes a rule.
#[utoipa::path(
    delete,
    path = "/access-rules/{id}",
    summary = "Remove a rule",
    tag = "threat",
    params(("id" = String, Path, description = "Id of the rule")),
    responses((
        status = 200, description = "In force",
        body = crate::view::RemovedSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn remove_rule(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    sent: Sent,
) -> Result<Done, ApiError> {
    let write = sent.write();
    app.feeds
        .write(&app, &write, move |desk: &Desk<'_>| {
            desk.book.stored.rule(id).ok_or_else(not_found)?;
            let remove_rules = vec![id];
            let change = Change { remove_rules, ..Change::default() };
            Ok(Draft::new(
                "rule.remove",
                change,
                move |version| json!({"id": id, "version": version}),
            ))
        })
        .await
}

/// Writes one rule that a request makes of the present ones.
async fn put(
    app: &Arc<App>,
    sent: Sent,
    make: impl Fn(&Desk<'_>) -> Result<(&'static str, Rule, StatusCode), ApiError>
    + Send
    + Sync
    + 'static,
) -> Result<Done, ApiError> {
    let write = sent.write();
    let feeds = Arc::clone(&app.feeds);
    let org = Arc::clone(&write.org);
    app.feeds
        .write(app, &write, move |desk: &Desk<'_>| {
            let (action, rule, status) = make(desk)?;
            let Desk { book, facts, now, .. } = desk;
            let old = book.stored.rule(rule.id);
            let warnings = check_rule(&rule, old, &book.effective, facts, *now)
                .map_err(|refusal| refused(&refusal))?;
            let mut shape = view(&rule);
            if !warnings.is_empty() {
                shape["warnings"] = json!(warnings);
            }
            let put_rules = vec![rule];
            let change = Change { put_rules, ..Change::default() };
            feeds.admit_change(&org, desk, &change)?;
            let draft = Draft::new(action, change, move |_| shape);
            Ok(draft.with_status(status))
        })
        .await
}
