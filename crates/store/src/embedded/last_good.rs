//! Last good bodies as files: see [`crate::last_good`] for the promises.
//!
//! `feeds/<digest of the owner>-<digest of the name>.<kind>`, sealed:
//!
//! | bytes | field (little endian) |
//! |---|---|
//! | 8 | magic `89 "ASFEED" 0A` |
//! | 4, 4 | lengths of the name and of the caller's words |
//! | 32 | SHA-256 over the 16 bytes above and all that follows |
//! | rest | name, words, body as one zstd frame |

use std::{
    fs::{self, DirBuilder},
    io::{self, ErrorKind, Write},
    os::unix::fs::DirBuilderExt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use self::pruning::Written;
use super::{
    Embedded,
    directory::{Directory, blocking},
};
use crate::{BodyPlace, LastGood, StoreError};

mod pruning;

const FOLDER: &str = "feeds";
const MAGIC: [u8; 8] = *b"\x89ASFEED\n";
const PREAMBLE: usize = 16;
const HEADER: usize = PREAMBLE + 32;
const LEVEL: i32 = 1;
/// Far above any feed (an Internet of host routes is none).
const BODY_MAX: usize = 1 << 30;

/// What was written since the folder was last looked through.
#[derive(Clone, Debug, Default)]
pub(super) struct Bodies(
    /// A std lock, held for an addition.
    Arc<Mutex<Written>>,
);

#[async_trait]
impl LastGood for Embedded {
    async fn keep_body(
        &self,
        place: BodyPlace<'_>,
        about: &str,
        body: &[u8],
    ) -> Result<(), StoreError> {
        let (file, kind) = (file_of(place), place.kind);
        let directory = self.directory.clone();
        let bodies = self.bodies.clone();
        let bytes = seal(place.name, about, body)
            .map_err(|e| StoreError::file(&directory.file(&file), &e))?;
        blocking(move || {
            create(&directory)?;
            // The temporary file has one name, hence one writer at a time.
            let _turn = directory.lock("feeds.lock")?;
            directory.replace(&file, |file| file.write_all(&bytes))?;
            let written = bodies.0.lock();
            let mut written = written.unwrap_or_else(PoisonError::into_inner);
            match written.add(kind, bytes.len()) {
                true => pruning::prune(&directory, kind),
                false => Ok(()),
            }
        })
        .await
    }

    async fn find_body(
        &self,
        place: BodyPlace<'_>,
    ) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        let path = self.directory.file(&file_of(place));
        let name = place.name.to_owned();
        blocking(move || match fs::read(&path) {
            Ok(bytes) => Ok(open(&name, &bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::file(&path, &error)),
        })
        .await
    }
}

fn file_of(place: BodyPlace<'_>) -> String {
    let BodyPlace { kind, owner, name } = place;
    let owner = hex(&Sha256::digest(owner)[..8]);
    let name = hex(&Sha256::digest(name));
    format!("{FOLDER}/{owner}-{name}.{}", kind.as_str())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}

fn create(directory: &Directory) -> Result<(), StoreError> {
    let path = directory.file(FOLDER);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
    made.map_err(|error| StoreError::file(&path, &error))
}

fn seal(name: &str, about: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let length = |text: &str| {
        u32::try_from(text.len()).map_err(|_| io::Error::other("too long"))
    };
    let body = zstd::bulk::compress(body, LEVEL)?;
    let mut bytes = Vec::with_capacity(HEADER + body.len() + 512);
    bytes.extend(MAGIC);
    bytes.extend(length(name)?.to_le_bytes());
    bytes.extend(length(about)?.to_le_bytes());
    bytes.extend([0; 32]);
    bytes.extend(name.as_bytes());
    bytes.extend(about.as_bytes());
    bytes.extend(body);
    let digest = digest(&bytes);
    bytes[PREAMBLE..HEADER].copy_from_slice(&digest);
    Ok(bytes)
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(&bytes[..PREAMBLE])
        .chain_update(&bytes[HEADER..])
        .finalize()
        .into()
}

/// What a sealed file says; `None` if it is not what was written.
fn open(name: &str, bytes: &[u8]) -> Option<(String, Vec<u8>)> {
    let header = bytes.get(..HEADER)?;
    let sound = header[..8] == MAGIC && header[PREAMBLE..] == digest(bytes);
    let length = |at: usize| {
        let field = header[at..at + 4].try_into().ok()?;
        usize::try_from(u32::from_le_bytes(field)).ok()
    };
    let (written, rest) = bytes[HEADER..].split_at_checked(length(8)?)?;
    let (about, body) = rest.split_at_checked(length(12)?)?;
    if !sound || written != name.as_bytes() {
        return None;
    }
    let about = String::from_utf8(about.to_vec()).ok()?;
    let mut decoder = zstd::Decoder::new(body).ok()?;
    let mut plain = Vec::new();
    let limit = u64::try_from(BODY_MAX).ok()?;
    io::Read::read_to_end(&mut io::Read::take(&mut decoder, limit), &mut plain)
        .ok()?;
    Some((about, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_and_any_damage_shows() {
        let bytes = seal("acme plain", "{}", b"192.0.2.1/32\n").unwrap();
        let expected = ("{}".to_owned(), b"192.0.2.1/32\n".to_vec());
        assert_eq!(open("acme plain", &bytes), Some(expected));
        assert_eq!(open("other plain", &bytes), None);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(open("acme plain", &damaged), None, "byte {at}");
            assert_eq!(open("acme plain", &bytes[..at]), None, "cut at {at}");
        }
    }
}
