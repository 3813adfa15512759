//! Every input format: one parser a format, one family of formats a file.
//!
//! A parser reads a stream (never the whole file), hands typed rows to a sink
//! and returns a [`Report`]. It knows no source, no clock and no network.
//!
//! | family | file | formats |
//! |---|---|---|
//! | prefix → origin | [`origins`], `address_range` | `range_csv`, `cidr_csv`, `pfx2as`, `pyasn_dat` |
//! | BGP tables | [`mod@mrt_rib`] | `mrt_rib` |
//! | BGP updates | [`mod@bgp_updates`] | `bgp_updates` |
//! | BGP, route by route | [`mod@mrt`], [`ris_live`](mod@ris_live) | [events](crate::bgp) |
//! | countries of addresses | [`country_ranges`] | `country_range_csv` |
//! | AS names and facts | [`as_info`] | `as_info_csv`, `as_names` |
//! | registries | [`delegated`], [`special_purpose`] | `delegated`, `special_purpose` |
//! | RPKI | [`vrps`] | `vrps_json`, `vrps_csv` |
//! | relationships | [`relations`] | `as_relations` |
//! | Spamhaus DROP | [`mod@drop`] | `asndrop_json`, `drop_json`, `drop_text`, `asndrop_text` |
//! | lists of addresses | [`ip_list`] | `ip_list` |
//! | `PeeringDB` | [`peeringdb`] | `peeringdb_net`, `asn_network_types` |
//! | networks by name | [`ranges`] | `ranges_json`, `misp_warninglist`, `asn_list` |
//!
//! Common to all: a UTF-8 BOM, CRLF, trailing blanks, unknown JSON fields and
//! unknown columns are tolerated. A row with a control byte, or with a number
//! out of range, is bad: it is left out, counted and the first is shown. Bytes
//! that are not UTF-8 are replaced in names. A file is refused whole
//! ([`FormatError`]) when it is something else, was cut, or holds too many bad
//! rows; **rows handed to the sink before an error must be thrown away**.

pub(crate) mod address_range;
mod cells;
mod dates;
mod json;
mod lines;
mod report;

pub mod as_info;
pub mod bgp_updates;
pub mod country_ranges;
pub mod delegated;
pub mod drop;
pub mod ip_list;
pub mod mrt;
pub mod mrt_rib;
pub mod origins;
pub mod peeringdb;
pub mod ranges;
pub mod relations;
pub mod ris_live;
pub mod special_purpose;
pub mod vrps;

#[cfg(test)]
mod battery;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use lines::MAX_LINE_BYTES;
pub use report::{BadRow, FormatError, MAX_BAD_SHARE_PERCENT, Reason, Report};

/// A format, as the source catalogue names it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `start,end,asn,"org"` or iptoasn's TSV.
    RangeCsv,
    /// `prefix,asn,rpki,…` with a header.
    CidrCsv,
    /// CAIDA `RouteViews` pfx2as.
    Pfx2as,
    /// pyasn's `.dat`.
    PyasnDat,
    /// `asn,handle,company,…` with a header.
    AsInfoCsv,
    /// RIPE's `asn.txt` and `asn:NAME, CC`.
    AsNames,
    /// RIR statistics exchange format, extended.
    Delegated,
    /// VRPs as JSON of rpki-client, Routinator, `StayRTR`.
    VrpsJson,
    /// VRPs as CSV.
    VrpsCsv,
    /// CAIDA AS relationships, serial-1 and serial-2.
    AsRelations,
    /// Spamhaus ASN-DROP, JSON lines.
    AsndropJson,
    /// Spamhaus DROP, JSON lines.
    DropJson,
    /// Spamhaus DROP, the old text form.
    DropText,
    /// Spamhaus ASN-DROP, the old text form.
    AsndropText,
    /// Addresses and prefixes, one a line, or in a column.
    IpList,
    /// A page of `PeeringDB`'s `/api/net`.
    PeeringdbNet,
    /// `asn,network_type,network_name`.
    AsnNetworkTypes,
    /// Any JSON in which a provider publishes its ranges.
    RangesJson,
    /// A MISP warning list of type `cidr`.
    MispWarninglist,
    /// AS numbers, one a line.
    AsnList,
    /// IANA special-purpose address registry.
    SpecialPurpose,
    /// A dump of a BGP table, MRT.
    MrtRib,
    /// `start,end,CC`.
    CountryRangeCsv,
    /// Updates of BGP: MRT, or messages of RIS Live.
    BgpUpdates,
}

impl Kind {
    /// Every format with its name in the catalogue, in order of the enum.
    pub const VALUES: [(Self, &'static str); 24] = [
        (Self::RangeCsv, "range_csv"),
        (Self::CidrCsv, "cidr_csv"),
        (Self::Pfx2as, "pfx2as"),
        (Self::PyasnDat, "pyasn_dat"),
        (Self::AsInfoCsv, "as_info_csv"),
        (Self::AsNames, "as_names"),
        (Self::Delegated, "delegated"),
        (Self::VrpsJson, "vrps_json"),
        (Self::VrpsCsv, "vrps_csv"),
        (Self::AsRelations, "as_relations"),
        (Self::AsndropJson, "asndrop_json"),
        (Self::DropJson, "drop_json"),
        (Self::DropText, "drop_text"),
        (Self::AsndropText, "asndrop_text"),
        (Self::IpList, "ip_list"),
        (Self::PeeringdbNet, "peeringdb_net"),
        (Self::AsnNetworkTypes, "asn_network_types"),
        (Self::RangesJson, "ranges_json"),
        (Self::MispWarninglist, "misp_warninglist"),
        (Self::AsnList, "asn_list"),
        (Self::SpecialPurpose, "special_purpose"),
        (Self::MrtRib, "mrt_rib"),
        (Self::CountryRangeCsv, "country_range_csv"),
        (Self::BgpUpdates, "bgp_updates"),
    ];

    /// Whether its files hold rows; others hold events, whose order matters.
    pub fn has_rows(self) -> bool {
        self != Self::BgpUpdates
    }

    /// The name in the catalogue.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that names no format; the message lists those that exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a format ({names})", names = names())]
pub struct KindError(String);

fn names() -> String {
    Kind::VALUES.map(|(_, name)| name).join(", ")
}

impl FromStr for Kind {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, KindError> {
        Self::VALUES
            .iter()
            .find(|(_, name)| *name == text)
            .map(|&(kind, _)| kind)
            .ok_or_else(|| KindError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_formats_agree_in_table_text_and_serde() {
        for (index, (kind, name)) in Kind::VALUES.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
            assert_eq!(name.parse(), Ok(kind));
            assert_eq!(kind.to_string(), name);
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{name}\""));
        }
        let error = "csv".parse::<Kind>().unwrap_err().to_string();
        assert!(error.contains("`csv`") && error.contains("range_csv"));
    }
}
