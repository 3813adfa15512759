//! What a publisher packed: gzip, and tar in it, within limits.
//!
//! The kind is told by the first bytes, never by a name. Refused: more output
//! than was agreed, or than [`MAX_RATIO`] times the input; a stream that ends
//! too early; an archive without a database.

use std::io::{self, Read};

use asgard_model::pages::Pages;
use flate2::read::MultiGzDecoder;

/// Most bytes of output a byte of input, past [`RATIO_FREE`].
const MAX_RATIO: u64 = 200;
/// Output below which the ratio is not judged.
const RATIO_FREE: u64 = 1 << 20;
/// Entries of an archive that are looked at.
const MAX_ENTRIES: usize = 1000;

/// Why a file cannot be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// Broken, or cut off.
    #[error("the compressed file is broken: {0}")]
    Broken(String),
    /// A bomb, or more than was agreed.
    #[error("unpacks to more than {0} bytes; raise max_bytes if that is right")]
    TooLarge(u64),
    /// Nothing in the archive is a database.
    #[error("the tar archive holds no .mmdb file")]
    NoDatabase,
}

/// Takes off gzip and tar, if they are there.
pub(super) fn unpack(
    bytes: Pages<u8>,
    max_bytes: u64,
) -> Result<Pages<u8>, ArchiveError> {
    let plain = match &*bytes {
        [0x1f, 0x8b, ..] => gunzip(&bytes, max_bytes)?,
        _ => bytes,
    };
    if plain.get(257..262) == Some(b"ustar") {
        return database(&plain);
    }
    Ok(plain)
}

fn gunzip(bytes: &[u8], max_bytes: u64) -> Result<Pages<u8>, ArchiveError> {
    let packed = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let ratio = packed.saturating_mul(MAX_RATIO).max(RATIO_FREE);
    let limit = max_bytes.min(ratio);
    let mut plain = Pages::default();
    let mut bounded = MultiGzDecoder::new(bytes).take(limit.saturating_add(1));
    io::copy(&mut bounded, &mut plain)
        .map_err(|error| ArchiveError::Broken(error.to_string()))?;
    if u64::try_from(plain.len()).unwrap_or(u64::MAX) > limit {
        return Err(ArchiveError::TooLarge(limit));
    }
    Ok(plain)
}

/// The first database of an archive.
fn database(archive: &[u8]) -> Result<Pages<u8>, ArchiveError> {
    let broken = |error: io::Error| ArchiveError::Broken(error.to_string());
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().map_err(broken)?.take(MAX_ENTRIES) {
        let mut entry = entry.map_err(broken)?;
        let is_database = entry.header().entry_type().is_file()
            && entry.path_bytes().ends_with(b".mmdb");
        if is_database {
            let mut plain = Pages::default();
            // Bounded by the archive, which is in memory already.
            io::copy(&mut entry, &mut plain).map_err(broken)?;
            return Ok(plain);
        }
    }
    Err(ArchiveError::NoDatabase)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn pages(bytes: &[u8]) -> Pages<u8> {
        bytes.into()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn plain_gzip_and_tar_gz_give_the_same() {
        let data = b"a database".to_vec();
        let tar = archive(&[
            ("GeoLite2-ASN_20260617/README.txt", b"no"),
            ("GeoLite2-ASN_20260617/GeoLite2-ASN.mmdb", &data),
        ]);
        for packed in [data.clone(), gzip(&data), tar.clone(), gzip(&tar)] {
            assert_eq!(*unpack(pages(&packed), 1 << 20).unwrap(), *data);
        }
    }

    #[test]
    fn a_bomb_is_refused_by_its_ratio_and_by_the_limit() {
        let bomb = gzip(&vec![0; 8 << 20]);
        let refused = unpack(pages(&bomb), 1 << 40).unwrap_err();
        assert!(matches!(refused, ArchiveError::TooLarge(_)));
        let refused = unpack(pages(&gzip(&[1; 5000])), 4999).unwrap_err();
        assert_eq!(refused, ArchiveError::TooLarge(4999));
    }

    #[test]
    fn what_is_cut_or_empty_is_refused() {
        let packed = gzip(b"something long enough to be cut somewhere");
        for cut in 2..packed.len() {
            let refused = unpack(pages(&packed[..cut]), 1 << 20);
            assert!(matches!(refused, Err(ArchiveError::Broken(_))), "{cut}");
        }
        let tar = archive(&[("readme", b"x")]);
        assert_eq!(unpack(pages(&tar), 1 << 20), Err(ArchiveError::NoDatabase));
    }
}
