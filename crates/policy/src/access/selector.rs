//! What a rule may select by, and how each is read from JSON.

use std::{cmp::Ordering, fmt, net::IpAddr};

use asgard_model::{Asn, Bands, CountryCode, Level, Prefix};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use super::refusal::{Code, Refusal, shown};
use crate::feed::Selection;

/// One thing that a signal or a protected entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Addresses.
    Ip(Prefix),
    /// A network.
    Asn(Asn),
    /// A country.
    Country(CountryCode),
}

impl fmt::Display for Target {
    /// `ip:192.0.2.0/24`, `asn:AS64496`, `country:NL`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(prefix) => write!(f, "ip:{prefix}"),
            Self::Asn(asn) => write!(f, "asn:{asn}"),
            Self::Country(country) => write!(f, "country:{country}"),
        }
    }
}

/// One selector of a rule's `block`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector {
    /// Addresses that somebody wrote down.
    Ip(Prefix),
    /// What a network originates.
    Asn(Asn),
    /// What a country holds.
    Country(CountryCode),
    /// What networks of a score or level originate, after the decisions.
    Risk(RiskSelector),
    /// What a threat list names.
    List(Box<str>),
}

impl fmt::Display for Selector {
    /// `ip:…`, `asn:AS64496`, `country:NL`, `risk:max_score=30`, `list:…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(prefix) => Target::Ip(*prefix).fmt(f),
            Self::Asn(asn) => Target::Asn(*asn).fmt(f),
            Self::Country(country) => Target::Country(*country).fmt(f),
            Self::Risk(risk) => write!(f, "risk:{risk}"),
            Self::List(name) => write!(f, "list:{name}"),
        }
    }
}

impl From<Target> for Selector {
    fn from(target: Target) -> Self {
        match target {
            Target::Ip(prefix) => Self::Ip(prefix),
            Target::Asn(asn) => Self::Asn(asn),
            Target::Country(country) => Self::Country(country),
        }
    }
}

/// A score from 0 to 100 up to which networks are selected; never NaN, so that
/// it is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Threshold(f64);

impl Threshold {
    /// A threshold; `None` outside of 0–100.
    pub fn new(score: f64) -> Option<Self> {
        // −0 is 0: equal thresholds are one key.
        (0.0..=100.0).contains(&score).then_some(Self(score + 0.0))
    }

    /// The score.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Eq for Threshold {}

impl PartialOrd for Threshold {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Threshold {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl std::hash::Hash for Threshold {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// Networks by risk: `{"max_score": 30}`, `{"level": "CRITICAL"}`, or both,
/// which is narrower than either. A `level` may be several: `"CRITICAL,HIGH"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RiskSelector {
    /// Scores up to this one.
    max_score: Option<Threshold>,
    /// Levels, worst first, without duplicates; empty means any.
    levels: Vec<Level>,
}

impl RiskSelector {
    /// By score, by level, or by both; `None` when nothing is given.
    pub fn new(
        max_score: Option<Threshold>,
        mut levels: Vec<Level>,
    ) -> Option<Self> {
        levels.sort_unstable_by(|a, b| b.cmp(a));
        levels.dedup();
        let given = max_score.is_some() || !levels.is_empty();
        given.then_some(Self { max_score, levels })
    }

    /// The same as the list of networks takes it.
    pub fn selection(&self) -> Selection {
        let mut selection = match self.levels.is_empty() {
            true => Selection::up_to(100.0),
            false => Selection::at(self.levels.clone()),
        };
        if let Some(max) = self.max_score {
            selection.max_score = max.get();
        }
        selection
    }

    /// Whether a score alone is selected.
    pub(crate) fn takes(&self, score: u8, bands: Bands) -> bool {
        let max = self.max_score.map_or(100.0, Threshold::get);
        f64::from(score) <= max
            && (self.levels.is_empty()
                || self.levels.contains(&bands.level(score)))
    }

