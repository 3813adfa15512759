//! `asgard feed aggregate`: many lists of addresses into the shortest one.
//!
//! Hosts, prefixes and ranges of both families, in any order, are merged;
//! `--except` takes addresses out, by exact splitting. Nothing is printed when
//! any line of any list cannot be read: half a list is not a list.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use asgard_policy::{
    AddressSet,
    space::text::{BadLine, Input, push_lines, push_range_lines},
};

use crate::{
    cli::Aggregate,
    exit::{Exit, usage},
    output::Out,
};

/// Most bytes of one list: sixty times a million lines.
const MAX_BYTES: u64 = 1 << 30;

pub(crate) fn run(options: &Aggregate, out: &mut Out) -> Result<Exit> {
    let stdin = Path::new("-");
    let all = options.files.iter().chain(&options.except);
    if all.filter(|file| *file == stdin).count() > 1 {
        bail!(usage(anyhow::anyhow!("standard input can be read once only")));
    }
    let set = read(&options.files)?;
    let set = match options.except.is_empty() {
        true => set,
        false => set.subtract(&read(&options.except)?),
    };
    let mut text = Vec::new();
    if options.ranges {
        push_range_lines(&mut text, set.view());
    } else {
        push_lines(&mut text, set.view());
    }
    out.bytes(&text)?;
    Ok(Exit::Ok)
}

/// All lists as one set.
fn read(files: &[PathBuf]) -> Result<AddressSet> {
    let mut input = Input::default();
    for file in files {
        let text = load(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        input.read(&text);
        if input.bad_count() > 0 {
            bail!(complaint(file, input.bad_lines(), input.bad_count()));
        }
    }
    Ok(input.into_set())
}

fn load(file: &Path) -> Result<Vec<u8>> {
    if file == Path::new("-") {
        return within_limit(io::stdin().lock());
    }
    within_limit(File::open(file)?)
}

fn within_limit(from: impl Read) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let read = from.take(MAX_BYTES + 1).read_to_end(&mut text)?;
    if u64::try_from(read)? > MAX_BYTES {
        bail!("more than {} MiB; split the list", MAX_BYTES >> 20);
    }
    Ok(text)
}

/// What is wrong, a line each, in the form that editors jump to.
fn complaint(file: &Path, bad: &[BadLine], count: usize) -> String {
    let mut text = format!("nothing is printed, {count} bad lines:");
    for BadLine { number, text: line, reason } in bad {
        let place = format!("{}:{number}", file.display());
        text.push_str(&format!("\n{place}: {reason}: `{line}`"));
    }
    if count > bad.len() {
        text.push_str(&format!("\n… and {} more", count - bad.len()));
    }
    text
}
