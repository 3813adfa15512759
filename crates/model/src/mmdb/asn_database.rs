//! An ASN database from a Snapshot, fresher than any that can be downloaded.
//!
//! Field names are those of GeoLite2-ASN and GeoLite2-Country, so that every
//! reader on the market understands it, plus `score` and `level`.

use rustc_hash::FxHashMap;

use super::{Record, Value, WriteError, Writer};
use crate::{
    Asn, Snapshot,
    network_table::{printable, worst_origin},
};

/// Type of our files; some readers look for the name in brackets.
pub const DATABASE_TYPE: &str = "asgard-ASN (compat=GeoLite2-ASN)";

/// What a record says about a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// `autonomous_system_number`.
    Number,
    /// `autonomous_system_organization`: in words, else the AS name.
    Organisation,
    /// `score`: 0 (worst) to 100.
    Score,
    /// `level`: `LOW` to `CRITICAL`.
    Level,
    /// `country`: `{iso_code}`, where the AS is registered.
    Country,
}

impl Field {
    /// Every field with its name on the command line.
    pub const VALUES: [(Self, &'static str); 5] = [
        (Self::Number, "number"),
        (Self::Organisation, "org"),
        (Self::Score, "score"),
        (Self::Level, "level"),
        (Self::Country, "country"),
    ];
}

/// Text that names no field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a field (number, org, score, level, country)")]
pub struct FieldError(String);

impl std::str::FromStr for Field {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::VALUES
            .iter()
            .find(|(_, name)| *name == text)
            .map(|&(field, _)| field)
            .ok_or_else(|| FieldError(text.chars().take(20).collect()))
    }
}

/// Writes the routes of a Snapshot. Of several origins the one with the worst
/// score counts, as everywhere at the gateway.
///
/// # Errors
/// If the format cannot hold it ([`WriteError`]).
pub fn asn_database(
    snapshot: &Snapshot,
    fields: &[Field],
    database_type: &str,
) -> Result<Vec<u8>, WriteError> {
    let built = u64::try_from(snapshot.created.as_second()).unwrap_or(0);
    let mut writer = Writer::new(
        database_type,
        "Networks and their AS, from a routing table, by asgard",
        built,
    );
    let mut known: FxHashMap<Asn, Record> = FxHashMap::default();
    for route in snapshot.world.table.iter() {
        let Some(asn) = worst_origin(snapshot, route.origins) else {
            continue;
        };
        let record = match known.get(&asn) {
            Some(&record) => record,
            None => {
                let name = organisation(snapshot, asn);
                let value = value(snapshot, asn, fields, &name);
                let record = writer.record(&value)?;
                known.insert(asn, record);
                record
            }
        };
        writer.insert(route.prefix, record);
    }
    writer.finish()
}

/// In words, else the AS name, as a gateway keeps it.
fn organisation(snapshot: &Snapshot, asn: Asn) -> String {
    let registration = snapshot.profile(asn).map(|p| p.registration);
    let name = registration
        .and_then(|r| r.organisation.as_deref().or(r.name.as_deref()));
    printable(name.unwrap_or_default())
}

fn value<'a>(
    snapshot: &'a Snapshot,
    asn: Asn,
    fields: &[Field],
    organisation: &'a str,
) -> Value<'a> {
    let profile = snapshot.profile(asn);
    let registration = profile.map(|p| p.registration);
    let assessment = profile.map(|p| p.assessment);
    let mut entries = Vec::with_capacity(fields.len());
    let mut put = |key, value| entries.push((key, value));
    for field in fields {
        match field {
            Field::Number => {
                put("autonomous_system_number", Value::Unsigned(asn.0.into()));
            }
            Field::Organisation => {
                if !organisation.is_empty() {
                    let name = Value::Text(organisation);
                    put("autonomous_system_organization", name);
                }
            }
            Field::Score => {
                if let Some(assessment) = assessment {
                    put("score", Value::Unsigned(assessment.score.into()));
                }
            }
            Field::Level => {
                if let Some(assessment) = assessment {
                    put("level", Value::Text(assessment.level.as_str()));
                }
            }
            Field::Country => {
                let country = registration.and_then(|r| r.country.as_ref());
                if let Some(country) = country {
                    let code = Value::Text(country.as_str());
                    put("country", Value::Map(vec![("iso_code", code)]));
                }
            }
        }
    }
    Value::Map(entries)
}
