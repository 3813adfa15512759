//! The whitelist, and the answer to a write.

use asgard_model::Asn;
use asgard_store::WhitelistEntry;
use serde::Serialize;
use utoipa::ToSchema;

use super::moment;

/// Every entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WhitelistView<'a> {
    total: usize,
    data: Vec<EntryView<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct EntryView<'a> {
    #[schema(value_type = u32, minimum = 1)]
    asn: Asn,
    reason: &'a str,
    added_at: String,
    added_by: Option<&'a str>,
}

impl<'a> WhitelistView<'a> {
    pub(crate) fn new(entries: &'a [WhitelistEntry]) -> Self {
        let data = entries.iter().map(|entry| EntryView {
            asn: entry.asn,
            reason: &entry.reason,
            added_at: moment::zulu(entry.added_at),
            added_by: entry.added_by.as_deref(),
        });
        Self { total: entries.len(), data: data.collect() }
    }
}

/// `{"status": "success", "message": …}`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DoneView {
    status: &'static str,
    message: String,
}

impl DoneView {
    pub(crate) fn new(message: String) -> Self {
        Self { status: "success", message }
    }
}
