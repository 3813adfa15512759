//! From what was written to what is evaluated; every fault at once.

use std::collections::HashMap;

use asgard_model::{Asn, CountryCode};

use super::{
    Policy, PolicySource,
    dispatch::Dispatch,
    expression::{Declarations, Program},
    lint,
    matching::{Expression, Matchers},
    pattern,
    policy::{Feature, Needs, Offered, Rule},
    read::MAX_RULES,
    rule::{Effect, ExpressionSource, RuleSource, Written},
    visit::ListIndex,
};
use crate::diagnostic::{Diagnostic, Place, did_you_mean};

pub(super) fn policy(
    source: &PolicySource,
    offered: &Offered,
) -> Result<(Policy, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut compiler = Compiler {
        offered,
        declarations: Declarations::of_rules(offered),
        found: Vec::new(),
        paths: 0,
        agents: 0,
        cost: 0,
    };
    compiler.whole(source);
    let rules: Vec<Option<Rule>> = source
        .rules
        .iter()
        .take(MAX_RULES)
        .map(|rule| compiler.rule(source, rule))
        .collect();
    let (mut found, cost) = (compiler.found, compiler.cost);
    if found.iter().any(Diagnostic::is_error) {
        return Err(found);
    }
    let rules: Vec<Rule> = rules.into_iter().flatten().collect();
    let needs = rules.iter().fold(Needs::default(), |n, r| n.and(r.needs));
    let policy = Policy {
        mode: source.mode,
        default_action: source.default_action,
        auto_challenge: source.auto_challenge.clone(),
        exempt_paths: source.exempt_paths.clone(),
        dispatch: Dispatch::new(&rules),
        rules,
        needs,
        cost,
        tests: source.tests.clone(),
        lists: offered.lists.clone(),
        entries: offered.entries.clone(),
        own_networks: offered.own_networks.clone(),
        feeds: offered.feeds.clone(),
        hidden: offered.hidden.clone(),
    };
    found.extend(lint::lint(&policy, offered));
    Ok((policy, found))
}

struct Compiler<'o> {
    offered: &'o Offered,
    declarations: Declarations<'o>,
    found: Vec<Diagnostic>,
    /// Patterns so far: numbers in the sets.
    paths: usize,
    agents: usize,
    cost: u64,
}

