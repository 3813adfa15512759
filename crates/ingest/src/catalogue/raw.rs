//! The text of the catalogue, before it is believed.
//!
//! Refuses unknown keys and words with the line of the file, and entries that
//! contradict themselves with the name of the source.

use std::{collections::BTreeMap, time::Duration};

use asgard_model::signals::Trust;
use jiff::fmt::serde::unsigned_duration::friendly::compact;
use serde::Deserialize;

use super::{Catalogue, CatalogueError, LeftOut, Part, Pattern, Role, Source};
use crate::format::Kind;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCatalogue {
    source: Vec<RawSource>,
    #[serde(default)]
    left_out: Vec<RawLeftOut>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLeftOut {
    files: Vec<String>,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    name: String,
    description: String,
    kind: Kind,
    min_count: Option<u32>,
    column: Option<usize>,
    role: Role,
    #[serde(default)]
    urls: Vec<String>,
    #[serde(default)]
    mirror: Vec<String>,
    #[serde(default)]
    parts: BTreeMap<String, RawPart>,
    #[serde(with = "compact::required", default = "day")]
    cadence: Duration,
    #[serde(with = "compact::optional", default)]
    max_stale: Option<Duration>,
    licence: String,
    #[serde(default)]
    redistribute: bool,
    attribution: Option<String>,
    family: String,
    #[serde(default)]
    contains: Vec<String>,
    #[serde(default = "curated")]
    trust: Trust,
    weight: f64,
    #[serde(default = "sixteen")]
    max_mib: u64,
    #[serde(with = "compact::required", default = "two_minutes")]
    timeout: Duration,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default = "one")]
    min_rows: usize,
    #[serde(default)]
    history: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPart {
    #[serde(default)]
    urls: Vec<String>,
    #[serde(default)]
    mirror: Vec<String>,
}

fn day() -> Duration {
    Duration::from_secs(86_400)
}

fn two_minutes() -> Duration {
    Duration::from_secs(120)
}

fn curated() -> Trust {
    Trust::Curated
}

