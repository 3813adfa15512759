//! What a file says about itself, at its end.

use super::{Decoder, MARKER, METADATA_SPACE, MmdbError, Value};

/// The metadata that reading depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Nodes of the search tree.
    pub node_count: u32,
    /// Bits of one record of a node: 24, 28 or 32.
    pub record_size: u8,
    /// Whether the tree holds IPv6 (then IPv4 lies under `::/96`).
    pub ipv6: bool,
    /// What the maker calls the kind of file, such as `GeoLite2-ASN`.
    pub database_type: String,
    /// When it was made, in seconds since 1970; 0 if it does not say.
    pub build_epoch: u64,
}

impl Metadata {
    /// Reads the metadata and says where their marker begins.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, usize), MmdbError> {
        let from = bytes.len().saturating_sub(METADATA_SPACE);
        let tail = bytes.get(from..).unwrap_or_default();
        let marker = tail
            .windows(MARKER.len())
            .rposition(|window| window == MARKER)
            .ok_or(MmdbError::NoMetadata)?;
        let section = tail.get(marker + MARKER.len()..).unwrap_or_default();
        let map = Decoder::new(section).value(0)?;
        Ok((Self::check(&map)?, from + marker))
    }

    fn check(map: &Value<'_>) -> Result<Self, MmdbError> {
        let number = |key: &'static str, missing| {
            map.get(key)
                .and_then(Value::number)
                .ok_or(MmdbError::Metadata(missing))
        };
        let version = number(
            "binary_format_major_version",
            "no binary_format_major_version",
        )?;
        if version != 2 {
            return Err(MmdbError::Metadata("the format is not version 2"));
        }
        let record_size = match number("record_size", "no record_size")? {
            24 => 24,
            28 => 28,
            32 => 32,
            _ => {
                return Err(MmdbError::Metadata(
                    "record_size is not 24, 28 or 32",
                ));
            }
        };
        let ipv6 = match number("ip_version", "no ip_version")? {
            4 => false,
            6 => true,
            _ => return Err(MmdbError::Metadata("ip_version is not 4 or 6")),
        };
        let node_count = number("node_count", "no node_count")?;
        if node_count == 0 {
            return Err(MmdbError::Metadata("node_count is 0"));
        }
        let build_epoch = match map.get("build_epoch") {
            None => 0,
            Some(Value::Unsigned(epoch)) => u64::try_from(*epoch)
                .ok()
                // The year 9999: later is no date.
                .filter(|&epoch| epoch <= 253_402_300_799)
                .ok_or(MmdbError::Metadata("build_epoch is no date"))?,
            Some(_) => {
                return Err(MmdbError::Metadata("build_epoch is no number"));
            }
        };
        let database_type = map
            .get("database_type")
            .and_then(Value::text)
            .unwrap_or_default()
            .chars()
            .take(100)
            .collect();
        Ok(Self { node_count, record_size, ipv6, database_type, build_epoch })
    }
}