    pub(super) fn read(value: &Value, at: &str) -> Result<Self, Refusal> {
        let refuse = |field: String, found: &str| {
            Refusal::new(
                Code::BadSelector,
                field,
                format!(
                    "{found}; a risk is {{\"max_score\": 0–100}} or \
                     {{\"level\": \"CRITICAL\"}} (LOW, MEDIUM, HIGH, \
                     CRITICAL, several separated by commas)"
                ),
            )
        };
        let Some(object) = value.as_object() else {
            return Err(refuse(at.into(), "not an object"));
        };
        let (mut max_score, mut levels) = (None, Vec::new());
        for (name, value) in object {
            let field = format!("{at}.{name}");
            match name.as_str() {
                "max_score" => {
                    let score = value.as_f64().and_then(Threshold::new);
                    let wrong = "max_score is not a number from 0 to 100";
                    max_score =
                        Some(score.ok_or_else(|| refuse(field, wrong))?);
                }
                "level" => {
                    let text = value.as_str().unwrap_or_default();
                    levels = levels_of(text)
                        .ok_or_else(|| refuse(field, "unknown level"))?;
                }
                _ => {
                    let name = format!("unknown field `{}`", shown(name));
                    return Err(refuse(field, &name));
                }
            }
        }
        Self::new(max_score, levels).ok_or_else(|| refuse(at.into(), "empty"))
    }
}

/// Reads levels, separated by commas, in either case.
pub(crate) fn levels_of(text: &str) -> Option<Vec<Level>> {
    text.split(',').map(|name| name.trim().parse().ok()).collect()
}

impl fmt::Display for RiskSelector {
    /// `max_score=30`, `level=CRITICAL,HIGH`, or both, joined by `&`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(max) = self.max_score {
            write!(f, "max_score={}", max.get())?;
        }
        if self.levels.is_empty() {
            return Ok(());
        }
        let and = if self.max_score.is_some() { "&" } else { "" };
        write!(f, "{and}level={}", self.level_names())
    }
}

impl RiskSelector {
    fn level_names(&self) -> String {
        let names: Vec<&str> = self.levels.iter().map(|l| l.as_str()).collect();
        names.join(",")
    }
}

impl Serialize for RiskSelector {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        if let Some(max) = self.max_score {
            // 30 stays 30: a client compares what it wrote.
            match whole(max.get()) {
                Some(number) => map.serialize_entry("max_score", &number)?,
                None => map.serialize_entry("max_score", &max)?,
            }
        }
        if !self.levels.is_empty() {
            map.serialize_entry("level", &self.level_names())?;
        }
        map.end()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0–100, and compared afterwards"
)]
fn whole(score: f64) -> Option<u8> {
    let number = score as u8;
    (f64::from(number) == score).then_some(number)
}

impl<'de> Deserialize<'de> for RiskSelector {
    fn deserialize<D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        Self::read(&value, "risk").map_err(serde::de::Error::custom)
    }
}

/// Reads `"AS64496"`, `"64496"` or `64496`.
pub(super) fn read_asn(value: &Value, at: &str) -> Result<Asn, Refusal> {
    let asn = match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|&number| number > 0)
            .map(Asn),
        _ => None,
    };
    asn.ok_or_else(|| {
        Refusal::new(
            Code::BadSelector,
            at,
            format!(
                "`{}` is not an AS number; write \"AS64496\", \"64496\" or \
                 64496 (1 to 4294967295)",
                shown(&written(value))
            ),
        )
    })
}

/// Reads two letters in either case. A text that is none is an unknown country,
/// so that `T1` and `UK` are told alike.
pub(super) fn read_country(
    value: &Value,
    at: &str,
) -> Result<CountryCode, Refusal> {
    let Value::String(text) = value else {
        return Err(Refusal::new(
            Code::BadSelector,
            at,
            "a country is a text of two letters, as \"NL\"",
        ));
    };
    text.parse().map_err(|_| unknown_country(text, at))
}

/// The refusal of a country that the data do not have.
pub(crate) fn unknown_country(text: &str, at: &str) -> Refusal {
    let hint = match text.to_ascii_uppercase().as_str() {
        "UK" => "; the code of the United Kingdom is GB",
        "EL" => "; the code of Greece is GR",
        "EU" | "AP" => "; a region is no country: name its members",
        "T1" | "A1" | "A2" => "; it stands for relays, which are no country",
        _ => "; ISO 3166-1 alpha-2 is expected, as NL",
    };
    Refusal::new(
        Code::UnknownCountry,
        at,
        format!("country `{}` is not in the data{hint}", shown(text)),
    )
}

/// The refusal of a network that the data do not have.
pub(crate) fn unknown_asn(asn: Asn, at: &str) -> Refusal {
    Refusal::new(
        Code::UnknownAsn,
        at,
        format!("ASN {} is not in the database", asn.0),
    )
}

/// Reads an address or prefix: host bits are masked, `::ffff:a.b.c.d` is
/// folded to IPv4, and what is never blocked stays to be refused by the caller.
pub(super) fn read_prefix(value: &Value, at: &str) -> Result<Prefix, Refusal> {
    let refuse = |why: &str| {
        Refusal::new(
            Code::BadSelector,
            at,
            format!("`{}` {why}", shown(&written(value))),
        )
    };
    let Value::String(text) = value else {
        return Err(refuse("is not a text with an IP address or prefix"));
    };
    let prefix: Prefix = text.parse().map_err(|_| {
        refuse("is not an IP address or prefix, as 192.0.2.0/24 or 2001:db8::1")
    })?;
    let folded = mapped(prefix);
    if prefix.len() == 0 || folded {
        return Err(Refusal::new(
            Code::NeverBlock,
            at,
            format!(
                "`{}` is every address of a family; name what is meant",
                shown(text)
            ),
        ));
    }
    Ok(prefix)
}

/// Whether a prefix is all of the IPv4-mapped space: `::ffff:0:0/96` is folded
/// to `0.0.0.0/0`, but a shorter one that holds it is still IPv6.
fn mapped(prefix: Prefix) -> bool {
    const MAPPED: IpAddr =
        IpAddr::V6(std::net::Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0));
    !prefix.is_v4() && prefix.contains(MAPPED)
}

pub(super) fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