fn sixteen() -> u64 {
    16
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

/// Reads and checks a catalogue.
pub(super) fn parse(text: &str) -> Result<Catalogue, CatalogueError> {
    let raw: RawCatalogue = toml::from_str(text)
        .map_err(|error| CatalogueError::Syntax(error.to_string()))?;
    let mut sources: Vec<Source> = Vec::with_capacity(raw.source.len());
    for entry in raw.source {
        let source = source(entry)?;
        if sources.iter().any(|other| other.name == source.name) {
            return Err(wrong(&source.name, "the name is used twice"));
        }
        let rival = sources.iter().find(|other| {
            other.family == source.family && other.trust != source.trust
        });
        if let Some(other) = rival {
            let problem = format!(
                "another trust than `{}`, of the same family",
                other.name
            );
            return Err(wrong(&source.name, problem));
        }
        sources.push(source);
    }
    let families = families(&sources)?;
    let left_out = left_out(raw.left_out)?;
    Ok(Catalogue { sources, left_out, families })
}

fn wrong(name: &str, problem: impl Into<String>) -> CatalogueError {
    CatalogueError::Entry { name: name.to_owned(), problem: problem.into() }
}

fn source(raw: RawSource) -> Result<Source, CatalogueError> {
    check(&raw)?;
    let max_stale = max_stale(&raw);
    let parts = parts(&raw.name, raw.urls, raw.mirror, raw.parts)?;
    Ok(Source {
        name: raw.name,
        description: raw.description,
        kind: raw.kind,
        min_count: raw.min_count,
        column: raw.column,
        role: raw.role,
        parts,
        cadence: raw.cadence,
        max_stale,
        licence: raw.licence,
        redistribute: raw.redistribute,
        attribution: raw.attribution,
        family: raw.family,
        contains: raw.contains,
        trust: raw.trust,
        weight: raw.weight,
        max_bytes: raw.max_mib << 20,
        timeout: raw.timeout,
        enabled: raw.enabled,
        min_rows: raw.min_rows,
        history: raw.history,
    })
}

fn max_stale(raw: &RawSource) -> Duration {
    let hours = raw.role.staleness().hours();
    let group = Duration::from_secs(u64::from(hours) * 3600);
    raw.max_stale.unwrap_or(group)
}

fn check(raw: &RawSource) -> Result<(), CatalogueError> {
    let problem = if !is_name(&raw.name) {
        "a name has lower-case letters, digits, `-` and `_`"
    } else if !is_name(&raw.family) {
        "a family has lower-case letters, digits, `-` and `_`"
    } else if raw.licence.trim().is_empty() {
        "say its licence; `none stated` is an answer"
    } else if !(0.0..=1.0).contains(&raw.weight) {
        "the weight lies between 0 and 1"
    } else if max_stale(raw) < raw.cadence {
        "max_stale is at least one cadence"
    } else if raw.cadence.is_zero() || raw.timeout.is_zero() {
        "cadence and timeout are longer than nothing"
    } else if !(1..=16_384).contains(&raw.max_mib) {
        "max_mib lies between 1 and 16384"
    } else if raw.contains.contains(&raw.family) {
        "a family does not re-publish itself"
    } else {
        return Ok(());
    };
    Err(wrong(&raw.name, problem))
}

/// Names become file names in the data directory: no dots, no separators.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

fn parts(
    name: &str,
    urls: Vec<String>,
    mirror: Vec<String>,
    parts: BTreeMap<String, RawPart>,
) -> Result<Vec<Part>, CatalogueError> {
    let single = !urls.is_empty() || !mirror.is_empty();
    if single != parts.is_empty() {
        let problem = "give either urls and mirror, or parts that have them";
        return Err(wrong(name, problem));
    }
    if single {
        let whole = RawPart { urls, mirror };
        return Ok(vec![part(name, Part::WHOLE, whole)?]);
    }
    parts.into_iter().map(|(key, raw)| part(name, &key, raw)).collect()
}

fn part(name: &str, key: &str, raw: RawPart) -> Result<Part, CatalogueError> {
    if !is_name(key) {
        let problem = format!("part `{key}`: lower-case letters and digits");
        return Err(wrong(name, problem));
    }
    if let Some(url) = raw.urls.iter().find(|url| !is_web(url)) {
        let problem = format!("`{url}` is not an http or https address");
        return Err(wrong(name, problem));
    }
    let mirror = patterns(name, &raw.mirror)?;
    Ok(Part { name: key.to_owned(), urls: raw.urls, mirror })
}

/// Whether a text is an address that the fetcher can ask.
pub(super) fn is_web(url: &str) -> bool {
    let dates = ["{yyyymmdd}", "{yyyymm}", "{yyyy}", "{mm}"];
    let plain = dates.iter().fold(url.to_owned(), |u, d| u.replace(d, "0"));
    reqwest::Url::parse(&plain).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host()
    })
}

fn patterns(
    name: &str,
    texts: &[String],
) -> Result<Vec<Pattern>, CatalogueError> {
    let read = |text: &String| {
        Pattern::parse(text).ok_or_else(|| {
            wrong(name, format!("`{text}` is not a path inside a mirror"))
        })
    };
    texts.iter().map(read).collect()
}

fn left_out(raw: Vec<RawLeftOut>) -> Result<Vec<LeftOut>, CatalogueError> {
    let mut all = Vec::new();
    for RawLeftOut { files, reason } in raw {
        for pattern in patterns("left_out", &files)? {
            all.push(LeftOut { pattern, reason: reason.clone() });
        }
    }
    Ok(all)
}

fn families(sources: &[Source]) -> Result<Vec<String>, CatalogueError> {
    let mut families: Vec<String> = Vec::new();
    for source in sources {
        if !families.contains(&source.family) {
            families.push(source.family.clone());
        }
    }
    for source in sources {
        let unknown = |family: &&String| !families.contains(family);
        if let Some(family) = source.contains.iter().find(unknown) {
            let problem = format!("contains `{family}`, which no source is of");
            return Err(wrong(&source.name, problem));
        }
    }
    if families.len() > 64 {
        return Err(CatalogueError::TooManyFamilies(families.len()));
    }
    Ok(families)
}
