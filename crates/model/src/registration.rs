//! Who holds an AS number, as the registries tell it.

use serde::{Deserialize, Serialize};

use crate::{CountryCode, Day, Rir};

/// Registration of one AS; every part may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// AS name (`GOOGLE`), as in RIPE's `asn.txt`.
    pub name: Option<Box<str>>,
    /// Organisation in words (`Google LLC`).
    pub organisation: Option<Box<str>>,
    /// Country of registration.
    pub country: Option<CountryCode>,
    /// The registry that delegated the number.
    pub rir: Option<Rir>,
    /// Day of delegation; a source that knows only the year gives its middle.
    pub since: Option<Day>,
    /// Whether it names no organisation; `None` unless a source that carries
    /// organisations knows the number.
    pub anonymous: Option<bool>,
    /// What kind of network it is.
    pub kind: NetworkKind,
}

/// What kind of network it is: PeeringDB `info_type`, else inferred.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
pub enum NetworkKind {
    /// Nobody said.
    #[default]
    Unknown,
    /// Network service provider (transit).
    Nsp,
    /// Cable, DSL, mobile: eyeballs.
    Access,
    /// Content, CDN, cloud.
    Content,
    /// Hosting.
    Hosting,
    /// Universities and research.
    Education,
    /// Companies.
    Enterprise,
    /// Government and military.
    Government,
    /// Non-profit organisations.
    NonProfit,
    /// Route servers and collectors: never a transit provider.
    RouteServer,
    /// Network services such as DNS.
    Infrastructure,
}

impl NetworkKind {
    /// Every kind with its name in `peer_group`.
    pub const VALUES: [(Self, &'static str); 11] = [
        (Self::Unknown, "unknown"),
        (Self::Nsp, "nsp"),
        (Self::Access, "access"),
        (Self::Content, "content"),
        (Self::Hosting, "hosting"),
        (Self::Education, "education"),
        (Self::Enterprise, "enterprise"),
        (Self::Government, "government"),
        (Self::NonProfit, "nonprofit"),
        (Self::RouteServer, "routeserver"),
        (Self::Infrastructure, "infrastructure"),
    ];

    /// The name in `peer_group`.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }

    /// Reads PeeringDB's `info_type` and the categories of registries' extracts;
    /// what is not known is `Unknown`.
    pub fn from_label(label: &str) -> Self {
        match label.to_ascii_lowercase().as_str() {
            "nsp" | "transit" => Self::Nsp,
            "cable/dsl/isp" | "residential" | "cellular" => Self::Access,
            "content" | "cdn" => Self::Content,
            "hosting" => Self::Hosting,
            "educational/research" | "education" => Self::Education,
            "enterprise" | "business" => Self::Enterprise,
            "government" | "military" => Self::Government,
            "non-profit" | "nonprofit" => Self::NonProfit,
            "route server" | "route collector" => Self::RouteServer,
            "network services" | "infrastructure" => Self::Infrastructure,
            _ => Self::Unknown,
        }
    }
}
