//! Options of `lookup`, `why`, `top` and `mmdb`: what is asked without a server.

use std::path::PathBuf;

use asgard_model::CountryCode;
use clap::{Args, Subcommand, ValueEnum};

/// Options of `lookup` and `why`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Query {
    /// AS number (`AS15169`, `15169`), address or prefix.
    #[arg(required = true, value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// How results are written.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Output {
    /// Form of the output.
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) output: Form,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people; tab-separated when stdout is no terminal.
    Table,
    /// For programs.
    Json,
}

/// Options of `top`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Top {
    /// The lowest scores (default).
    #[arg(long, conflicts_with = "best")]
    pub(crate) worst: bool,
    /// The highest scores.
    #[arg(long)]
    pub(crate) best: bool,
    /// How many.
    #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
    pub(crate) count: usize,
    /// Only networks registered in this country.
    #[arg(long, value_name = "CC")]
    pub(crate) country: Option<CountryCode>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What to do with MaxMind DB files.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum MmdbAction {
    /// Every announced network with its AS, and what else is asked for.
    Build(MmdbBuild),
}

/// Options of `mmdb build`.
#[derive(Clone, Debug, Args)]
pub(crate) struct MmdbBuild {
    /// The file; it is replaced whole.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// What a record says, separated by commas.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "number,org,score,level,country",
        value_name = "number,org,score,level,country"
    )]
    pub(crate) fields: Vec<asgard_model::mmdb::Field>,
    /// Type of the database; some readers want to see a known name in it.
    #[arg(
        long,
        default_value = asgard_model::mmdb::DATABASE_TYPE,
        value_name = "TYPE"
    )]
    pub(crate) database_type: String,
}
