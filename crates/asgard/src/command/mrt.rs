//! `asgard mrt`: what files of BGP data say, one line for each route.
//!
//! MRT in any compression, and messages of RIS Live; `-` is standard input.
//! Nothing is kept in memory, so no file is too large. A file that is damaged
//! is named on stderr with the place, after the lines of what came before it.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    ops::ControlFlow,
    path::Path,
};

use anyhow::{Context, Result};
use asgard_ingest::{
    decompress::{Decompressed, Limits},
    format::{mrt::mrt, ris_live::ris_live},
};
use asgard_routing::event::{Event, json, text};

use crate::{
    cli::{Mrt, MrtForm, MrtSource},
    exit::Exit,
    output::Out,
};

/// Bytes that are written, and read, at once.
const CHUNK: usize = 1 << 16;
/// What is decompressed is written and forgotten: there is nothing to protect.
const LIMITS: Limits = Limits { max_bytes: u64::MAX, max_ratio: u64::MAX };

pub(crate) fn run(mrt: &Mrt, out: &mut Out) -> Result<Exit> {
    let mut lines = Lines { out, form: mrt.output, buffer: Vec::new() };
    let mut incomplete = false;
    for file in &mrt.files {
        let name = file.display();
        match print(file, mrt.from, &mut lines) {
            Ok(None) => {}
            Ok(Some(less)) => {
                incomplete = true;
                // Nothing can be done if even stderr is closed.
                let _ = writeln!(io::stderr(), "asgard: {name}: {less}");
            }
            Err(Failure::Output(error)) => return Err(error.into()),
            Err(Failure::Input(error)) if mrt.files.len() == 1 => {
                return Err(error.context(name.to_string()));
            }
            Err(Failure::Input(error)) => {
                incomplete = true;
                let _ = writeln!(io::stderr(), "asgard: {name}: {error:#}");
            }
        }
    }
    Ok(if incomplete { Exit::Partial } else { Exit::Ok })
}

/// Who is at fault.
enum Failure {
    Input(anyhow::Error),
    Output(io::Error),
}

/// Prints one file; what was left out of it, if anything was.
fn print(
    file: &Path,
    from: MrtSource,
    lines: &mut Lines<'_>,
) -> Result<Option<String>, Failure> {
    let mut input = open(file).map_err(Failure::Input)?;
    let mut failed = None;
    let mut sink = |event: &Event<'_>| match lines.write(event) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    };
    let is_json = match from {
        MrtSource::Auto => {
            let head = input.fill_buf().context("cannot read it");
            head.map_err(Failure::Input)?.starts_with(b"{\"")
        }
        MrtSource::Mrt => false,
        MrtSource::RisLive => true,
    };
    let read = if is_json {
        ris_live(&mut input, &mut sink)
            .context("cannot read it")
            .map(|report| report.first_bad.map(|bad| (report.skipped, bad)))
            .map(|bad| {
                bad.map(|(count, bad)| {
                    format!(
                        "{count} messages cannot be read and were left out; \
                         the first, line {}: {} (`{}`)",
                        bad.line, bad.reason, bad.text
                    )
                })
            })
    } else {
        mrt(&mut input, &mut sink).map_err(anyhow::Error::from).map(|summary| {
            summary.first_unreadable.map(|(place, why)| {
                format!(
                    "{} messages cannot be read and were left out; the \
                     first, record {} at byte {}: {why}",
                    summary.unreadable, place.record, place.offset
                )
            })
        })
    };
    if let Some(error) = failed {
        return Err(Failure::Output(error));
    }
    // What was read before the damage is printed before it is told.
    lines.flush().map_err(Failure::Output)?;
    read.map_err(Failure::Input)
}

fn open(file: &Path) -> Result<BufReader<Decompressed<Box<dyn Read>>>> {
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).context("cannot open it")?)
    };
    let plain = Decompressed::new(source, LIMITS).context("cannot read it")?;
    Ok(BufReader::with_capacity(CHUNK, plain))
}

/// Lines on their way out.
struct Lines<'o> {
    out: &'o mut Out,
    form: MrtForm,
    buffer: Vec<u8>,
}

impl Lines<'_> {
    fn write(&mut self, event: &Event<'_>) -> io::Result<()> {
        match self.form {
            MrtForm::Text => text::line(event, &mut self.buffer),
            MrtForm::Jsonl => json::line(event, &mut self.buffer),
        }
        if self.buffer.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.bytes(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}
