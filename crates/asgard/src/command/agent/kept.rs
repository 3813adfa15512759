//! What an agent keeps on disk: the last good list, the lock, and the note that
//! table and sets are its own.
//!
//! | file | holds |
//! |---|---|
//! | `TARGET.lock` | locked by the agent that runs |
//! | `TARGET.own` | there before anything is made in the kernel |
//! | `TARGET.good` | a line of JSON about the list, then the list |
//!
//! A file is written under another name, synced and renamed; the list is
//! believed only if it has the digest that its first line tells.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    net::IpAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{feed::hexadecimal, trouble::Trouble};

/// The directory of one target, locked.
#[derive(Debug)]
pub(super) struct Kept {
    dir: PathBuf,
    target: String,
    /// The lock ends with it.
    _lock: File,
}

/// The last good list.
#[derive(Clone, Debug)]
pub(super) struct Good {
    pub(super) about: GoodAbout,
    pub(super) body: Vec<u8>,
    /// When the server last said that it is the present one.
    pub(super) confirmed: Option<Timestamp>,
}

/// What is known about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GoodAbout {
    pub(super) url: String,
    pub(super) etag: Option<String>,
    /// Of the body, as hexadecimal digits.
    pub(super) sha256: String,
    pub(super) entries: usize,
    pub(super) version: Option<u64>,
    /// Who sent it.
    pub(super) server: Option<IpAddr>,
    /// When.
    pub(super) at: Timestamp,
    /// Digest of the commands that put it in force.
    pub(super) applied: String,
}

impl Kept {
    /// Opens the directory of a target and locks it; `target` is a file name.
    ///
    /// # Errors
    /// It cannot be made, or another agent has the lock.
    pub(super) fn open(dir: &Path, target: &str) -> Result<Self, Trouble> {
        let failed = |error: &io::Error| {
            let name = dir.display();
            Trouble::machine(format!("--state-dir `{name}`: {error}"))
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| failed(&error))?;
        let lock = private()
            .truncate(false)
            .open(dir.join(format!("{target}.lock")))
            .map_err(|error| failed(&error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Trouble::machine(format!(
                    "another agent keeps {target}: it holds the lock in `{}`",
                    dir.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let (dir, target) = (dir.to_owned(), target.to_owned());
        Ok(Self { dir, target, _lock: lock })
    }

    /// Whether what is in the kernel was made by this agent.
    pub(super) fn owns(&self) -> bool {
        self.file("own").exists()
    }

    /// Notes that what is made from now on is ours.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn own(&self) -> Result<(), Trouble> {
        match self.owns() {
            true => Ok(()),
            false => self.replace("own", &[b"made by asgard agent\n"]),
        }
    }

    /// The last good list. One that was damaged is none, and is told.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn good(&self) -> Result<Option<Good>, Trouble> {
        let path = self.file("good");
        let mut bytes = Vec::new();
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(self.failed("good", &error)),
        };
        file.read_to_end(&mut bytes)
            .map_err(|error| self.failed("good", &error))?;
        let confirmed = file.metadata().and_then(|about| about.modified());
        let confirmed =
            confirmed.ok().and_then(|at| Timestamp::try_from(at).ok());
        let good = parse(&bytes, confirmed);
        if good.is_none() {
            tracing::error!(
                file = %path.display(),
                "the last good list is damaged and is not used"
            );
        }
        Ok(good)
    }

    /// Keeps a list as the last good one.
    ///
    /// # Errors
    /// The disk refuses; the one before stays.
    pub(super) fn keep(&self, good: &Good) -> Result<(), Trouble> {
        let about = serde_json::to_vec(&good.about)
            .map_err(|error| Trouble::machine(error.to_string()))?;
        self.replace("good", &[&about, b"\n", &good.body])
    }

    /// Notes when the server last confirmed the list: the time of the file.
    pub(super) fn confirm(&self, at: Timestamp) {
        let file = OpenOptions::new().write(true).open(self.file("good"));
        let done =
            file.and_then(|file| file.set_modified(SystemTime::from(at)));
        if let Err(error) = done {
            tracing::debug!(%error, "the time of the last good list is old");
        }
    }

    /// Forgets the list, and that anything is ours.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn forget(&self) -> Result<(), Trouble> {
        for what in ["good", "own"] {
            match fs::remove_file(self.file(what)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(self.failed(what, &error)),
            }
        }
        Ok(())
    }

