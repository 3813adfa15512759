//! `asgard rules check`: faults and remarks, and what the rules may cost.

use anyhow::anyhow;

use asgard_gateway::{
    Data, Membership,
    config::{self, Loaded, Overrides},
};
use asgard_policy::{
    Diagnostic, Sources,
    gate::{Databases as _, Policy, RuleIndex, Visit},
};
use serde::Serialize;

use super::{Check, Form, Shown, facts, jsonl, refused, show};
use crate::{
    exit::{Exit, usage},
    output::Out,
};

/// How many of the dearest rules people are shown.
const DEAREST: usize = 5;

/// What was found, for programs.
#[derive(Serialize)]
struct Report<'r> {
    diagnostics: Vec<Shown<'r>>,
    /// `null` if the file is refused.
    policy: Option<Costs<'r>>,
}

#[derive(Serialize)]
struct Costs<'r> {
    /// Of all expressions together, in units.
    cost: u64,
    tests: usize,
    rules: Vec<RuleCost<'r>>,
}

/// What the expressions of one rule may cost, in units.
#[derive(Serialize)]
struct RuleCost<'r> {
    rule: &'r str,
    file: &'r str,
    line: Option<usize>,
    cost: u64,
}

pub(super) fn run(options: &Check, out: &mut Out) -> anyhow::Result<Exit> {
    let common = &options.common;
    let mut loaded = match config::load(&common.file, &Overrides::default()) {
        Ok(loaded) => loaded,
        Err(faults) => {
            let found = &faults.diagnostics;
            report(found, &faults.sources, None, (common.output, out))?;
            return Err(refused(&common.file, found));
        }
    };
    let (data, faults) = facts::read(&loaded, common.mmdb.as_deref());
    own_networks(&mut loaded, &data);
    loaded.lints.extend(faults);
    let Loaded { lints: found, sources, policy, .. } = &loaded;
    let is_refused = found.iter().any(Diagnostic::is_error);
    let good = (!is_refused).then_some(&**policy);
    report(found, sources, good, (common.output, out))?;
    if is_refused {
        return Err(refused(&common.file, found));
    }
    if options.deny_lint && !found.is_empty() {
        let count = found.len();
        let file = common.file.display();
        return Err(usage(anyhow!("`{file}` is refused: {count} remarks")));
    }
    if common.output == Form::Table {
        table(policy, sources, found.len(), out)?;
    }
    Ok(Exit::Ok)
}

fn report(
    found: &[Diagnostic],
    sources: &Sources,
    policy: Option<&Policy>,
    (form, out): (Form, &mut Out),
) -> anyhow::Result<()> {
    match form {
        Form::Table => show(found, sources, form, out),
        Form::Json => {
            let shown = found.iter().map(|found| Shown::new(found, sources));
            Ok(out.json(&Report {
                diagnostics: shown.collect(),
                policy: policy.map(|policy| Costs {
                    cost: policy.cost(),
                    tests: policy.tests().len(),
                    rules: costs(policy, sources),
                }),
            })?)
        }
        Form::Jsonl => {
            show(found, sources, form, out)?;
            let rules = policy.map(|policy| costs(policy, sources));
            jsonl(rules.into_iter().flatten(), out)
        }
    }
}

fn costs<'r>(policy: &'r Policy, sources: &'r Sources) -> Vec<RuleCost<'r>> {
    let cost = |rule: RuleIndex| {
        let place = policy.rule_place(rule);
        RuleCost {
            rule: policy.rule_name(rule),
            file: place.map_or("", |place| sources.name(place.file)),
            line: place.map(|place| sources.line_column(place).0),
            cost: policy.rule_cost(rule),
        }
    };
    (0..policy.rule_count()).map(|n| cost(RuleIndex(n))).collect()
}

fn table(
    policy: &Policy,
    sources: &Sources,
    remarks: usize,
    out: &mut Out,
) -> anyhow::Result<()> {
    out.line(format!(
        "ok: {} rules, {} tests, {remarks} remarks; all expressions together \
         cost at most {} units",
        policy.rule_count(),
        policy.tests().len(),
        policy.cost(),
    ))?;
    let mut dearest = costs(policy, sources);
    dearest.retain(|rule| rule.cost > 0);
    dearest.sort_by_key(|rule| std::cmp::Reverse(rule.cost));
    if dearest.len() < 2 {
        return Ok(()); // the sum says it all
    }
    let row = |rule: &RuleCost<'_>| {
        let line = rule.line.map_or(String::new(), |line| format!(":{line}"));
        let place = format!("{}{line}", rule.file);
        vec![rule.rule.to_owned(), rule.cost.to_string(), place]
    };
    let rows = dearest.iter().take(DEAREST).map(row).collect();
    out.line("")?;
    Ok(out.table(&["dearest", "units", "place"], rows)?)
}

/// Adds the remarks on rules that refuse the operator's own networks by what
/// databases and files say of them: their AS, country, lists.
fn own_networks(loaded: &mut Loaded, data: &Data) {
    let policy = &loaded.policy;
    for (name, prefix) in policy.own_networks() {
        let address = prefix.network();
        let known = data.facts(address);
        let lists = Membership { data, address };
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
