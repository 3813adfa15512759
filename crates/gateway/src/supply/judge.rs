//! Bytes → a version, or the reason why not.
//!
//! A database must parse, hold what it is used for, know the probes, not be
//! older than the present one, nor much smaller. A list must be text of which
//! nearly every line is an address.

use std::{net::IpAddr, sync::Arc};

use asgard_model::{
    Asn, NetworkTable, PlaceTable, Prefix, mmdb::MmdbError,
    network_table::TableVersion, pages::Pages,
};
use asgard_policy::AddressSet;
use sha2::{Digest, Sha256};

use super::{
    Version,
    archive::{self, ArchiveError},
    fetch::Label,
    subject::{Kind, Spec, State},
};
use crate::config::Database;

/// Bad lines that any list may have.
const BAD_LINES: usize = 10;

/// Why bytes do not replace what is there.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// The digest is not the configured one.
    #[error("sha256 is {found}, {wanted} is configured")]
    Digest {
        /// Lower-case hex.
        found: String,
        /// Lower-case hex.
        wanted: String,
    },
    /// It cannot be unpacked.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It is no database, or a broken one.
    #[error(transparent)]
    Database(#[from] MmdbError),
    /// A probe has another answer.
    #[error("probe {address} should be {wanted}, the database says {found}")]
    Probe {
        /// The address.
        address: IpAddr,
        /// As configured.
        wanted: Asn,
        /// `AS…` or `nothing`.
        found: String,
    },
    /// Made before the present one.
    #[error("made {0} s before the one in use")]
    Older(u64),
    /// Much smaller than the present one.
    #[error(
        "{found} networks, the one in use has {present}; more than \
         {limit} % fewer are refused (max_shrink_percent)"
    )]
    Shrunk {
        /// Of the new one.
        found: u64,
        /// Of the present one.
        present: u64,
        /// As configured.
        limit: u8,
    },
    /// Not a list.
    #[error("{bad} of {lines} lines are no address; line {number} is `{text}`")]
    Lines {
        /// Bad ones.
        bad: usize,
        /// All that say something.
        lines: usize,
        /// Number of the first bad one.
        number: usize,
        /// How it begins.
        text: String,
    },
    /// Another table than the server says it is.
    #[error("table {found} came, the server calls it {wanted}")]
    OtherTable {
        /// What came.
        found: TableVersion,
        /// As the server says.
        wanted: String,
    },
    /// More or fewer lines than the server says that there are.
    #[error("{found} lines came, the server counted {wanted}")]
    OtherCount {
        /// What came.
        found: usize,
        /// As the server says.
        wanted: u64,
    },
    /// A list without entries where there were some, of a publisher who does
    /// not say that it is empty.
    #[error("no entry, the list in use has {0}; an empty list is refused")]
    Empty(u64),
}

/// A version that was judged good.
pub(super) struct Good {
    pub(super) version: Version,
    pub(super) entries: u64,
    pub(super) build_epoch: u64,
    /// Unpacked; empty if it was not packed to begin with.
    pub(super) bytes: Pages<u8>,
}

/// What a new version is compared with.
#[derive(Clone, Copy, Default)]
pub(super) struct Present {
    entries: u64,
    build_epoch: u64,
}

impl Present {
    pub(super) fn of(state: &State) -> Self {
        Self { entries: state.entries, build_epoch: state.build_epoch }
    }
}

/// How bytes came here.
#[derive(Clone, Copy)]
pub(super) enum Provenance<'a> {
    /// From our own last good copy: already unpacked, so that its digest is not
    /// that of what was published.
    Copy,
    /// From the publisher, with what he says about them.
    Published(&'a Label),
}

/// Judges bytes.
pub(super) fn judge(
    spec: &Spec,
    bytes: Pages<u8>,
    present: Present,
    from: Provenance<'_>,
) -> Result<Good, Rejection> {
    let label = match from {
        Provenance::Copy => &Label::default(),
        Provenance::Published(label) => label,
    };
    if let Some(wanted) = spec.database.as_ref().and_then(|d| d.sha256.clone())
        && matches!(from, Provenance::Published(_))
    {
        let found = hex(&Sha256::digest(&*bytes));
        if found != wanted {
            return Err(Rejection::Digest { found, wanted });
        }
    }
    let bytes = archive::unpack(bytes, spec.max_bytes)?;
    let mut good = match spec.kind {
        Kind::Networks => networks(&bytes, spec.database.as_ref())?,
        Kind::Places => places(&bytes)?,
        Kind::Addresses => addresses(&bytes, present, label.entries)?,
    };
    if let Some(table) = &label.table {
        is_named(&good, table)?;
    }
    if let Some(database) = &spec.database {
        compare(&good, database, present)?;
    }
    good.bytes = bytes;
    Ok(good)
}

