//! Options of `mrt`, `synth` and `live`: routes as they are printed and invented.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options of `mrt`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Mrt {
    /// Files, in any compression; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Form of the output, one line for each route or state.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: MrtForm,
    /// What the files are; `auto` takes lines that begin with `{"` for
    /// messages of RIS Live, and all else for MRT.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) from: MrtSource,
}

/// Options of `synth`; `--as-of DATE` is the day on which its data end.
#[derive(Clone, Debug, Args)]
pub(crate) struct Synth {
    /// A new or empty directory, for `--mirror`.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Networks.
    #[arg(long, default_value_t = 5_000, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(60..=100_000))]
    pub(crate) ases: u32,
    /// Announced prefixes, about.
    #[arg(long, default_value_t = 60_000, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..=3_000_000))]
    pub(crate) prefixes: u32,
    /// Peers that give the collector all their routes.
    #[arg(long, default_value_t = 20, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..=180))]
    pub(crate) peers: u32,
    /// Days in which things happen.
    #[arg(long, default_value_t = 7, value_name = "DAYS",
          value_parser = clap::value_parser!(u16).range(0..=90))]
    pub(crate) days: u16,
    /// Start of all random numbers: equal options give equal files.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub(crate) seed: u64,
    /// Incidents of each kind.
    #[arg(long, default_value_t = 12, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(0..=200))]
    pub(crate) events: u32,
    /// Plant nothing: only what happens on every day.
    #[arg(long, conflicts_with = "events")]
    pub(crate) clean: bool,
}

/// Options of `live`.
#[derive(Debug, Args)]
pub(crate) struct Live {
    /// Where to listen, ws:// or wss://.
    #[arg(default_value = asgard_ingest::live::RIS_LIVE, value_name = "URL")]
    pub(crate) url: String,
    /// Only what this collector hears, like rrc00; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
    /// Form of the output; `raw` is what `mrt` and a mirror read again.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: LiveForm,
    /// Stop after so many seconds instead of at Ctrl-C.
    #[arg(long, value_name = "N")]
    pub(crate) seconds: Option<u64>,
}

/// Forms of live routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LiveForm {
    /// The columns of `bgpdump -m`.
    Text,
    /// A JSON object on each line, with every attribute that is read.
    Jsonl,
    /// The messages as they come, one on each line.
    Raw,
}

/// Forms of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MrtForm {
    /// The columns of `bgpdump -m`.
    Text,
    /// A JSON object on each line, with every attribute that is read.
    Jsonl,
}

/// Kinds of BGP data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MrtSource {
    /// As the first bytes tell.
    Auto,
    /// RFC 6396.
    Mrt,
    /// JSON lines.
    RisLive,
}
