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
    space::text::{BadLine, Input, push_prefix, push_range_lines},
};

use crate::{
    cli::Aggregate,
    exit::{Exit, usage},
    output::Out,
};

/// Bytes that are read and written at a time.
const PORTION: usize = 1 << 17;
/// Longest line.
const MAX_LINE: usize = 1 << 16;
/// Size of a list for which room is made at once.
const MOST_EXPECTED: u64 = 1 << 28;

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
    let mut text = Vec::with_capacity(PORTION + 64);
    if options.ranges {
        push_range_lines(&mut text, set.view());
    }
    for prefix in set.prefixes().filter(|_| !options.ranges) {
        push_prefix(&mut text, prefix);
        text.push(b'\n');
        if text.len() >= PORTION {
            out.bytes(&text)?;
            text.clear();
        }
    }
    out.bytes(&text)?;
    Ok(Exit::Ok)
}

/// All lists as one set.
fn read(files: &[PathBuf]) -> Result<AddressSet> {
    let mut input = Input::default();
    for file in files {
        load(file, &mut input)
            .with_context(|| format!("cannot read {}", file.display()))?;
        if input.bad_count() > 0 {
            bail!(complaint(file, input.bad_lines(), input.bad_count()));
        }
    }
    Ok(input.into_set())
}

fn load(file: &Path, input: &mut Input) -> Result<()> {
    if file == Path::new("-") {
        return portions(io::stdin().lock(), input);
    }
    let file = File::open(file)?;
    let bytes = file.metadata()?.len();
    input.expect_bytes(usize::try_from(bytes.min(MOST_EXPECTED))?);
    portions(file, input)
}

/// Reads a list by portions: it is never in memory as a whole.
fn portions(mut from: impl Read, input: &mut Input) -> Result<()> {
    let mut buffer = vec![0; PORTION + MAX_LINE];
    let mut kept = 0;
    input.begin();
    loop {
        let read = match from.read(&mut buffer[kept..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                continue;
            }
            read => read?,
        };
        if read == 0 {
            input.end(&buffer[..kept]);
            return Ok(());
        }
        let filled = kept + read;
        let rest = input.read_lines(&buffer[..filled]).len();
        if rest > MAX_LINE {
            bail!("a line of more than {MAX_LINE} bytes");
        }
        buffer.copy_within(filled - rest..filled, 0);
        kept = rest;
    }
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
