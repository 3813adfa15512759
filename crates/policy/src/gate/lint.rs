//! Remarks on a policy that works, but may not do what was meant.
//!
//! They are found by asking the policy about visitors whom nobody wants to
//! refuse: crawlers of search engines, the operator's own networks, the
//! certificate authority.

use std::net::{IpAddr, Ipv4Addr};

use asgard_model::Asn;

use super::{
    Action, NoCounts, Policy, RuleIndex, Visit,
    known_lists::KnownLists,
    policy::Offered,
    rule::{Effect, Mode},
    visit::Crawler,
};
use crate::diagnostic::Diagnostic;

/// Networks from which search engines crawl, with a name, an address and a
/// user agent of their crawler.
const CRAWLERS: [(u32, &str, Ipv4Addr, &str); 2] = [
    (
        15169,
        "google",
        Ipv4Addr::new(66, 249, 66, 1),
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ),
    (
        8075,
        "bing",
        Ipv4Addr::new(157, 55, 39, 1),
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    ),
];

/// Addresses of private networks, RFC 1918, and of the machine itself.
const PRIVATE: [(&str, Ipv4Addr); 4] = [
    ("127.0.0.1 (this machine)", Ipv4Addr::LOCALHOST),
    ("10.0.0.0/8 (private)", Ipv4Addr::new(10, 0, 0, 1)),
    ("172.16.0.0/12 (private)", Ipv4Addr::new(172, 16, 0, 1)),
    ("192.168.0.0/16 (private)", Ipv4Addr::new(192, 168, 0, 1)),
];

pub(super) fn lint(policy: &Policy, offered: &Offered) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    crawlers(policy, offered, &mut found);
    own_networks(policy, offered, &mut found);
    certificates(policy, &mut found);
    unreachable(policy, &mut found);
    found
}

fn ask(policy: &Policy, visit: &Visit<'_>) -> Option<(Action, RuleIndex)> {
    let decision = policy.decide(visit, &mut NoCounts);
    let refused = decision.intended == Action::Deny;
    refused.then_some((decision.intended, decision.rule?))
}

fn note(
    policy: &Policy,
    rule: RuleIndex,
    code: &'static str,
    message: String,
    hint: &str,
    found: &mut Vec<Diagnostic>,
) {
    let Some(own) = policy.rules.get(rule.0) else { return };
    let lint = Diagnostic::lint(code, message)
        .at(own.place)
        .within(format!("rule {:?}", own.name))
        .hint(hint);
    found.push(lint);
}

fn crawlers(policy: &Policy, offered: &Offered, found: &mut Vec<Diagnostic>) {
    for (asn, name, address, agent) in CRAWLERS {
        let verified = offered
            .crawlers
            .iter()
            .find(|own| own.to_lowercase().contains(name));
        let lists = KnownLists::of(&offered.entries, address.into());
        let visit = Visit {
            asn: Some(Asn(asn)),
            user_agent: agent,
            lists: &lists,
            crawler: verified
                .map_or(Crawler::None, |name| Crawler::Verified(name)),
            ..Visit::of(IpAddr::V4(address))
        };
        if let Some((_, rule)) = ask(policy, &visit)
            && policy.rules[rule.0].needs.asn
        {
            let message =
                format!("this refuses {name}'s crawler, which is in AS{asn}");
            let hint = "allow verified crawlers above: `verifiedCrawler != ''`";
            note(policy, rule, "W221", message, hint, found);
        }
    }
}

fn own_networks(
    policy: &Policy,
    offered: &Offered,
    found: &mut Vec<Diagnostic>,
) {
    let private = PRIVATE
        .iter()
        .map(|(name, address)| ((*name).to_owned(), IpAddr::V4(*address)));
    let own = offered
        .own_networks
        .iter()
        .map(|(name, prefix)| (name.clone(), prefix.network()));
    let mut told = std::collections::HashSet::new();
    for (name, address) in own.chain(private) {
        let lists = KnownLists::of(&offered.entries, address);
        let visit = Visit {
            user_agent: "Mozilla/5.0",
            lists: &lists,
            ..Visit::of(address)
        };
        let Some((_, rule)) = ask(policy, &visit) else { continue };
        // A rule for everybody is meant for everybody.
        let everybody = policy.rules[rule.0].matchers.is_empty();
        if !everybody && told.insert(rule) {
            let message = format!("this refuses {name}");
            let hint = "allow your own networks above";
            note(policy, rule, "W222", message, hint, found);
        }
    }
}

fn certificates(policy: &Policy, found: &mut Vec<Diagnostic>) {
    let path = "/.well-known/acme-challenge/token";
    let visit = Visit {
        path,
        raw_path: path,
        user_agent: "Mozilla/5.0 (compatible; Let's Encrypt validation \
                     server; +https://www.letsencrypt.org)",
        ..Visit::of(IpAddr::V4(Ipv4Addr::new(66, 133, 109, 36)))
    };
    if let Some((_, rule)) = ask(policy, &visit) {
        let message = "this refuses the certificate authority (ACME)".into();
        let hint = "allow /.well-known/acme-challenge/ above";
        note(policy, rule, "W223", message, hint, found);
    }
}

/// Rules below one that ends every evaluation.
fn unreachable(policy: &Policy, found: &mut Vec<Diagnostic>) {
    let ends = |rule: &super::policy::Rule| {
        rule.mode == Mode::Enforce
            && rule.matchers.is_empty()
            && matches!(rule.effect, Effect::Allow | Effect::Deny(_))
    };
    let Some(last) = policy.rules.iter().position(ends) else { return };
    if last + 1 < policy.rules.len() {
        let message = format!(
            "{:?} ends every evaluation: this rule is never reached",
            policy.rules[last].name
        );
        let hint = "move it up";
        note(policy, RuleIndex(last + 1), "W224", message, hint, found);
    }
}
