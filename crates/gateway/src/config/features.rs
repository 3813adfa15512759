//! What is found out about an address, from which database, and what backends
//! are told of it.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use asgard_model::Asn;

/// What is found out about an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// The network behind it.
    pub asn: AsnFeature,
    /// Where it is.
    pub geoip: GeoipFeature,
    /// Where a trusted proxy says who the client is, lower case; the one value
    /// of both features.
    pub client_ip_header: String,
}

/// The network behind an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsnFeature {
    /// Whether it is found out at all.
    pub enabled: bool,
    /// From where.
    pub database: Database,
    /// What backends are told.
    pub downstream_headers: AsnHeaders,
    /// Whether rules may use it.
    pub policy_usage: bool,
}

/// Where an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeoipFeature {
    /// Whether it is found out at all.
    pub enabled: bool,
    /// From where.
    pub database: Database,
    /// Whether backends are told.
    pub downstream_headers: bool,
    /// Whether rules may use it.
    pub policy_usage: bool,
}

/// A database of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// From where.
    pub source: DatabaseSource,
    /// `None`: never again.
    pub refresh_interval: Option<Duration>,
    /// Lower-case hex of the expected file; `None`: not checked.
    pub sha256: Option<String>,
    /// Larger ones are refused.
    pub max_bytes: u64,
    /// Older ones are reported; `None`: never.
    pub max_age: Option<Duration>,
    /// A new one may have so many networks fewer.
    pub max_shrink_percent: u8,
    /// Addresses whose AS is known.
    pub probe: Vec<(IpAddr, Asn)>,
    /// At the first start, without data.
    pub on_missing: OnMissing,
}

/// Where a database comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseSource {
    /// A file.
    File(PathBuf),
    /// An address; `path` keeps the last good copy, if it is set.
    Url {
        /// `https://…` or `http://…`.
        url: String,
        /// The last good copy.
        path: Option<PathBuf>,
    },
    /// The asgard of [`super::Config::asgard`], which is another process.
    Asgard,
}

/// What to do at the first start without data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMissing {
    /// Do not start.
    #[default]
    Fail,
    /// Start; every address is unknown.
    Start,
}

/// What backends are told about the network; an empty name: nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsnHeaders {
    /// Whether they are told at all.
    pub enabled: bool,
    /// `X-Rescaled-ASN-Number` by default.
    pub number: String,
    /// `X-Rescaled-ASN-Org` by default.
    pub org: String,
    /// None by default.
    pub score: String,
    /// None by default.
    pub level: String,
    /// What is sent for an unknown network.
    pub when_unknown: WhenUnknown,
    /// How the organisation is written.
    pub org_encoding: OrgEncoding,
}

/// What is sent for an unknown network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenUnknown {
    /// The header, empty.
    #[default]
    Empty,
    /// No header.
    Omit,
}

/// How names of organisations are written in headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrgEncoding {
    /// As bytes of UTF-8.
    #[default]
    Utf8,
    /// Other characters become `?`.
    Ascii,
}
