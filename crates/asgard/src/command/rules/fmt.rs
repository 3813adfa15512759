//! `asgard rules fmt`: spellings of others in the canonical form.
//!
//! Only what a remark proposes is changed; comments and layout stay. A file
//! that is refused is not touched, and nothing is written that does not mean
//! the same when it is read again.

use std::{
    ffi::OsString,
    fs, io,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown},
    path::Path,
};

use anyhow::{Context, anyhow, bail};
use asgard_gateway::config::{self, Loaded, Overrides};
use asgard_policy::{Diagnostic, diagnostic::Replacement};

use super::{Fmt, Form, load};
use crate::{exit::Exit, output::Out};

/// A file with another text.
struct Rewritten<'l> {
    path: &'l Path,
    text: String,
    changes: usize,
}

pub(super) fn run(options: &Fmt, out: &mut Out) -> anyhow::Result<Exit> {
    let loaded = load(&options.file, Form::Table, out)?;
    let mut rewritten = Vec::new();
    for (number, path) in loaded.config.files.iter().enumerate() {
        rewritten.extend(rewrite(&loaded, number, path)?);
    }
    means_the_same(&options.file, &loaded, &rewritten)?;
    for file in &rewritten {
        let (path, changes) = (file.path.display(), file.changes);
        out.line(format!("{path}: {changes} changes"))?;
        if !options.check {
            write(file.path, &file.text)?;
        }
    }
    let changes: usize = rewritten.iter().map(|file| file.changes).sum();
    if options.check && changes > 0 {
        bail!("{changes} changes would be made");
    }
    Ok(Exit::Ok)
}

/// The text of a file with the edits of every remark whose edits can all be
/// made; `None` if there are none.
fn rewrite<'l>(
    loaded: &Loaded,
    number: usize,
    path: &'l Path,
) -> anyhow::Result<Option<Rewritten<'l>>> {
    let mut text = loaded.sources.text(number).to_owned();
    let of_file = |lint: &&Diagnostic| {
        let mut edits = lint.edits.iter();
        !lint.edits.is_empty() && edits.all(|edit| edit.file() == number)
    };
    let lints = loaded.lints.iter().filter(of_file);
    let mut edits: Vec<Replacement> = Vec::new();
    for lint in lints {
        edits.extend(lint.replacements(&text).unwrap_or_default());
    }
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    // What an alias repeats is in the file once.
    edits.dedup();
    if edits.is_empty() {
        return Ok(None);
    }
    let overlap = |two: &[Replacement]| two[0].0.end > two[1].0.start;
    if edits.windows(2).any(overlap) {
        bail!("`{}`: two changes of one place", path.display());
    }
    // Backwards, so that offsets stay true.
    for (range, with) in edits.iter().rev() {
        text.replace_range(range.clone(), with);
    }
    Ok(Some(Rewritten { path, text, changes: edits.len() }))
}

/// Reads the new texts as a gateway would.
fn means_the_same(
    file: &Path,
    loaded: &Loaded,
    rewritten: &[Rewritten<'_>],
) -> anyhow::Result<()> {
    let files = &loaded.config.files;
    let text = |path: &Path| -> io::Result<String> {
        if let Some(new) = rewritten.iter().find(|new| new.path == path) {
            return Ok(new.text.clone());
        }
        let number = files.iter().position(|known| known == path);
        let number = number.ok_or(io::ErrorKind::NotFound)?;
        Ok(loaded.sources.text(number).to_owned())
    };
    let untouched = "the files are left as they are: what would be written";
    let again = config::load_from(file, &Overrides::default(), &text)
        .map_err(|faults| anyhow!("{untouched} is refused\n{faults}"))?;
    if !again.config.means_the_same(&loaded.config) {
        bail!("{untouched} would mean something else");
    }
    Ok(())
}

/// By rename, so that a gateway that reads it sees the old or the new file.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = path.display();
    let context = || format!("`{shown}` cannot be written");
    // A link stays one.
    let path = fs::canonicalize(path).with_context(context)?;
    // Hidden, so that `rule_files: rules.d/*` does not see it.
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".asgard-fmt");
    let beside = path.with_file_name(name);
    let written = write_beside(&beside, &path, text);
    let written = written.and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        let _ = fs::remove_file(&beside); // what failed is told below
    }
    written.with_context(context)
}

/// A new file with owner and rights of another: who reads that one, reads this.
fn write_beside(beside: &Path, like: &Path, text: &str) -> io::Result<()> {
    let old = fs::metadata(like)?;
    match fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error);
        }
        _ => {} // left by a run that was ended
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside)?;
    file.write_all(text.as_bytes())?;
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        fchown(&file, Some(old.uid()), Some(old.gid()))?;
    }
    file.set_permissions(old.permissions())?;
    file.sync_all()
}
