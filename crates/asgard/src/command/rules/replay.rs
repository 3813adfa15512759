//! `asgard rules replay`: what would have happened to the requests of a log.
//!
//! A log knows less than a gateway: headers beyond user agent, referer and host
//! are missing, and rules that ask for them do not match.

use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader, Read as _, stdin},
    path::Path,
};

use anyhow::Context;
use asgard_gateway::{Data, Membership, config::Loaded};
use asgard_policy::gate::{
    Action, Counts, Databases, Decision, HeaderMap, RuleIndex, Told, Visit,
    path,
};
use serde::Serialize;

use super::{
    Form, Replay, facts, load,
    log_line::{LogLine, parse},
};
use crate::{exit::Exit, output::Out};

/// Longest line, in bytes.
const MAX_LINE: u64 = 65_536;

/// Hits, and the first lines of each rule.
#[derive(Default)]
struct Tally {
    hits: Vec<u64>,
    would_change: Vec<u64>,
    errors: Vec<u64>,
    matched: Vec<RuleIndex>,
}

impl Tally {
    fn new(rules: usize) -> Self {
        Self {
            hits: vec![0; rules],
            would_change: vec![0; rules],
            errors: vec![0; rules],
            matched: Vec::new(),
        }
    }
}

impl Counts for Tally {
    fn hit(&mut self, rule: RuleIndex) {
        self.hits[rule.0] += 1;
        self.matched.push(rule);
    }
    fn would_change(&mut self, rule: RuleIndex) {
        self.would_change[rule.0] += 1;
    }
    fn error(&mut self, rule: RuleIndex, _: &dyn fmt::Display) {
        self.errors[rule.0] += 1;
    }
}

#[derive(Serialize)]
struct Report {
    lines: u64,
    skipped: u64,
    allow: u64,
    deny: u64,
    challenge: u64,
    rules: Vec<RuleReport>,
    changed: Option<Changed>,
}

#[derive(Serialize)]
struct RuleReport {
    rule: String,
    effect: &'static str,
    hits: u64,
    would_change: u64,
    errors: u64,
    examples: Vec<String>,
}

#[derive(Default, Serialize)]
struct Changed {
    count: u64,
    examples: Vec<Change>,
}

#[derive(Serialize)]
struct Change {
    before: &'static str,
    after: &'static str,
    line: String,
}

pub(super) fn run(options: &Replay, out: &mut Out) -> anyhow::Result<Exit> {
    let common = &options.common;
    let new = load(&common.file, common.output, out)?;
    let mmdb = common.mmdb.as_deref();
    let form = common.output;
    let facts = facts::load(&new, &common.file, mmdb, (form, out))?;
    let old = match &options.against {
        Some(file) => {
            let old = load(file, common.output, out)?;
            let facts = facts::load(&old, file, mmdb, (form, out))?;
            Some((old, facts))
        }
        None => None,
    };
    let reader = open(&options.log)?;
    let report = replay(options, (&new, &facts), old.as_ref(), reader)?;
    match common.output {
        Form::Json => out.json(&report)?,
        Form::Jsonl => out.line(serde_json::to_string(&report)?)?,
        Form::Table => table(&report, out)?,
    }
    Ok(Exit::Ok)
}

fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(stdin())));
    }
    let file = File::open(path)
        .with_context(|| format!("the log `{}`", path.display()))?;
    Ok(Box::new(BufReader::with_capacity(1 << 20, file)))
}

