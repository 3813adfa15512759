//! Names that an expression may use, and where their values come from.

use std::cell::OnceCell;

use super::{
    evaluate::Bindings,
    kind::Kind,
    lazy_map::LazyMap,
    value::{Fail, Outcome, Value},
};
use crate::gate::{
    policy::{Feature, Offered},
    visit::{Crawler, Visit},
};

/// Variables of rules, in the order of their numbers.
pub const VARIABLES: &[(&str, Variable)] = &[
    ("asnNumber", Variable::AsnNumber),
    ("asnOrg", Variable::AsnOrg),
    ("asnScore", Variable::AsnScore),
    ("asnLevel", Variable::AsnLevel),
    ("asnScored", Variable::AsnScored),
    ("geoCountry", Variable::GeoCountry),
    ("remoteAddress", Variable::RemoteAddress),
    ("method", Variable::Method),
    ("host", Variable::Host),
    ("path", Variable::Path),
    ("rawPath", Variable::RawPath),
    ("userAgent", Variable::UserAgent),
    ("query", Variable::Query),
    ("headers", Variable::Headers),
    ("contentLength", Variable::ContentLength),
    ("verifiedCrawler", Variable::VerifiedCrawler),
];

/// A variable of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// 0 if nobody announces the address.
    AsnNumber,
    /// `""` if unknown.
    AsnOrg,
    /// Unknown if not scored.
    AsnScore,
    /// `"UNKNOWN"` if not scored.
    AsnLevel,
    /// Whether there is a score.
    AsnScored,
    /// `""` if unknown.
    GeoCountry,
    /// Canonical, unmapped.
    RemoteAddress,
    /// As it was sent.
    Method,
    /// Lower case, without a port.
    Host,
    /// Normalised.
    Path,
    /// As it was sent.
    RawPath,
    /// `""` if absent.
    UserAgent,
    /// A map.
    Query,
    /// A map.
    Headers,
    /// −1 if absent.
    ContentLength,
    /// `""` if none.
    VerifiedCrawler,
}

impl Variable {
    /// Its kind.
    pub fn kind(self) -> Kind {
        match self {
            Self::AsnNumber | Self::AsnScore | Self::ContentLength => Kind::Int,
            Self::AsnScored => Kind::Bool,
            Self::Query | Self::Headers => {
                Kind::map(Kind::String, Kind::String)
            }
            _ => Kind::String,
        }
    }

    /// Why rules may not use it, if so.
    pub(super) fn off(self, offered: &Offered) -> Option<(&str, &str)> {
        let feature = match self {
            Self::AsnNumber | Self::AsnOrg => &offered.asn,
            Self::AsnScore | Self::AsnLevel | Self::AsnScored => {
                &offered.scores
            }
            Self::GeoCountry => &offered.geoip,
            _ => return None,
        };
        match feature {
            Feature::On => None,
            Feature::Off { reason, fix } => Some((reason, fix)),
        }
    }
}

/// How strict the checker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// Every kind is known before the first request.
    Rules,
    /// The CEL specification with its `dyn`; for conformance.
    Checked,
    /// Kinds are looked at while evaluating; for conformance.
    Unchecked,
}

/// What an expression may use.
#[derive(Clone, Debug)]
pub struct Declarations<'o> {
    /// How strict.
    pub strictness: Strictness,
    /// Names and kinds; numbers count in this order.
    pub variables: Vec<(String, Kind)>,
    /// Prefix of names, as `package.name`.
    pub container: String,
    /// What the gateway offers, for rules.
    pub offered: Option<&'o Offered>,
}

impl<'o> Declarations<'o> {
    /// Those of rules.
    pub fn of_rules(offered: &'o Offered) -> Self {
        let variables = VARIABLES
            .iter()
            .map(|(name, variable)| ((*name).to_owned(), variable.kind()))
            .collect();
        Self {
            strictness: Strictness::Rules,
            variables,
            container: String::new(),
            offered: Some(offered),
        }
    }
}

/// The variables of rules, out of a request.
#[derive(Clone, Debug)]
pub struct OfVisit<'v> {
    visit: &'v Visit<'v>,
    /// `remoteAddress`, written for the first expression that asks.
    address: OnceCell<String>,
}

impl<'v> OfVisit<'v> {
    /// Those of one request, for all expressions about it.
    pub fn new(visit: &'v Visit<'v>) -> Self {
        Self { visit, address: OnceCell::new() }
    }
}

impl Bindings for OfVisit<'_> {
    fn variable(&self, index: usize) -> Outcome<'_> {
        if let Some(text) = self.text(index) {
            return Ok(Value::text(text));
        }
        if let Some(number) = self.int(index) {
            return Ok(Value::Int(number));
        }
        let Some((_, variable)) = VARIABLES.get(index) else {
            return Err(Fail::Unknown);
        };
        let visit = self.visit;
        Ok(match variable {
            Variable::AsnScored => Value::Bool(visit.score.is_some()),
            Variable::RemoteAddress => {
                let write = || visit.address.to_string();
                Value::text(self.address.get_or_init(write).as_str())
            }
            Variable::Query => Value::Lazy(LazyMap::Query(visit.query)),
            Variable::Headers => Value::Lazy(LazyMap::Headers(visit.headers)),
            // Without a score, and while the proof is under way.
            _ => return Err(Fail::Unknown),
        })
    }

    fn text(&self, index: usize) -> Option<&str> {
        let visit = self.visit;
        let (_, variable) = VARIABLES.get(index)?;
        Some(match variable {
            Variable::AsnOrg => visit.asn_org,
            Variable::AsnLevel => visit.level.map_or("UNKNOWN", |l| l.as_str()),
            Variable::GeoCountry => {
                visit.country.as_ref().map_or("", |c| c.as_str())
            }
            Variable::Method => visit.method,
            Variable::Host => visit.host,
            Variable::Path => visit.path,
            Variable::RawPath => visit.raw_path,
            Variable::UserAgent => visit.user_agent,
            Variable::VerifiedCrawler => match visit.crawler {
                Crawler::None => "",
                Crawler::Pending { .. } => return None,
                Crawler::Verified(name) => name,
            },
            _ => return None,
        })
    }

    fn int(&self, index: usize) -> Option<i64> {
        let visit = self.visit;
        let (_, variable) = VARIABLES.get(index)?;
        match variable {
            Variable::AsnNumber => {
                Some(visit.asn.map_or(0, |asn| i64::from(asn.0)))
            }
            Variable::AsnScore => visit.score.map(i64::from),
            Variable::ContentLength => Some(
                visit
                    .content_length
                    .map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX)),
            ),
            _ => None,
        }
    }

    fn visit(&self) -> Option<&Visit<'_>> {
        Some(self.visit)
    }
}
