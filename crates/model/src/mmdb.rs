//! MaxMind DB files, read and written: bytes ↔ values, pure and bounded.
//!
//! The format is <https://maxmind.github.io/MaxMind-DB/> (version 2.0). The
//! reader never trusts a byte: each walk of the tree and each decoding of data
//! has a budget, so that no file costs more than a fixed amount of work. The
//! `maxminddb` crate is not used for it: its iterator goes through the tree
//! without a limit, and 128 nodes that name each other twice are 2^128
//! networks, all of them inside one `next()`. It is the oracle of our tests.
//!
//! Refused: format versions but 2, record sizes but 24, 28 and 32 bits,
//! pointers out of the data or to pointers, nesting beyond
//! [`MAX_DEPTH`], text that is not UTF-8, trees that need more than
//! [`MAX_VISITS`] steps.

mod asn_database;
#[cfg(test)]
mod battery;
mod decode;
mod metadata;
mod tree;
mod write;

pub use asn_database::{DATABASE_TYPE, Field, FieldError, asn_database};
pub use decode::{Decoder, Value};
pub use metadata::Metadata;
pub use tree::{Database, Network};
pub use write::{Record, WriteError, Writer};

/// Deepest nesting of maps and arrays that is read. Databases on the market
/// stay below 6.
pub const MAX_DEPTH: u32 = 32;
/// Values decoded for one record, containers included. A city record in eight
/// languages has about 150.
pub const MAX_RECORD_VALUES: u32 = 16_384;
/// Values decoded for one file.
pub const MAX_FILE_VALUES: u64 = 200_000_000;
/// Nodes and leaves visited in one walk; the largest files on the market need
/// about 20 million.
pub const MAX_VISITS: u64 = 64_000_000;
/// Zero bytes between tree and data.
const SEPARATOR: usize = 16;
/// What stands before the metadata.
const MARKER: &[u8] = b"\xAB\xCD\xEFMaxMind.com";
/// The metadata begin within this many bytes of the end.
const METADATA_SPACE: usize = 128 * 1024;

/// Why a file is no usable MaxMind DB.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MmdbError {
    /// No metadata: cut off, or another kind of file.
    #[error(
        "not a MaxMind DB, or cut off: no metadata marker in its last 128 KiB"
    )]
    NoMetadata,
    /// The metadata lack a field or hold one that cannot be.
    #[error("metadata of the MaxMind DB: {0}")]
    Metadata(&'static str),
    /// Something in the tree leads nowhere.
    #[error("search tree of the MaxMind DB: {0}")]
    Tree(&'static str),
    /// Bytes of the data that mean nothing.
    #[error("data of the MaxMind DB at byte {at}: {what}")]
    Data {
        /// Offset in its section.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// More work than any honest file needs.
    #[error("MaxMind DB refused: more than {limit} {what}")]
    TooLarge {
        /// The limit.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// Readable, but not what it is used for.
    #[error(
        "MaxMind DB of type `{database_type}` holds no {wanted}: {networks} \
         networks, none with one of the known fields"
    )]
    WrongKind {
        /// As in the metadata.
        database_type: String,
        /// What was looked for.
        wanted: &'static str,
        /// How many networks were looked at.
        networks: u32,
    },
}
