//! Every form in which a feed can be written, and what each can hold.
//!
//! A renderer is a pure function: the same listing and options give the same
//! bytes. It selects, merges and cuts nothing; it writes the lines that it is
//! given, in their order, and counts those that the form cannot hold. It
//! refuses what would break the device that reads the result: a default route,
//! a range where only prefixes are read, routes for other people's routers
//! without a confirmation.

use std::{fmt, str::FromStr};

mod appliance;
pub mod asn_table;
mod bgp;
mod cloud;
mod dns;
mod ids;
mod job;
mod mmdb;
mod netfilter;
mod plain;
mod records;
pub mod stix;
mod text;
mod traits;

pub use traits::{Families, Traits};

use self::job::Job;
use super::entry::Listing;

/// A form of output; [`Format::VALUES`] names them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is described by its row of traits")]
pub enum Format {
    Plain,
    Panos,
    Fortigate,
    Sophos,
    Cisco,
    CiscoMd5,
    Checkpoint,
    Juniper,
    JuniperTgz,
    F5,
    Mikrotik,
    Nft,
    Ipset,
    Iptables,
    Ip6tables,
    HaproxyAcl,
    HaproxyMap,
    NginxGeo,
    NginxDeny,
    Squid,
    Dnsdist,
    Rpz,
    Unbound,
    BindAcl,
    Bird,
    BirdBlackhole,
    BirdFlow,
    Exabgp,
    Frr,
    SuricataRules,
    SuricataIprep,
    SuricataCategories,
    SnortBlf,
    ZeekIntel,
    Cloudflare,
    CloudflareAsn,
    AwsWaf,
    Stix,
    DropJsonl,
    Json,
    Csv,
    Jsonl,
    Mmdb,
}

impl Format {
    /// Every format with its name in URLs, in the order of the documentation.
    pub const VALUES: [(&'static str, Self); 43] = [
        ("plain", Self::Plain),
        ("panos", Self::Panos),
        ("fortigate", Self::Fortigate),
        ("sophos", Self::Sophos),
        ("cisco", Self::Cisco),
        ("cisco.txt.md5", Self::CiscoMd5),
        ("checkpoint", Self::Checkpoint),
        ("juniper", Self::Juniper),
        ("juniper.tgz", Self::JuniperTgz),
        ("f5", Self::F5),
        ("mikrotik", Self::Mikrotik),
        ("nft", Self::Nft),
        ("ipset", Self::Ipset),
        ("iptables", Self::Iptables),
        ("ip6tables", Self::Ip6tables),
        ("haproxy.acl", Self::HaproxyAcl),
        ("haproxy.map", Self::HaproxyMap),
        ("nginx-geo", Self::NginxGeo),
        ("nginx-deny", Self::NginxDeny),
        ("squid", Self::Squid),
        ("dnsdist", Self::Dnsdist),
        ("rpz", Self::Rpz),
        ("unbound", Self::Unbound),
        ("bind-acl", Self::BindAcl),
        ("bird", Self::Bird),
        ("bird-blackhole", Self::BirdBlackhole),
        ("bird-flow", Self::BirdFlow),
        ("exabgp", Self::Exabgp),
        ("frr", Self::Frr),
        ("suricata.rules", Self::SuricataRules),
        ("suricata.iprep", Self::SuricataIprep),
        ("suricata.categories", Self::SuricataCategories),
        ("snort.blf", Self::SnortBlf),
        ("zeek.intel", Self::ZeekIntel),
        ("cloudflare", Self::Cloudflare),
        ("cloudflare-asn", Self::CloudflareAsn),
        ("aws-waf", Self::AwsWaf),
        ("stix", Self::Stix),
        ("drop.jsonl", Self::DropJsonl),
        ("json", Self::Json),
        ("csv", Self::Csv),
        ("jsonl", Self::Jsonl),
        ("mmdb", Self::Mmdb),
    ];

    /// The name in URLs.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].0
    }

