//! Between the documents of the store and what the policy understands.
//!
//! A document that cannot be read is a fault of ours (another version of asgard
//! wrote it): it is named in the log and left out, and the rest goes on.

use asgard_policy::access::{Change, Protected, Rule};
use asgard_store::{Document, DocumentKind};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The id of the one document of kind `release`.
const RELEASE: &str = "release";

/// What an operator said about changed data and versions.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[serde(default)]
pub(crate) struct Release {
    /// Data up to this serial are good, however much they change the feed.
    pub(crate) serial: u64,
    /// Rules up to this version are stable, however young.
    pub(crate) stable: u64,
}

/// The documents of an organisation, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Contents {
    pub(crate) rules: Vec<Rule>,
    pub(crate) protected: Vec<Protected>,
    pub(crate) release: Release,
}

/// Reads the documents of an organisation, each kind by id.
pub(crate) fn read(org: &str, documents: &[Document]) -> Contents {
    let mut contents = Contents::default();
    for document in documents {
        let text = &document.document;
        let read = match document.kind {
            DocumentKind::Rule => {
                serde_json::from_str(text).map(|rule| contents.rules.push(rule))
            }
            DocumentKind::Protected => serde_json::from_str(text)
                .map(|entry| contents.protected.push(entry)),
            DocumentKind::Release => serde_json::from_str(text)
                .map(|release| contents.release = release),
        };
        if let Err(error) = read {
            let kind = document.kind.as_str();
            tracing::error!(org, kind, id = document.id, %error,
                "a document of an organisation cannot be read: it is left out");
        }
    }
    contents.rules.sort_by_key(|rule| rule.id);
    contents.protected.sort_by_key(|entry| entry.id);
    contents
}

/// A rule as it is stored.
pub(crate) fn of_rule(rule: &Rule) -> Document {
    Document {
        kind: DocumentKind::Rule,
        id: rule.id.to_string(),
        active: rule.is_active,
        expires_at: rule.expires_at,
        document: text(rule),
    }
}

/// A protected entry as it is stored.
pub(crate) fn of_protected(entry: &Protected) -> Document {
    Document {
        kind: DocumentKind::Protected,
        id: entry.id.to_string(),
        active: true,
        expires_at: entry.expires_at,
        document: text(entry),
    }
}

/// An operator's word as it is stored.
pub(crate) fn of_release(release: Release) -> Document {
    Document {
        kind: DocumentKind::Release,
        id: RELEASE.to_owned(),
        active: true,
        expires_at: None,
        document: text(&release),
    }
}

/// What to store and what to remove for a change.
pub fn of_change(
    change: &Change,
) -> (Vec<Document>, Vec<(DocumentKind, String)>) {
    let rules = change.put_rules.iter().map(of_rule);
    let put = rules.chain(change.put_protected.iter().map(of_protected));
    let gone = |kind| move |id: &Uuid| (kind, id.to_string());
    let rules = change.remove_rules.iter().map(gone(DocumentKind::Rule));
    let protected = change.remove_protected.iter();
    let protected = protected.map(gone(DocumentKind::Protected));
    (put.collect(), rules.chain(protected).collect())
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value)
        .expect("texts, numbers and moments are valid JSON")
}
