//! A MaxMind DB: address → `{blocked: true, asn, score, rule}`.
//!
//! The longest prefix wins, whatever the order of the lines.

use asgard_model::mmdb::{Value, WriteError, Writer};

use super::{
    Format, RenderError,
    job::{Job, Written},
};
use crate::feed::entry::Cause;

/// Writes the database.
pub(super) fn mmdb(job: &Job<'_>) -> Result<Written, RenderError> {
    let bytes = database(job).map_err(|error| {
        let reason = error.to_string();
        RenderError::Fault { format: Format::Mmdb, reason }
    })?;
    Ok(Written { bytes, ..job.done(job.text(0)) })
}

fn database(job: &Job<'_>) -> Result<Vec<u8>, WriteError> {
    let built = u64::try_from(job.listing.built_at.as_second()).unwrap_or(0);
    let mut writer = Writer::new("asgard-blocklist", "block list", built);
    for (prefix, line) in job.prefixes() {
        let record = writer.record(&value(&line.cause))?;
        writer.insert(prefix, record);
    }
    writer.finish()
}

fn value(cause: &Cause) -> Value<'_> {
    let mut map = vec![("blocked", Value::Bool(true))];
    if let Some(asn) = cause.asn {
        map.push(("asn", Value::Unsigned(asn.0.into())));
    }
    if let Some(score) = cause.score {
        map.push(("score", Value::Unsigned(score.into())));
    }
    if let Some(rule) = &cause.rule {
        map.push(("rule", Value::Text(rule)));
    }
    Value::Map(map)
}
