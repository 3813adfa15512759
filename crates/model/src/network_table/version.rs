//! What a table says, as one digest: two tables that answer alike, and are of
//! the same moment, have the same version, however they were made.

use std::{fmt, net::IpAddr, str::FromStr};

use sha2::{Digest, Sha256};

use super::{NetworkTable, Stored};

/// SHA-256 of everything that a table says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableVersion(pub(super) [u8; 32]);

impl fmt::Display for TableVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TableVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version of a table is 64 hexadecimal digits")]
pub struct TableVersionError;

impl FromStr for TableVersion {
    type Err = TableVersionError;

    fn from_str(text: &str) -> Result<Self, TableVersionError> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(TableVersionError);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            let value = digit(0).zip(digit(1)).ok_or(TableVersionError)?;
            let value = u8::try_from(value.0 << 4 | value.1);
            *byte = value.map_err(|_| TableVersionError)?;
        }
        Ok(Self(bytes))
    }
}

impl NetworkTable {
    /// The version of what the table says; worked out once, in some tens of
    /// milliseconds for a whole Internet.
    pub fn version(&self) -> TableVersion {
        *self.version.get_or_init(|| self.digest())
    }

    fn digest(&self) -> TableVersion {
        let records: Vec<[u8; 8]> =
            self.records.iter().map(|&r| self.record_digest(r)).collect();
        let mut hasher = Sha256::new();
        hasher.update(b"asgard-table-1");
        hasher.update(self.build_epoch.to_le_bytes());
        let mut add = |(first, last, record): (IpAddr, IpAddr, [u8; 8])| {
            hash_address(&mut hasher, first);
            hash_address(&mut hasher, last);
            hasher.update(record);
        };
        let mut pending: Option<(IpAddr, IpAddr, [u8; 8])> = None;
        for (first, last, record) in self.ranges.ranges() {
            let record = records.get(record as usize).copied();
            let record = record.unwrap_or_default();
            match &mut pending {
                // Neighbours that say the same are one.
                Some(before)
                    if before.2 == record && follows(before.1, first) =>
                {
                    before.1 = last;
                }
                before => {
                    if let Some(done) = before.replace((first, last, record)) {
                        add(done);
                    }
                }
            }
        }
        if let Some(done) = pending {
            add(done);
        }
        TableVersion(hasher.finalize().0)
    }

    fn record_digest(&self, packed: [u32; 4]) -> [u8; 8] {
        let stored = Stored::unpacked(packed);
        let organisation = self.texts.get(stored.organisation);
        let mut hasher = Sha256::new();
        let [asn, _, rest, _] = packed;
        hasher.update(asn.to_le_bytes());
        hasher.update(rest.to_le_bytes());
        hasher.update(organisation);
        let [a, b, c, d, e, f, g, h, ..] = hasher.finalize().0;
        [a, b, c, d, e, f, g, h]
    }
}

fn hash_address(hasher: &mut Sha256, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => hasher.update(v4.octets()),
        IpAddr::V6(v6) => hasher.update(v6.octets()),
    }
}

fn follows(last: IpAddr, first: IpAddr) -> bool {
    match (last, first) {
        (IpAddr::V4(last), IpAddr::V4(first)) => {
            last.to_bits().checked_add(1) == Some(first.to_bits())
        }
        (IpAddr::V6(last), IpAddr::V6(first)) => {
            last.to_bits().checked_add(1) == Some(first.to_bits())
        }
        _ => false,
    }
}
