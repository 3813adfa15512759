//! Single facts of a data directory: its world, its secrets, its generation.

use std::{fmt::Write, fs, io, io::Write as _};

use sqlx::SqlitePool;

use super::{column::unsigned, directory::Directory, entropy};
use crate::{Pepper, SigningSeed, StoreError, WorldKind};

const GET: &str = "SELECT value FROM meta WHERE key = ?1";
const PUT: &str = "INSERT INTO meta (key, value) VALUES (?1, ?2)";
const GENERATION: &str =
    "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'generation'";

/// See [`crate::Changes::version`].
pub(super) async fn generation(pool: &SqlitePool) -> Result<u64, StoreError> {
    unsigned(sqlx::query_scalar(GENERATION).fetch_one(pool).await?)
}

/// Refuses the wrong world; marks a directory that has no mark yet.
pub(super) async fn check_world(
    writer: &SqlitePool,
    directory: &Directory,
    wanted: Option<WorldKind>,
) -> Result<(), StoreError> {
    let Some(wanted) = wanted else { return Ok(()) };
    match get(writer, "world").await? {
        None => put(writer, "world", wanted.as_str()).await,
        Some(found) if found == wanted.as_str() => Ok(()),
        Some(found) => Err(other_world(directory, &found, wanted)),
    }
}

/// Refuses the wrong world, and leaves no mark.
pub(super) async fn expect_world(
    writer: &SqlitePool,
    directory: &Directory,
    wanted: WorldKind,
) -> Result<(), StoreError> {
    match get(writer, "world").await? {
        Some(found) if found != wanted.as_str() => {
            Err(other_world(directory, &found, wanted))
        }
        _ => Ok(()),
    }
}

fn other_world(
    directory: &Directory,
    found: &str,
    wanted: WorldKind,
) -> StoreError {
    let dir = directory.path().to_owned();
    WorldKind::VALUES
        .into_iter()
        .find(|(_, name)| *name == found)
        .map(|(found, _)| StoreError::OtherWorld { dir, found, wanted })
        .unwrap_or_else(|| StoreError::corrupt("the world mark", found))
}

/// Reads the pepper, or makes it on the first start. The database keeps a
/// digest of nothing under it: with another pepper, every key would be refused
/// as unknown, and a fault of ours must never look like a wrong key.
pub(super) async fn pepper(
    writer: &SqlitePool,
    directory: &Directory,
) -> Result<Pepper, StoreError> {
    let known = get(writer, "pepper_check").await?;
    let pepper = match read_pepper(directory)? {
        Some(pepper) => pepper,
        None if known.is_none() => make_pepper(directory)?,
        None => return Err(wrong_pepper(directory, "it is gone")),
    };
    let check = hex(&pepper.digest(""));
    match known {
        None => put(writer, "pepper_check", &check).await?,
        Some(known) if known == check => (),
        Some(_) => return Err(wrong_pepper(directory, "it is another one")),
    }
    Ok(pepper)
}

/// Reads the seed of the key that signs, or makes it on the first start. One
/// that is lost is made anew: devices that pinned the old key must be told.
pub(super) fn signing_seed(
    directory: &Directory,
) -> Result<SigningSeed, StoreError> {
    const FILE: &str = "feed-signing.key";
    let path = directory.file(FILE);
    match fs::read(&path) {
        Ok(bytes) => bytes.try_into().map(SigningSeed::new).map_err(|_| {
            let reason = "it is not 32 bytes long: restore it from a backup, \
                 or remove it to sign with a new key";
            StoreError::corrupt(path.display().to_string(), reason)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let bytes: [u8; 32] = entropy::draw()?;
            directory.replace(FILE, |file| file.write_all(&bytes))?;
            Ok(SigningSeed::new(bytes))
        }
        Err(error) => Err(StoreError::file(&path, &error)),
    }
}

fn read_pepper(directory: &Directory) -> Result<Option<Pepper>, StoreError> {
    let path = directory.file("pepper");
    match fs::read(&path) {
        Ok(bytes) => match bytes.try_into() {
            Ok(bytes) => Ok(Some(Pepper::new(bytes))),
            Err(_) => Err(wrong_pepper(directory, "it is not 32 bytes long")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::file(&path, &error)),
    }
}

fn make_pepper(directory: &Directory) -> Result<Pepper, StoreError> {
    let bytes: [u8; 32] = entropy::draw()?;
    directory.replace("pepper", |file| file.write_all(&bytes))?;
    Ok(Pepper::new(bytes))
}

fn wrong_pepper(directory: &Directory, reason: &str) -> StoreError {
    let reason = format!(
        "{reason}, and no key can be verified without it: restore it from a \
         backup of the same directory"
    );
    let what = directory.file("pepper").display().to_string();
    StoreError::corrupt(what, reason)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes every write");
        text
    })
}

async fn get(
    writer: &SqlitePool,
    key: &str,
) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar(GET).bind(key).fetch_optional(writer).await?)
}

async fn put(
    writer: &SqlitePool,
    key: &str,
    value: &str,
) -> Result<(), StoreError> {
    sqlx::query(PUT).bind(key).bind(value).execute(writer).await?;
    Ok(())
}
