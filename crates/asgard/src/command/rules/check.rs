//! `asgard rules check`: faults and remarks, and what the rules may cost.

use anyhow::anyhow;

use super::{Check, Form, load, show};
use crate::{
    exit::{Exit, usage},
    output::Out,
};

pub(super) fn run(options: &Check, out: &mut Out) -> anyhow::Result<Exit> {
    let common = &options.common;
    let loaded = load(&common.file, common.output, out)?;
    show(&loaded.lints, &loaded.sources, common.output, out)?;
    if options.deny_lint && !loaded.lints.is_empty() {
        let count = loaded.lints.len();
        let file = common.file.display();
        return Err(usage(anyhow!("`{file}` is refused: {count} remarks")));
    }
    if common.output == Form::Table {
        out.line(format!(
            "ok: {} rules, {} tests, {} remarks; all expressions together cost \
             at most {} units",
            loaded.policy.rule_count(),
            loaded.policy.tests().len(),
            loaded.lints.len(),
            loaded.policy.cost(),
        ))?;
    }
    Ok(Exit::Ok)
}