impl Compiler<'_> {
    fn fault(
        &mut self,
        rule: &RuleSource,
        place: Place,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let fault = Diagnostic::error(code, message)
            .at(place)
            .within(context(rule))
            .hint(hint);
        self.found.push(fault);
    }

    /// What concerns more than one rule.
    fn whole(&mut self, source: &PolicySource) {
        if source.rules.len() > MAX_RULES {
            let message = format!(
                "{} rules, at most {MAX_RULES} are allowed",
                source.rules.len()
            );
            self.found.push(Diagnostic::error("E006", message));
        }
        let mut names: HashMap<&str, ()> = HashMap::new();
        for rule in &source.rules {
            if names.insert(&rule.name.value, ()).is_some() {
                let place = rule.name.place;
                let message = format!("two rules `{}`", rule.name.value);
                let hint = "names are unique: counters carry them";
                self.fault(rule, place, "E108", message, hint);
            }
        }
        self.weights(source);
        self.tests(source, &names);
    }

    fn weights(&mut self, source: &PolicySource) {
        let auto = &source.auto_challenge;
        let weighs = source
            .rules
            .iter()
            .find(|rule| matches!(rule.effect, Effect::Weigh(_)));
        if let Some(rule) = weighs
            && (!auto.enabled || auto.thresholds.is_empty())
        {
            let message = match auto.enabled {
                false => "a rule says WEIGH, but auto_challenge is off",
                true => "a rule says WEIGH, but there is no threshold",
            };
            let fault = Diagnostic::error("E121", message)
                .at(rule.name.place)
                .within(context(rule))
                .fix("set auto_challenge.enabled: true and a threshold");
            self.found.push(fault);
        }
        let mut seen = std::collections::HashSet::new();
        for threshold in &auto.thresholds {
            if !seen.insert(threshold.threshold) {
                let message =
                    format!("two thresholds at {}", threshold.threshold);
                let fault = Diagnostic::error("E156", message)
                    .at(threshold.place)
                    .within(format!("threshold {:?}", threshold.name))
                    .hint("a weight leads to one challenge: remove one");
                self.found.push(fault);
            }
        }
    }

    fn tests(&mut self, source: &PolicySource, names: &HashMap<&str, ()>) {
        let offered = self.offered;
        for test in &source.tests {
            let context = format!("test {:?}", test.name.value);
            let mut check = |written: &Written<String>,
                             known: Vec<&str>,
                             what: &str| {
                if known.contains(&written.value.as_str()) {
                    return;
                }
                let near = did_you_mean(&written.value, known.iter().copied());
                let hint = near.map_or_else(String::new, |near| {
                    format!("did you mean `{near}`?")
                });
                let message = format!("there is no {what} `{}`", written.value);
                let fault = Diagnostic::error("E109", message)
                    .at(written.place)
                    .within(&context);
                self.found.push(fault.hint(hint));
            };
            let texts = |all: &'_ [String]| -> Vec<String> { all.to_vec() };
            let (lists, feeds) = (texts(&offered.lists), texts(&offered.feeds));
            if let Some(Some(rule)) = &test.rule {
                check(rule, names.keys().copied().collect(), "rule");
            }
            for list in test.in_lists.iter().flatten() {
                let known = lists.iter().map(String::as_str).collect();
                check(list, known, "ip list");
            }
            for feed in test.in_feeds.iter().flatten() {
                let known = feeds.iter().map(String::as_str).collect();
                check(feed, known, "feed");
            }
            if let Some(crawler) = &test.crawler {
                let known = offered.crawlers.iter().map(String::as_str);
                check(crawler, known.chain([""]).collect(), "crawler");
            }
        }
    }

    fn rule(
        &mut self,
        source: &PolicySource,
        rule: &RuleSource,
    ) -> Option<Rule> {
        let before = self.found.len();
        let cheaper = self.cost;
        let mut needs = Needs::default();
        let network = self.network(rule, &mut needs);
        let geoip = self.geoip(rule, &mut needs);
        let ip_list = self.ip_list(rule);
        let expression = self.expression(rule, &mut needs);
        self.exact_path(rule);
        let path_regex = self.pattern(rule, rule.path_regex.as_ref());
        let path_regex = path_regex.map(|regex| {
            self.paths += 1;
            (regex, self.paths - 1)
        });
        let agent = self.pattern(rule, rule.user_agent_regex.as_ref());
        let user_agent_regex = agent.map(|regex| {
            self.agents += 1;
            (regex, self.agents - 1)
        });
        let headers = rule.headers_regex.iter().flatten();
        let headers_regex = headers
            .filter_map(|(name, pattern)| {
                Some((name.value.clone(), self.pattern(rule, Some(pattern))?))
            })
            .collect();
        let mut matchers = Matchers {
            network,
            geoip,
            ip_list,
            path: rule.path.as_ref().map(|path| path.value.clone()),
            user_agent: rule.user_agent.as_ref().map(|ua| ua.value.clone()),
            path_regex,
            user_agent_regex,
            headers_regex,
            expression,
            only_expression: false,
        };
        matchers.only_expression = matchers.expression.is_some()
            && matchers.is_empty_but_for_expression();
        let faulty = self.found[before..].iter().any(Diagnostic::is_error);
        if matchers.is_empty() && !rule.all && !faulty {
            let message = "a rule without a matcher";
            let hint = "write `all: {}` if it is for every request";
            self.fault(rule, rule.name.place, "E154", message, hint);
            return None;
        }
        (!faulty).then(|| Rule {
            name: rule.name.value.clone(),
            effect: rule.effect.clone(),
            mode: rule.mode,
            on_error: rule.on_error.unwrap_or(source.on_error),
            matchers,
            place: rule.name.place,
            needs,
            cost: self.cost - cheaper,
        })
    }

    fn off(
        &mut self,
        rule: &RuleSource,
        place: Place,
        what: &str,
        of: &Feature,
    ) {
        if let Feature::Off { reason, fix } = of {
            let message = format!("rule uses `{what}`, but {reason}");
            let fault = Diagnostic::error("E120", message)
                .at(place)
                .within(context(rule))
                .fix(fix.clone());
            self.found.push(fault);
        }
    }

    fn network(
        &mut self,
        rule: &RuleSource,
        needs: &mut Needs,
    ) -> Option<Vec<u32>> {
        let networks = rule.network.as_ref()?;
        let Some(first) = networks.first() else {
            self.empty(rule, "network");
            return None;
        };
        self.off(rule, first.place, "network", &self.offered.asn);
        needs.asn = true;
        let mut asns: Vec<u32> =
            networks.iter().map(|Written { value: Asn(n), .. }| *n).collect();
        asns.sort_unstable();
        asns.dedup();
        Some(asns)
    }

    fn empty(&mut self, rule: &RuleSource, key: &str) {
        let message = format!("`{key}` is empty: the rule matches nothing");
        self.fault(rule, rule.name.place, "E154", message, "remove the key");
    }

    fn geoip(
        &mut self,
        rule: &RuleSource,
        needs: &mut Needs,
    ) -> Option<Vec<CountryCode>> {
        let countries = rule.geoip.as_ref()?;
        let Some(first) = countries.first() else {
            self.empty(rule, "geoip");
            return None;
        };
        self.off(rule, first.place, "geoip", &self.offered.geoip);
        needs.country = true;
        Some(countries.iter().map(|country| country.value).collect())
    }

    fn ip_list(&mut self, rule: &RuleSource) -> Option<Vec<ListIndex>> {
        let names = rule.ip_list.as_ref()?;
        if names.is_empty() {
            self.empty(rule, "ip_list");
        }
        let known = &self.offered.lists;
        let mut lists = Vec::new();
        for name in names {
            if let Some(n) = known.iter().position(|own| *own == name.value) {
                lists.push(ListIndex(n));
                continue;
            }
            let near =
                did_you_mean(&name.value, known.iter().map(String::as_str));
            let hint = near.map_or_else(
                || "write it under `ip_lists`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("there is no ip list `{}`", name.value);
            self.fault(rule, name.place, "E102", message, hint);
        }
        Some(lists)
    }

    fn exact_path(&mut self, rule: &RuleSource) {
        if let Some(path) = &rule.path
            && !path.value.starts_with(['/', '^'])
        {
            let message = "a path begins with `/`: this matches nothing";
            self.fault(rule, path.place, "E157", message, "write `/…`");
        }
    }

    fn pattern(
        &mut self,
        rule: &RuleSource,
        pattern: Option<&Written<String>>,
    ) -> Option<regex::Regex> {
        match pattern::compile(pattern?) {
            Ok(regex) => Some(regex),
            Err(fault) => {
                self.found.push(fault.within(context(rule)));
                None
            }
        }
    }

    fn expression(
        &mut self,
        rule: &RuleSource,
        needs: &mut Needs,
    ) -> Option<Expression> {
        let source = rule.expression.as_ref()?;
        let (texts, key) = match source {
            ExpressionSource::One(text) => (std::slice::from_ref(text), ""),
            ExpressionSource::All(texts) => (texts.as_slice(), "all"),
            ExpressionSource::Any(texts) => (texts.as_slice(), "any"),
        };
        let mut programs = Vec::new();
        for (n, text) in texts.iter().enumerate() {
            let part = match key {
                "" => "expression".to_owned(),
                key => format!("expression {key}[{n}]"),
            };
            let context = format!("{}, {part}", context(rule));
            match Program::compile(text, &self.declarations, &context) {
                Ok((program, lints)) => {
                    *needs = needs.and(program.needs());
                    self.cost = self.cost.saturating_add(program.cost());
                    self.found.extend(lints);
                    programs.push(program);
                }
                Err(faults) => self.found.extend(faults),
            }
        }
        Some(match source {
            ExpressionSource::Any(_) => Expression::Any(programs),
            _ => Expression::All(programs),
        })
    }
}

fn context(rule: &RuleSource) -> String {
    format!("rule {:?}", rule.name.value)
}
