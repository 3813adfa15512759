//! `asgard rules test`: the unit tests of a file.

use anyhow::bail;
use asgard_policy::gate::case::Outcome;
use serde::Serialize;

use super::{Common, Form, facts, jsonl, load};
use crate::{exit::Exit, output::Out};

#[derive(Serialize)]
struct Shown<'o> {
    name: &'o str,
    passed: bool,
    action: &'static str,
    rule: Option<&'o str>,
    weight: i64,
    differences: &'o [String],
}

impl<'o> From<&'o Outcome> for Shown<'o> {
    fn from(of: &'o Outcome) -> Self {
        Self {
            name: &of.name,
            passed: of.passed(),
            action: of.action.as_str(),
            rule: of.rule.as_deref(),
            weight: of.weight,
            differences: &of.differences,
        }
    }
}

pub(super) fn run(options: &Common, out: &mut Out) -> anyhow::Result<Exit> {
    let loaded = load(&options.file, options.output, out)?;
    let mmdb = options.mmdb.as_deref();
    let shown = (options.output, &mut *out);
    let facts = facts::load(&loaded, &options.file, mmdb, shown)?;
    let outcomes = loaded.policy.run_tests(&facts);
    let shown = outcomes.iter().map(Shown::from);
    match options.output {
        Form::Json => out.json(&shown.collect::<Vec<_>>())?,
        Form::Jsonl => jsonl(shown, out)?,
        Form::Table => {
            for outcome in &outcomes {
                let word = if outcome.passed() { "ok" } else { "FAILED" };
                out.line(format!("{word}  {}", outcome.name))?;
                for difference in &outcome.differences {
                    out.line(format!("        {difference}"))?;
                }
            }
        }
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    if failed > 0 {
        bail!("{failed} of {} tests failed", outcomes.len());
    }
    if options.output == Form::Table {
        out.line(format!("{} tests passed", outcomes.len()))?;
    }
    Ok(Exit::Ok)
}
