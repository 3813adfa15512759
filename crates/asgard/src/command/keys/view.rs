//! Keys as they are shown: everything but their secrets, which nobody has.

use anyhow::Result;
use asgard_model::Prefix;
use asgard_store::{KeyId, KeyRecord, KeyRefusal};
use jiff::Timestamp;
use serde::Serialize;

use crate::{cli::Form, exit::Exit, output::Out};

/// A key in JSON.
#[derive(Serialize)]
struct KeyView<'a> {
    id: &'a str,
    /// All scopes in one text, as on the command line.
    scope: String,
    scopes: Vec<&'a str>,
    org: Option<&'a str>,
    label: Option<&'a str>,
    rate_class: Option<&'a str>,
    /// The networks from which it may be used; none: from anywhere.
    client_cidrs: Vec<String>,
    created_at: Timestamp,
    created_by: &'a str,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    /// The id of the key that takes its place.
    replaced_by: Option<&'a str>,
}

impl<'a> KeyView<'a> {
    fn new(key: &'a KeyRecord) -> Self {
        Self {
            id: key.id.as_str(),
            scope: key.scopes.to_string(),
            scopes: key.scopes.iter().map(|scope| scope.as_str()).collect(),
            org: key.org.as_deref(),
            label: key.label.as_deref(),
            rate_class: key.rate_class.as_deref(),
            client_cidrs: texts(&key.client_cidrs),
            created_at: key.created_at,
            created_by: &key.created_by,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            replaced_by: key.replaced_by.as_ref().map(KeyId::as_str),
        }
    }
}

/// A key and whether it opens anything now.
#[derive(Serialize)]
struct StandingView<'a> {
    #[serde(flatten)]
    key: KeyView<'a>,
    state: &'static str,
}

pub(super) fn list(
    keys: Vec<KeyRecord>,
    form: Form,
    out: &mut Out,
) -> Result<Exit> {
    match form {
        Form::Json => {
            out.json(&keys.iter().map(KeyView::new).collect::<Vec<_>>())?;
        }
        Form::Table => {
            let header = [
                "id", "scope", "org", "label", "created", "expires", "revoked",
                "class", "clients",
            ];
            out.table(&header, keys.into_iter().map(row).collect())?;
        }
    }
    Ok(Exit::Ok)
}

fn row(key: KeyRecord) -> Vec<String> {
    vec![
        key.id.to_string(),
        key.scopes.to_string(),
        key.org.unwrap_or_default(),
        key.label.unwrap_or_default(),
        key.created_at.to_string(),
        moment(key.expires_at),
        moment(key.revoked_at),
        key.rate_class.unwrap_or_default(),
        texts(&key.client_cidrs).join(","),
    ]
}

fn texts(networks: &[Prefix]) -> Vec<String> {
    networks.iter().map(Prefix::to_string).collect()
}

fn moment(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

pub(super) fn show(
    key: &KeyRecord,
    now: Timestamp,
    form: Form,
    out: &mut Out,
) -> Result<Exit> {
    let state = state(key, now);
    match form {
        Form::Json => {
            out.json(&StandingView { key: KeyView::new(key), state })?;
        }
        Form::Table => {
            let names = [
                "id", "scope", "org", "label", "created", "expires", "revoked",
                "class", "clients",
            ];
            let fields = names.into_iter().zip(row(key.clone()));
            let successor = key.replaced_by.map(|id| id.to_string());
            let more = [
                ("successor", successor.unwrap_or_default()),
                ("by", key.created_by.clone()),
                ("state", state.to_owned()),
            ];
            let rows = fields
                .chain(more)
                .map(|(name, value)| vec![name.to_owned(), value])
                .collect();
            out.table(&["field", "value"], rows)?;
        }
    }
    Ok(Exit::Ok)
}

fn state(key: &KeyRecord, now: Timestamp) -> &'static str {
    match key.standing(now) {
        Ok(()) => "active",
        Err(KeyRefusal::Expired) => "expired",
        Err(_) => "revoked",
    }
}
