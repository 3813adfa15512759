//! `asgard rules fmt`: spellings of others in the canonical form.
//!
//! Only what a remark proposes is changed; comments and layout stay. A file
//! that is refused is not touched.

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context, bail};

use super::{Fmt, Form, load};
use crate::{exit::Exit, output::Out};

pub(super) fn run(options: &Fmt, out: &mut Out) -> anyhow::Result<Exit> {
    let loaded = load(&options.file, Form::Table, out)?;
    let mut edits: Vec<_> =
        loaded.lints.iter().flat_map(|lint| &lint.edits).collect();
    edits.sort_by_key(|(place, _)| *place);
    edits.dedup();
    let mut changed = 0;
    for (number, path) in loaded.config.files.iter().enumerate() {
        let mut text = loaded.sources.text(number).to_owned();
        // Backwards, so that offsets stay true.
        let own = edits.iter().rev().filter(|(place, _)| place.file == number);
        let mut count = 0;
        for (place, replacement) in own {
            if !is_one_piece(&text[place.start..place.end]) {
                continue;
            }
            text.replace_range(place.start..place.end, replacement);
            count += 1;
        }
        if count == 0 {
            continue;
        }
        changed += count;
        out.line(format!("{}: {count} changes", path.display()))?;
        if !options.check {
            write(path, &text)?;
        }
    }
    if options.check && changed > 0 {
        bail!("{changed} changes would be made");
    }
    Ok(Exit::Ok)
}

/// A word, or a mapping between braces: what is spread over lines is left to
/// its author.
fn is_one_piece(text: &str) -> bool {
    let braces = text.starts_with('{') && text.ends_with('}');
    !text.contains('\n') && (braces || !text.contains(':'))
}

/// By rename, so that a gateway that reads it sees the old or the new file.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = path.display();
    let context = || format!("`{shown}` cannot be written");
    let mut name = path.as_os_str().to_owned();
    name.push(".asgard-fmt");
    let beside = Path::new(&name);
    let mut file = fs::File::create(beside).with_context(context)?;
    file.write_all(text.as_bytes()).with_context(context)?;
    let permissions = fs::metadata(path).with_context(context)?.permissions();
    file.set_permissions(permissions).with_context(context)?;
    file.sync_all().with_context(context)?;
    fs::rename(beside, path).with_context(context)
}
