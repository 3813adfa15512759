//! A MaxMind DB: address → `{blocked: true, asn, score, rule}`.
//!
//! Written so that the longest prefix wins, whatever the order of the lines.

use std::collections::BTreeMap;

use asgard_model::Prefix;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use mmdb_writer::{Error, Value, Writer};

use super::{
    Format, RenderError,
    job::{Job, Written},
};
use crate::feed::entry::Cause;

/// Writes the database. Prefixes inside 2002::/16, 2001::/32 and ::ffff:0:0/96
/// are withheld: the format keeps them for aliases of IPv4.
pub(super) fn mmdb(job: &Job<'_>) -> Result<Written, RenderError> {
    let fault = |error: Error| RenderError::Fault {
        format: Format::Mmdb,
        reason: error.to_string(),
    };
    let mut writer = Writer::builder("asgard-blocklist")
        .description(&[("en", "block list")])
        .build_epoch(job.listing.built_at.into())
        .build();
    let mut entries: Vec<_> = job.prefixes().collect();
    // Later inserts win; stable, so that of equal prefixes the last one does.
    entries.sort_by_key(|(prefix, _)| prefix.len());
    let mut withheld = 0;
    for (prefix, line) in &entries {
        match writer.insert_value(network(*prefix), value(&line.cause)) {
            Ok(()) => {}
            Err(Error::AliasedNetwork(_)) => withheld += 1,
            Err(error) => return Err(fault(error)),
        }
    }
    let bytes = writer.to_bytes().map_err(fault)?;
    Ok(Written { bytes, entries: entries.len() - withheld, withheld })
}

fn network(prefix: Prefix) -> IpNet {
    let reason = "a Prefix has a length of its family";
    match prefix {
        Prefix::V4(bits, len) => {
            Ipv4Net::new(bits.into(), len).expect(reason).into()
        }
        Prefix::V6(bits, len) => {
            Ipv6Net::new(bits.into(), len).expect(reason).into()
        }
    }
}

fn value(cause: &Cause) -> Value {
    let mut map = BTreeMap::new();
    map.insert("blocked".to_owned(), Value::Bool(true));
    if let Some(asn) = cause.asn {
        map.insert("asn".to_owned(), Value::U32(asn.0));
    }
    if let Some(score) = cause.score {
        map.insert("score".to_owned(), Value::U16(score.into()));
    }
    if let Some(rule) = &cause.rule {
        map.insert("rule".to_owned(), Value::String(rule.to_string()));
    }
    Value::Map(map)
}