    fn file(&self, what: &str) -> PathBuf {
        self.dir.join(format!("{}.{what}", self.target))
    }

    fn failed(&self, what: &str, error: &io::Error) -> Trouble {
        let path = self.file(what);
        Trouble::machine(format!("`{}`: {error}", path.display()))
    }

    fn replace(&self, what: &str, parts: &[&[u8]]) -> Result<(), Trouble> {
        replace(&self.file(what), &private(), parts)
            .map_err(|error| self.failed(what, &error))
    }
}

/// Replaces a file at once: written beside, synced, renamed.
///
/// # Errors
/// The disk refuses; the old file stays.
pub(super) fn replace(
    path: &Path,
    how: &OpenOptions,
    parts: &[&[u8]],
) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let beside = Path::new(&beside);
    let mut file = how.open(beside)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()?;
    fs::rename(beside, path)?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(dir.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// A file for its owner alone, empty.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
}

fn parse(bytes: &[u8], confirmed: Option<Timestamp>) -> Option<Good> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let about: GoodAbout = serde_json::from_slice(&bytes[..end]).ok()?;
    let body = bytes[end + 1..].to_vec();
    let sound = hexadecimal(&Sha256::digest(&body)) == about.sha256;
    sound.then_some(Good { about, body, confirmed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(body: &[u8]) -> Good {
        let about = GoodAbout {
            url: "http://a.example/v1/threat/feeds".to_owned(),
            etag: Some("W/\"1\"".to_owned()),
            sha256: hexadecimal(&Sha256::digest(body)),
            entries: 1,
            version: Some(7),
            server: None,
            at: Timestamp::UNIX_EPOCH,
            applied: String::new(),
        };
        Good { about, body: body.to_vec(), confirmed: None }
    }

    #[test]
    fn what_is_kept_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Kept::open(dir.path(), "nft-asgard").unwrap();
        assert!(kept.good().unwrap().is_none());
        kept.keep(&good(b"1.10.16.0/20\n")).unwrap();
        let back = kept.good().unwrap().unwrap();
        assert_eq!(back.body, b"1.10.16.0/20\n");
        assert_eq!(back.about, good(b"1.10.16.0/20\n").about);
        kept.confirm(Timestamp::from_second(99).unwrap());
        let confirmed = kept.good().unwrap().unwrap().confirmed.unwrap();
        assert_eq!(confirmed.as_second(), 99);
        kept.forget().unwrap();
        assert!(kept.good().unwrap().is_none());
    }

    #[test]
    fn a_damaged_list_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Kept::open(dir.path(), "nft-asgard").unwrap();
        kept.keep(&good(b"1.10.16.0/20\n")).unwrap();
        let file = dir.path().join("nft-asgard.good");
        let whole = fs::read(&file).unwrap();
        for cut in 0..whole.len() {
            fs::write(&file, &whole[..cut]).unwrap();
            assert!(kept.good().unwrap().is_none(), "{cut}");
        }
        let mut other = whole.clone();
        *other.last_mut().unwrap() = b' ';
        fs::write(&file, &other).unwrap();
        assert!(kept.good().unwrap().is_none());
    }

    #[test]
    fn two_agents_cannot_have_one_target() {
        let dir = tempfile::tempdir().unwrap();
        let first = Kept::open(dir.path(), "nft-asgard").unwrap();
        let second = Kept::open(dir.path(), "nft-asgard").unwrap_err();
        assert!(second.to_string().contains("another agent"), "{second}");
        Kept::open(dir.path(), "ipset-asgard").unwrap();
        drop(first);
        Kept::open(dir.path(), "nft-asgard").unwrap();
    }

    #[test]
    fn ownership_is_noted_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Kept::open(dir.path(), "nft-asgard").unwrap();
        assert!(!kept.owns());
        kept.own().unwrap();
        assert!(kept.owns());
        kept.forget().unwrap();
        assert!(!kept.owns());
    }
}