/// Judges a table that changes have led to.
pub(super) fn changed(
    spec: &Spec,
    table: NetworkTable,
    present: Present,
) -> Result<Good, Rejection> {
    let good = probed(table, spec.database.as_ref())?;
    if let Some(database) = &spec.database {
        compare(&good, database, present)?;
    }
    Ok(good)
}

/// Whether a table is the one that the server says it is.
fn is_named(good: &Good, wanted: &str) -> Result<(), Rejection> {
    match &good.version {
        Version::Networks(table) if table.version().to_string() != wanted => {
            let found = table.version();
            Err(Rejection::OtherTable { found, wanted: wanted.to_owned() })
        }
        _ => Ok(()),
    }
}

fn networks(
    bytes: &[u8],
    database: Option<&Database>,
) -> Result<Good, Rejection> {
    probed(NetworkTable::from_mmdb(bytes)?, database)
}

/// A table that knows the probes.
fn probed(
    table: NetworkTable,
    database: Option<&Database>,
) -> Result<Good, Rejection> {
    for &(address, wanted) in database.iter().flat_map(|d| &d.probe) {
        let found = table.lookup(address).map(|facts| facts.asn);
        if found != Some(wanted) {
            let found = match found {
                Some(asn) => asn.to_string(),
                None => "nothing".into(),
            };
            return Err(Rejection::Probe { address, wanted, found });
        }
    }
    Ok(Good {
        entries: table.networks().into(),
        build_epoch: table.build_epoch(),
        version: Version::Networks(Arc::new(table)),
        bytes: Pages::default(),
    })
}

fn places(bytes: &[u8]) -> Result<Good, Rejection> {
    let table = PlaceTable::from_mmdb(bytes)?;
    Ok(Good {
        entries: table.networks().into(),
        build_epoch: table.build_epoch(),
        version: Version::Places(Arc::new(table)),
        bytes: Pages::default(),
    })
}

fn compare(
    good: &Good,
    database: &Database,
    present: Present,
) -> Result<(), Rejection> {
    if good.build_epoch != 0 && good.build_epoch < present.build_epoch {
        let age = present.build_epoch - good.build_epoch;
        return Err(Rejection::Older(age));
    }
    let limit = database.max_shrink_percent.min(100);
    let least = u128::from(present.entries) * u128::from(100 - limit) / 100;
    if u128::from(good.entries) < least {
        return Err(Rejection::Shrunk {
            found: good.entries,
            present: present.entries,
            limit,
        });
    }
    Ok(())
}

/// `counted`: lines, as the server says.
fn addresses(
    bytes: &[u8],
    present: Present,
    counted: Option<u64>,
) -> Result<Good, Rejection> {
    let List { blocks, bad, first_bad } = list(bytes);
    let lines = bad + blocks.len();
    if bad > BAD_LINES.max(lines / 20) || bad > 0 && blocks.is_empty() {
        let (number, text) = first_bad.unwrap_or_default();
        return Err(Rejection::Lines { bad, lines, number, text });
    }
    if let Some((line, text)) = first_bad {
        tracing::warn!(bad, line, text, "lines of a list are no address");
    }
    if let Some(wanted) = counted
        && u64::try_from(lines) != Ok(wanted)
    {
        return Err(Rejection::OtherCount { found: lines, wanted });
    }
    // Whoever counts and comes to nothing means it: the last block has ended.
    if blocks.is_empty() && present.entries > 0 && counted.is_none() {
        return Err(Rejection::Empty(present.entries));
    }
    Ok(inline(&blocks))
}

/// What a text says.
pub(crate) struct List {
    pub(crate) blocks: Vec<Prefix>,
    bad: usize,
    /// Number and beginning of the first bad line.
    pub(crate) first_bad: Option<(usize, String)>,
}

/// One address or prefix a line; `#` and `;` begin a comment.
pub(crate) fn list(bytes: &[u8]) -> List {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut list = List { blocks: Vec::new(), bad: 0, first_bad: None };
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let end = line.iter().position(|byte| matches!(byte, b'#' | b';'));
        let entry = line[..end.unwrap_or(line.len())].trim_ascii();
        if entry.is_empty() {
            continue;
        }
        let block = std::str::from_utf8(entry).ok();
        match block.and_then(|entry| entry.parse().ok()) {
            Some(block) => list.blocks.push(block),
            None => {
                list.bad += 1;
                list.first_bad.get_or_insert_with(|| {
                    let start = &entry[..entry.len().min(80)];
                    let text = String::from_utf8_lossy(start);
                    (number, text.escape_debug().to_string())
                });
            }
        }
    }
    list
}

/// A list from the configuration.
pub(super) fn inline(blocks: &[Prefix]) -> Good {
    let set = AddressSet::from_prefixes(blocks.iter().copied());
    Good {
        entries: u64::try_from(blocks.len()).unwrap_or(u64::MAX),
        build_epoch: 0,
        version: Version::Addresses(Arc::new(set)),
        bytes: Pages::default(),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
