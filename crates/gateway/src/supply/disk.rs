//! Last good copies: written beside, synced, renamed; read whole.
//!
//! A copy is in the form in which it was judged good, unpacked.

use asgard_model::pages::Pages;
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

/// Reads a file of at most so many bytes, with what identifies its content.
pub(super) fn read(
    path: &Path,
    max_bytes: u64,
) -> io::Result<(Pages<u8>, fs::Metadata)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    // Of the right size at once, so that nothing is copied; the file may still
    // be longer than it says.
    let size = metadata.len().min(max_bytes).saturating_add(1);
    let mut bytes = Pages::with_capacity(usize::try_from(size).unwrap_or(0));
    io::copy(&mut file.take(max_bytes.saturating_add(1)), &mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max_bytes {
        return Err(io::Error::other(format!(
            "larger than max_bytes, {max_bytes}"
        )));
    }
    Ok((bytes, metadata))
}

/// Replaces a file so that at any moment the old one or the new one is there,
/// whole.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(directory)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = directory.join(name);
    let written = write(&beside, bytes).and_then(|()| {
        fs::rename(&beside, path)?;
        File::open(directory)?.sync_all()
    });
    if written.is_err() {
        // What is left is of no use to anybody.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
