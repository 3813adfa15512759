//! `asgard rules`: rules of the gateway, without a gateway.
//!
//! Everything works offline and comes to the verdict of the server: it is the
//! same policy, compiled from the same file. Exit codes: 2 for a file that is
//! refused, 1 for a test that fails.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use asgard_gateway::config::{self, Loaded, Overrides};
use asgard_policy::{Diagnostic, Sources};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use crate::{
    exit::{Exit, usage},
    output::Out,
};

mod check;
mod explain;
mod facts;
mod fmt;
mod log_line;
mod replay;
mod test;

/// What to do with rules.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum RulesAction {
    /// Say what is wrong with a file, and what is odd; exit code 0 or 2.
    Check(Check),
    /// Run the unit tests of a file (`tests:`); exit code 1 if one fails.
    Test(Common),
    /// Say what happens to one request, rule by rule.
    Explain(Explain),
    /// Say what would have happened to the requests of an access log.
    Replay(Replay),
    /// Rewrite spellings of others in the canonical form.
    Fmt(Fmt),
}

/// What every command wants.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// The configuration of a gateway.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// ASN database instead of the configured one.
    #[arg(long, value_name = "MMDB")]
    pub(crate) mmdb: Option<PathBuf>,
    /// Form of the output.
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) output: Form,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people.
    Table,
    /// One document.
    Json,
    /// One document a line.
    Jsonl,
}

/// Options of `check`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Remarks refuse the file, too.
    #[arg(long)]
    pub(crate) deny_lint: bool,
}

/// Options of `explain`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Address of the client.
    #[arg(long)]
    pub(crate) ip: std::net::IpAddr,
    /// Path, with or without a query.
    #[arg(long, default_value = "/")]
    pub(crate) path: String,
    /// Method.
    #[arg(long, default_value = "GET")]
    pub(crate) method: String,
    /// Host.
    #[arg(long, default_value = "")]
    pub(crate) host: String,
    /// User agent.
    #[arg(long, default_value = "")]
    pub(crate) ua: String,
    /// A header, as `name=value`; may be repeated.
    #[arg(long, value_name = "K=V")]
    pub(crate) header: Vec<String>,
    /// AS number instead of that of the database; 0 is "not announced".
    #[arg(long)]
    pub(crate) asn: Option<u32>,
    /// Score instead of that of the database.
    #[arg(long)]
    pub(crate) score: Option<u8>,
    /// Country instead of that of the database.
    #[arg(long)]
    pub(crate) country: Option<asgard_model::CountryCode>,
    /// The crawler that it is proved to be.
    #[arg(long)]
    pub(crate) crawler: Option<String>,
}

/// Options of `replay`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Access log: combined, or one JSON object a line; `-` is stdin.
    #[arg(value_name = "LOG")]
    pub(crate) log: PathBuf,
    /// Show requests whose outcome differs from that of these rules.
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// Example lines for each rule.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) examples: usize,
}

/// Options of `fmt`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Fmt {
    /// The configuration of a gateway.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Change nothing; exit code 1 if something would change.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Does it. Blocking: it reads files and nothing else.
pub(crate) fn run(action: RulesAction, out: &mut Out) -> anyhow::Result<Exit> {
    match action {
        RulesAction::Check(options) => check::run(&options, out),
        RulesAction::Test(options) => test::run(&options, out),
        RulesAction::Explain(options) => explain::run(&options, out),
        RulesAction::Replay(options) => replay::run(&options, out),
        RulesAction::Fmt(options) => fmt::run(&options, out),
    }
}

/// Loads a file; if it is refused, the faults are shown and the exit code is 2.
fn load(file: &Path, form: Form, out: &mut Out) -> anyhow::Result<Loaded> {
    match config::load(file, &Overrides::default()) {
        Ok(loaded) => Ok(loaded),
        Err(faults) => {
            show(&faults.diagnostics, &faults.sources, form, out)?;
            Err(refused(file, &faults.diagnostics))
        }
    }
}

fn refused(file: &Path, found: &[Diagnostic]) -> anyhow::Error {
    let count = found.iter().filter(|found| found.is_error()).count();
    let s = if count == 1 { "" } else { "s" };
    usage(anyhow!("`{}` is refused: {count} error{s}", file.display()))
}

/// A fault or a remark, for programs.
#[derive(Serialize)]
struct Shown<'d> {
    severity: &'static str,
    code: &'static str,
    message: &'d str,
    file: &'d str,
    line: Option<usize>,
    column: Option<usize>,
    context: &'d str,
    hint: &'d str,
    fix: &'d str,
}

impl<'d> Shown<'d> {
    fn new(of: &'d Diagnostic, sources: &'d Sources) -> Self {
        let place = of.place.map(|place| sources.line_column(place));
        Self {
            severity: of.severity.as_str(),
            code: of.code,
            message: &of.message,
            file: of.place.map_or("", |place| sources.name(place.file)),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            context: &of.context,
            hint: &of.hint,
            fix: &of.fix,
        }
    }
}

fn show(
    found: &[Diagnostic],
    sources: &Sources,
    form: Form,
    out: &mut Out,
) -> anyhow::Result<()> {
    let shown = || found.iter().map(|found| Shown::new(found, sources));
    match form {
        Form::Table if found.is_empty() => {}
        Form::Table => out.line(sources.render_all(found))?,
        Form::Json => out.json(&shown().collect::<Vec<_>>())?,
        Form::Jsonl => jsonl(shown(), out)?,
    }
    Ok(())
}

/// One document a line.
fn jsonl<T: Serialize>(
    items: impl Iterator<Item = T>,
    out: &mut Out,
) -> anyhow::Result<()> {
    for item in items {
        out.line(serde_json::to_string(&item)?)?;
    }
    Ok(())
}
