//! Files of ours that damage does not pass through unnoticed: eight bytes that
//! name the format, the SHA-256 of the rest, and that compressed.
//!
//! They are replaced whole, by rename.

use std::{fs, io, path::Path};

use serde::{Serialize, de::DeserializeOwned};

pub(super) fn load<T: DeserializeOwned>(
    path: &Path,
    magic: &[u8; 8],
) -> io::Result<T> {
    let bytes = fs::read(path)?;
    let body = bytes
        .strip_prefix(magic)
        .ok_or_else(|| io::Error::other("not a file of this form"))?;
    let (digest, body) = body
        .split_at_checked(32)
        .ok_or_else(|| io::Error::other("cut short"))?;
    if sha256(body) != digest {
        return Err(io::Error::other("damaged"));
    }
    let plain = zstd::decode_all(body)?;
    postcard::from_bytes(&plain).map_err(io::Error::other)
}

pub(super) fn save<T: Serialize>(
    path: &Path,
    magic: &[u8; 8],
    value: &T,
) -> io::Result<()> {
    let plain = postcard::to_stdvec(value).map_err(io::Error::other)?;
    let body = zstd::encode_all(&*plain, 1)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder)?;
    let fresh = path.with_extension("new");
    let mut file = fs::File::create(&fresh)?;
    io::Write::write_all(
        &mut file,
        &[&magic[..], &sha256(&body), &body].concat(),
    )?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    fs::File::open(folder)?.sync_all()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}
