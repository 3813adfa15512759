//! What each format can hold, one row a format.
//!
//! The selection asks before it merges and cuts: a device that reads only
//! IPv4 gets no IPv6, one that misreads overlaps gets none.

use super::Format;

/// Which address families a format holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    /// IPv4 and IPv6.
    Both,
    /// IPv4 only; lines of IPv6 are withheld and counted.
    V4,
    /// IPv6 only; lines of IPv4 are withheld and counted.
    V6,
}

/// What a format can hold and how it is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// The `Content-Type` of the body.
    pub content_type: &'static str,
    /// The extension of a file with it, without the dot.
    pub extension: &'static str,
    /// The families that it holds.
    pub families: Families,
    /// Whether lines may be ranges: `tr=1`.
    pub ranges: bool,
    /// Whether prefixes must be written as single hosts.
    pub hosts_only: bool,
    /// Whether the device misreads overlapping lines, so that the list is
    /// always aggregated.
    pub aggregated: bool,
    /// Whether lines can carry their origin: `comments=true`.
    pub comments: bool,
    /// Whether AS numbers are in it beside (or instead of) addresses.
    pub asns: bool,
    /// Whether it acts on routers and needs `confirm=bgp` and `max_entries`.
    pub routers: bool,
}

const TEXT: Traits = Traits {
    content_type: "text/plain; charset=utf-8",
    extension: "txt",
    families: Families::Both,
    ranges: false,
    hosts_only: false,
    aggregated: false,
    comments: false,
    asns: false,
    routers: false,
};

const COMMENTED: Traits = Traits { comments: true, ..TEXT };

const JSON: Traits = Traits {
    content_type: "application/json",
    extension: "json",
    comments: true,
    ..TEXT
};

const LINES: Traits =
    Traits { content_type: "application/x-ndjson", extension: "jsonl", ..JSON };

/// The row of a format.
pub(super) const fn of(format: Format) -> &'static Traits {
    match format {
        // Only for who asks for them: `tr=1`.
        Format::Plain => &Traits { ranges: true, ..TEXT },
        Format::Panos | Format::Fortigate => {
            &Traits { ranges: true, ..COMMENTED }
        }
        Format::Sophos => &Traits {
            families: Families::V4,
            ranges: true,
            hosts_only: true,
            ..TEXT
        },
        Format::Cisco | Format::SnortBlf => &COMMENTED,
        Format::CiscoMd5 => &Traits { extension: "md5", ..COMMENTED },
        Format::Checkpoint => &Traits {
            content_type: "text/csv; charset=utf-8",
            extension: "csv",
            families: Families::V4,
            ranges: true,
            ..COMMENTED
        },
        Format::Juniper | Format::F5 => &TEXT,
        Format::JuniperTgz => &Traits {
            content_type: "application/gzip",
            extension: "tgz",
            ..TEXT
        },
        Format::Mikrotik => &Traits { extension: "rsc", ..COMMENTED },
        Format::Nft => &Traits { extension: "nft", ranges: true, ..COMMENTED },
        Format::Ipset => &Traits { extension: "ipset", ..COMMENTED },
        Format::Iptables => {
            &Traits { families: Families::V4, extension: "rules", ..COMMENTED }
        }
        Format::Ip6tables => {
            &Traits { families: Families::V6, extension: "rules", ..COMMENTED }
        }
        Format::HaproxyAcl => &Traits { extension: "acl", ..COMMENTED },
        Format::HaproxyMap => &Traits { extension: "map", ..COMMENTED },
        Format::NginxGeo | Format::NginxDeny => {
            &Traits { extension: "conf", ..COMMENTED }
        }
        Format::Squid => &Traits { aggregated: true, ..COMMENTED },
        Format::Dnsdist => &Traits { extension: "lua", ..COMMENTED },
        Format::Rpz => &Traits { extension: "zone", ..COMMENTED },
        Format::Unbound | Format::BindAcl => {
            &Traits { extension: "conf", ..COMMENTED }
        }
        Format::Bird => &Traits { extension: "conf", asns: true, ..COMMENTED },
        Format::BirdBlackhole => &Traits { extension: "conf", ..COMMENTED },
        Format::BirdFlow | Format::Exabgp => {
            &Traits { extension: "conf", routers: true, ..COMMENTED }
        }
        Format::Frr => &Traits { extension: "conf", asns: true, ..COMMENTED },
        Format::SuricataRules => &Traits { extension: "rules", ..COMMENTED },
        Format::SuricataIprep => &Traits { extension: "list", ..TEXT },
        Format::SuricataCategories => &TEXT,
        Format::ZeekIntel => &Traits { extension: "dat", ..TEXT },
        Format::Cloudflare | Format::AwsWaf => {
            &Traits { aggregated: true, ..JSON }
        }
        Format::CloudflareAsn => &Traits { asns: true, ..JSON },
        Format::Stix => &Traits {
            content_type: "application/stix+json;version=2.1",
            asns: true,
            ..JSON
        },
        Format::DropJsonl | Format::Jsonl => &LINES,
        Format::Json => &JSON,
        Format::Csv => &Traits {
            content_type: "text/csv; charset=utf-8",
            extension: "csv",
            ..TEXT
        },
        Format::Mmdb => &Traits {
            content_type: "application/octet-stream",
            extension: "mmdb",
            ..TEXT
        },
    }
}
