//! `asgard rules check`: faults and remarks, and what the rules may cost.

use anyhow::anyhow;

use asgard_gateway::config::Loaded;
use asgard_policy::gate::{Databases as _, Visit};

use super::{Check, Form, facts::Facts, load, show};
use crate::{
    exit::{Exit, usage},
    output::Out,
};

pub(super) fn run(options: &Check, out: &mut Out) -> anyhow::Result<Exit> {
    let common = &options.common;
    let mut loaded = load(&common.file, common.output, out)?;
    let facts = Facts::load(&loaded.config, common.mmdb.as_deref())?;
    own_networks(&mut loaded, &facts);
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

/// Adds the remarks on rules that refuse the operator's own networks by what
/// databases and files say of them: their AS, country, lists.
fn own_networks(loaded: &mut Loaded, facts: &Facts) {
    let policy = &loaded.policy;
    for (name, prefix) in policy.own_networks() {
        let address = prefix.network();
        let known = facts.facts(address);
        let lists = facts.membership(address);
        let visit = Visit {
            asn: known.asn,
            asn_org: &known.org,
            score: known.score,
            level: known.level,
            country: known.country,
            lists: &lists,
            ..Visit::of(address)
        };
        let Some(remark) = policy.remark_on_own(name, visit) else { continue };
        let is_told = loaded
            .lints
            .iter()
            .any(|told| (told.code, told.place) == (remark.code, remark.place));
        if !is_told {
            loaded.lints.push(remark);
        }
    }
}
