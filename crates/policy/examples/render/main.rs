//! Writes a list in any format, without a server: what the tests with real
//! tools load.
//!
//! ```text
//! render FORMAT [OPTION…] < lines        the body to standard output
//! render --all DIR [OPTION…] < lines     every format to DIR/<name>
//!
//! OPTION: --comments --no-suffix --list NAME --max N --confirm
//! ```
//!
//! Lines are `prefix[,origin[,asn[,score]]]` or begin with a range. Formats
//! that refuse the lines are left out by `--all`, with the reason on standard
//! error.

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
};

use asgard_policy::feed::{
    entry::Listing,
    format::{Confirm, Format, Options},
};

mod listing;

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(io::stderr(), "render: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let mut names = Vec::new();
    let mut all = None;
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments.next().ok_or_else(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--all" => all = Some(value()?),
            "--comments" => options.comments = true,
            "--no-suffix" => options.host_suffix = false,
            "--confirm" => options.confirm = Confirm::Bgp,
            "--list" => {
                options.list = value()?.parse().map_err(|e| format!("{e}"))?;
            }
            "--max" => {
                let text = value()?;
                let number = text.parse().map_err(|e| format!("{e}"))?;
                options.max_entries = Some(number);
            }
            _ => names.push(argument),
        }
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map_err(|e| e.to_string())?;
    let listing = listing::read(&text)?;
    match (all, names.as_slice()) {
        (Some(directory), []) => {
            write_all(&listing, &options, Path::new(&directory))
        }
        (None, [name]) => write_one(&listing, &options, name),
        _ => Err("one FORMAT, or --all DIR".to_owned()),
    }
}

fn write_one(
    listing: &Listing,
    options: &Options,
    name: &str,
) -> Result<(), String> {
    let format = Format::from_segment(name)
        .ok_or_else(|| format!("`{name}` is not a format"))?;
    let rendered =
        format.render(listing, options).map_err(|e| e.to_string())?;
    io::stdout().write_all(&rendered.bytes).map_err(|e| e.to_string())
}

fn write_all(
    listing: &Listing,
    options: &Options,
    directory: &Path,
) -> Result<(), String> {
    fs::create_dir_all(directory).map_err(|e| e.to_string())?;
    for (name, format) in Format::VALUES {
        match format.render(listing, options) {
            Ok(rendered) => {
                fs::write(directory.join(name), rendered.bytes)
                    .map_err(|e| format!("{name}: {e}"))?;
            }
            Err(error) => {
                let _ = writeln!(io::stderr(), "left out: {error}");
            }
        }
    }
    Ok(())
}
