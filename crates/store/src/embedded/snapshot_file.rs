//! `snapshot.bin`: the last snapshot, compressed and sealed.
//!
//! | bytes | field (little endian) |
//! |---|---|
//! | 8 | magic `89 "ASGARD" 0A`: no text file starts so |
//! | 4 | format version, 7 |
//! | 8 | serial of the snapshot |
//! | 8 | length of the snapshot before compression |
//! | 32 | SHA-256 over the 28 bytes above and the body |
//! | rest | body: one zstd frame |
//!
//! The seal is checked before anything is decompressed: a damaged file never
//! reaches the decoder.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, Write},
    path::Path,
};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::{Embedded, directory::blocking};
use crate::{Snapshots, StoreError};

const FILE: &str = "snapshot.bin";
const MAGIC: [u8; 8] = *b"\x89ASGARD\n";
/// Raised whenever the content changes its shape, too: the content does not
/// describe itself, and an old one must not be read as a new one.
const FORMAT: u32 = 7;
const PREAMBLE: usize = 28;
const HEADER: usize = PREAMBLE + 32;
const LEVEL: i32 = 3;
/// Far above any snapshot (about 10⁸ bytes for the whole Internet).
const MAX_BYTES: u64 = 1 << 32;

#[async_trait]
impl Snapshots for Embedded {
    async fn save(
        &self,
        serial: u64,
        bytes: Vec<u8>,
    ) -> Result<(), StoreError> {
        let directory = self.directory.clone();
        blocking(move || {
            // The temporary file has one name, hence one writer at a time.
            let _turn = directory.lock("snapshot.lock")?;
            directory.replace(FILE, |file| write(file, serial, &bytes))
        })
        .await
    }

    async fn load(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let path = self.directory.file(FILE);
        blocking(move || load(&path)).await
    }
}

fn load(path: &Path) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
    let file = match fs::read(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(StoreError::file(path, &e)),
    };
    read(&file)
        .map(Some)
        .map_err(|e| StoreError::corrupt(path.display().to_string(), e))
}

/// Hashes what passes through.
struct Sealing<W> {
    seal: Sha256,
    to: W,
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.seal.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn write(file: &mut File, serial: u64, bytes: &[u8]) -> io::Result<()> {
    let preamble = preamble(serial, bytes.len() as u64);
    file.write_all(&[0; HEADER])?;
    let seal = Sha256::new_with_prefix(preamble);
    let mut encoder =
        zstd::Encoder::new(Sealing { seal, to: &mut *file }, LEVEL)?;
    encoder.write_all(bytes)?;
    let seal = encoder.finish()?.seal.finalize();
    file.rewind()?;
    file.write_all(&preamble)?;
    file.write_all(&seal)
}

fn preamble(serial: u64, length: u64) -> [u8; PREAMBLE] {
    let mut preamble = [0; PREAMBLE];
    preamble[..8].copy_from_slice(&MAGIC);
    preamble[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    preamble[12..20].copy_from_slice(&serial.to_le_bytes());
    preamble[20..].copy_from_slice(&length.to_le_bytes());
    preamble
}

/// What is wrong with a snapshot file.
#[derive(Debug, thiserror::Error)]
enum Damage {
    #[error("it is shorter than its header")]
    Short,
    #[error("it is not a snapshot file")]
    Foreign,
    #[error("it has format {0}, and this asgard reads format {FORMAT}")]
    Format(u32),
    #[error("its checksum differs: it is truncated or damaged")]
    Seal,
    #[error("its length {0} is not that of its content")]
    Length(u64),
    #[error("it does not decompress: {0}")]
    Body(#[from] io::Error),
}

fn read(file: &[u8]) -> Result<(u64, Vec<u8>), Damage> {
    let (header, body) =
        file.split_first_chunk::<HEADER>().ok_or(Damage::Short)?;
    let (preamble, seal) = header.split_at(PREAMBLE);
    if preamble[..8] != MAGIC {
        return Err(Damage::Foreign);
    }
    let format = u32::from_le_bytes(field(preamble, 8));
    if format != FORMAT {
        return Err(Damage::Format(format));
    }
    let expected = Sha256::new_with_prefix(preamble).chain_update(body);
    if expected.finalize()[..] != *seal {
        return Err(Damage::Seal);
    }
    let serial = u64::from_le_bytes(field(preamble, 12));
    let length = u64::from_le_bytes(field(preamble, 20));
    Ok((serial, decompress(body, length)?))
}

fn field<const LEN: usize>(preamble: &[u8], start: usize) -> [u8; LEN] {
    let mut field = [0; LEN];
    field.copy_from_slice(&preamble[start..start + LEN]);
    field
}

fn decompress(body: &[u8], length: u64) -> Result<Vec<u8>, Damage> {
    let capacity = usize::try_from(length)
        .ok()
        .filter(|_| length <= MAX_BYTES)
        .ok_or(Damage::Length(length))?;
    let mut bytes = Vec::with_capacity(capacity);
    // One byte more than promised shows that there is more.
    zstd::Decoder::with_buffer(body)?
        .take(length + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() == capacity {
        Ok(bytes)
    } else {
        Err(Damage::Length(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Vec<u8>, Vec<u8>) {
        let bytes: Vec<u8> =
            (0u32..5_000).flat_map(|n| (n * n % 977).to_le_bytes()).collect();
        let mut file = tempfile::tempfile().unwrap();
        write(&mut file, 42, &bytes).unwrap();
        let mut written = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut written).unwrap();
        (bytes, written)
    }

    /// A file with a right seal around anything.
    fn sealed(preamble: &[u8], body: &[u8]) -> Vec<u8> {
        let seal = Sha256::new_with_prefix(preamble).chain_update(body);
        [preamble, &seal.finalize()[..], body].concat()
    }

    #[test]
    fn what_was_written_is_read() {
        let (bytes, written) = sample();
        assert!(written.len() < bytes.len());
        assert_eq!(read(&written).unwrap(), (42, bytes));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let (_, written) = sample();
        for bit in 0..written.len() * 8 {
            let mut damaged = written.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let (_, written) = sample();
        for end in 0..written.len() {
            assert!(read(&written[..end]).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn a_seal_does_not_excuse_a_wrong_length_or_body() {
        let body = zstd::encode_all(&[5; 100][..], LEVEL).unwrap();
        for length in [0, 99, 101, MAX_BYTES + 1, u64::MAX] {
            let file = sealed(&preamble(1, length), &body);
            assert!(
                matches!(read(&file), Err(Damage::Length(l)) if l == length),
                "{length}"
            );
        }
        let file = sealed(&preamble(1, 100), b"not zstd");
        assert!(matches!(read(&file), Err(Damage::Body(_))));
        assert!(read(&sealed(&preamble(1, 100), &body)).is_ok());
    }

    #[test]
    fn a_foreign_file_and_another_format_are_told_apart() {
        assert!(matches!(read(b""), Err(Damage::Short)));
        assert!(matches!(read(&[b'<'; 100]), Err(Damage::Foreign)));
        for format in [FORMAT - 1, FORMAT + 1] {
            let mut other = preamble(1, 0);
            other[8..12].copy_from_slice(&format.to_le_bytes());
            let file = sealed(&other, &[]);
            assert!(
                matches!(read(&file), Err(Damage::Format(f)) if f == format)
            );
        }
    }
}