fn replay(
    options: &Replay,
    (new, facts): (&Loaded, &Data),
    old: Option<&(Loaded, Data)>,
    mut reader: Box<dyn BufRead>,
) -> anyhow::Result<Report> {
    let rules = new.policy.rule_count();
    let mut tally = Tally::new(rules);
    let mut examples: Vec<Vec<String>> = vec![Vec::new(); rules];
    let mut report = Report {
        lines: 0,
        skipped: 0,
        allow: 0,
        deny: 0,
        challenge: 0,
        rules: Vec::new(),
        changed: old.map(|_| Changed::default()),
    };
    let mut bytes = Vec::new();
    while next_line(&mut reader, &mut bytes)? {
        report.lines += 1;
        let text = String::from_utf8_lossy(&bytes);
        let Some(line) = parse(&text) else {
            report.skipped += 1;
            continue;
        };
        tally.matched.clear();
        let Some(action) = decide(new, facts, &line, &mut tally) else {
            report.skipped += 1;
            continue;
        };
        match action {
            Action::Allow => report.allow += 1,
            Action::Deny => report.deny += 1,
            Action::Challenge => report.challenge += 1,
        }
        for rule in &tally.matched {
            let own = &mut examples[rule.0];
            if own.len() < options.examples {
                own.push(text.clone().into_owned());
            }
        }
        if let (Some((old, facts)), Some(changed)) = (old, &mut report.changed)
        {
            let mut counts = asgard_policy::gate::NoCounts;
            let before = decide(old, facts, &line, &mut counts);
            if let Some(before) = before.filter(|before| *before != action) {
                changed.count += 1;
                if changed.examples.len() < options.examples {
                    changed.examples.push(Change {
                        before: before.as_str(),
                        after: action.as_str(),
                        line: text.into_owned(),
                    });
                }
            }
        }
    }
    report.rules = examples
        .into_iter()
        .enumerate()
        .map(|(n, examples)| RuleReport {
            rule: new.policy.rule_name(RuleIndex(n)).to_owned(),
            effect: new.policy.rule_effect(RuleIndex(n)),
            hits: tally.hits[n],
            would_change: tally.would_change[n],
            errors: tally.errors[n],
            examples,
        })
        .collect();
    Ok(report)
}

/// One line without its end; what is beyond the limit is passed over.
fn next_line(
    reader: &mut Box<dyn BufRead>,
    bytes: &mut Vec<u8>,
) -> std::io::Result<bool> {
    bytes.clear();
    let read = reader.by_ref().take(MAX_LINE).read_until(b'\n', bytes)?;
    if read == 0 {
        return Ok(false);
    }
    if bytes.last() != Some(&b'\n') && bytes.len() as u64 == MAX_LINE {
        reader.skip_until(b'\n')?;
    }
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    Ok(true)
}

/// `None`: a gateway would have answered 400.
fn decide(
    loaded: &Loaded,
    data: &Data,
    line: &LogLine<'_>,
    counts: &mut dyn Counts,
) -> Option<Action> {
    let target = path::parts(&line.target).ok()?;
    let network = data.facts(line.address);
    let lists = Membership { data, address: line.address };
    let mut headers = HeaderMap::default();
    if !line.referer.is_empty() {
        headers.0.insert("referer".into(), line.referer.clone().into_owned());
    }
    let hidden = loaded.policy.hidden();
    let told = Told::new(&line.host, &line.user_agent, headers, hidden);
    let visit = Visit {
        asn: network.asn,
        asn_org: &network.org,
        score: network.score,
        level: network.level,
        country: network.country,
        method: &line.method,
        host: &told.host,
        path: &target.path,
        raw_path: target.raw_path,
        query: target.query,
        user_agent: &told.user_agent,
        headers: &told.headers,
        content_length: told.content_length,
        lists: &lists,
        ..Visit::of(line.address)
    };
    let Decision { intended, .. } = loaded.policy.decide(&visit, counts);
    Some(intended)
}

fn table(report: &Report, out: &mut Out) -> anyhow::Result<()> {
    out.line(format!(
        "{} lines: {} allowed, {} refused, {} challenged, {} not understood",
        report.lines,
        report.allow,
        report.deny,
        report.challenge,
        report.skipped
    ))?;
    out.line("")?;
    let rows = report
        .rules
        .iter()
        .map(|rule| {
            vec![
                rule.rule.clone(),
                rule.effect.to_owned(),
                rule.hits.to_string(),
                rule.would_change.to_string(),
                rule.errors.to_string(),
            ]
        })
        .collect();
    let header = ["rule", "action", "hits", "would change", "errors"];
    out.table(&header, rows)?;
    for rule in report.rules.iter().filter(|rule| !rule.examples.is_empty()) {
        out.line(format!("\n{}:", rule.rule))?;
        for example in &rule.examples {
            out.line(format!("  {example}"))?;
        }
    }
    if let Some(changed) = &report.changed {
        out.line(format!("\n{} requests differ", changed.count))?;
        for change in &changed.examples {
            out.line(format!(
                "  {} -> {}  {}",
                change.before, change.after, change.line
            ))?;
        }
    }
    Ok(())
}