    /// The last segment of a URL: a name, or a name with any extension that
    /// the device insists on (`fortigate.txt`). A name that contains a dot
    /// wins over an extension: `juniper.tgz` is not `juniper`.
    pub fn from_segment(segment: &str) -> Option<Self> {
        let named = |name: &str| {
            let mut all = Self::VALUES.iter();
            all.find(|(known, _)| *known == name).map(|(_, format)| *format)
        };
        named(segment).or_else(|| {
            let (stem, extension) = segment.rsplit_once('.')?;
            let plain = |c: char| c.is_ascii_alphanumeric();
            let is_extension =
                !extension.is_empty() && extension.chars().all(plain);
            named(stem).filter(|_| is_extension)
        })
    }

    /// What the format can hold and how it is served.
    pub fn traits(self) -> &'static Traits {
        traits::of(self)
    }

    /// Writes the feed.
    pub fn render(
        self,
        listing: &Listing,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        Job::start(self, listing, options)?.run()
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What shapes the text of a feed. What selects, merges or limits its lines
/// happens before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// The name of the set, list, chain or table that the device gets.
    pub list: ListName,
    /// Whether host addresses carry `/32` or `/128`, where the format leaves
    /// the choice.
    pub host_suffix: bool,
    /// Whether lines say their origin, where the format has comments.
    pub comments: bool,
    /// The most entries that the client asked for; formats that expand
    /// prefixes to hosts stop there, and formats for routers insist on it.
    pub max_entries: Option<usize>,
    /// What the client confirmed beyond reading a list.
    pub confirm: Confirm,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            list: ListName::default(),
            host_suffix: true,
            comments: false,
            max_entries: None,
            confirm: Confirm::Nothing,
        }
    }
}

/// A confirmation: `confirm=bgp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Confirm {
    /// None was given.
    #[default]
    Nothing,
    /// The routes may be announced to routers, maybe those of other people.
    Bgp,
}

/// The name of a list on the device: a letter, then letters, digits, `_` and
/// `-`, at most 20 characters, so that every device takes it, `_new` and
/// family suffixes included (ipset: 31 characters).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListName(String);

impl ListName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ListName {
    fn default() -> Self {
        Self("asgard".to_owned())
    }
}

impl FromStr for ListName {
    type Err = RenderError;

    fn from_str(text: &str) -> Result<Self, RenderError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let good = text.len() <= 20
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(plain);
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(RenderError::ListName(text.chars().take(40).collect()))
        }
    }
}

/// A feed, written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The body.
    pub bytes: Vec<u8>,
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// Entries in the body, as the device counts them.
    pub entries: usize,
    /// Lines of the listing that the format cannot hold (the other family, a
    /// prefix that is too large to be expanded to hosts).
    pub withheld: usize,
}

/// Why a feed is not written; each says what the client can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The result acts on routers.
    #[error(
        "format `{0}` drops traffic at routers, maybe those of other people: \
         add confirm=bgp"
    )]
    NeedsConfirmation(Format),
    /// The same, without a limit.
    #[error("format `{0}` needs max_entries: routers hold few such routes")]
    NeedsMaxEntries(Format),
    /// The listing is longer than the limit.
    #[error("{found} entries, but max_entries is {limit}")]
    TooMany {
        /// Lines of the listing.
        found: usize,
        /// What the client allowed.
        limit: usize,
    },
    /// A default route blocks everything, and breaks the load of many devices.
    #[error("a default route is in the list: no format holds it")]
    DefaultRoute,
    /// Ranges were asked of a format that has none.
    #[error("format `{0}` holds no ranges: ask without tr=1")]
    Ranges(Format),
    /// Overlapping lines for a device that misreads them.
    #[error("format `{0}` takes no overlapping prefixes: ask with aggregate")]
    Overlap(Format),
    /// Not a name that every device takes.
    #[error(
        "`{0}` is not a list name: a letter, then letters, digits, `_` or \
         `-`, at most 20 characters"
    )]
    ListName(String),
    /// The writer of a binary form failed; a fault of ours.
    #[error("format `{format}` could not be written: {reason}")]
    Fault {
        /// The format.
        format: Format,
        /// What the writer said.
        reason: String,
    },
}
