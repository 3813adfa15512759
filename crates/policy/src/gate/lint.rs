//! Remarks on a policy that works, but may not do what was meant.
//!
//! They are found by asking the policy about visitors whom nobody wants to
//! refuse: crawlers of search engines, the operator's own networks, the
//! certificate authority.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use asgard_model::{Asn, Prefix};

use super::{
    Action, HeaderMap, NoCounts, Policy, RuleIndex, Visit,
    known_lists::KnownLists,
    policy::Offered,
    rule::{Effect, Mode},
    visit::Crawler,
};
use crate::diagnostic::Diagnostic;

/// Search engines whose crawlers nobody refuses on purpose: network, name of
/// its holder, an address and a user agent of the crawler. Both crawl from the
/// United States.
const CRAWLERS: [Engine; 2] = [
    Engine {
        name: "google",
        asn: Asn(15169),
        holder: "Google LLC",
        address: Ipv4Addr::new(66, 249, 66, 1),
        agent: "Mozilla/5.0 (compatible; Googlebot/2.1; \
                +http://www.google.com/bot.html)",
    },
    Engine {
        name: "bing",
        asn: Asn(8075),
        holder: "Microsoft Corporation",
        address: Ipv4Addr::new(157, 55, 39, 1),
        agent: "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; \
                compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) \
                Chrome/116.0.1938.76 Safari/537.36",
    },
];

struct Engine {
    name: &'static str,
    asn: Asn,
    holder: &'static str,
    address: Ipv4Addr,
    agent: &'static str,
}

/// Fields that crawlers and browsers send; browsers add a language.
const SENT: [(&str, &str); 2] =
    [("accept", "text/html,*/*;q=0.8"), ("accept-encoding", "gzip, deflate")];

/// Where readers are whom no rule can mean who means everybody.
const READERS: [&str; 12] =
    ["AU", "BR", "CH", "CN", "DE", "FR", "GB", "IN", "JP", "NL", "US", "ZA"];

/// Addresses of private networks (RFC 1918), and of the machine itself.
const PRIVATE: [(&str, IpAddr); 5] = [
    ("127.0.0.1 (this machine)", IpAddr::V4(Ipv4Addr::LOCALHOST)),
    ("10.0.0.0/8 (private)", IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))),
    ("172.16.0.0/12 (private)", IpAddr::V4(Ipv4Addr::new(172, 16, 0, 1))),
    ("192.168.0.0/16 (private)", IpAddr::V4(Ipv4Addr::new(192, 168, 0, 1))),
    ("::1 (this machine)", IpAddr::V6(Ipv6Addr::LOCALHOST)),
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

/// Whether a rule refuses readers of every country, in any network: then it
/// means everybody, and is no slip.
fn means_everybody(policy: &Policy, rule: RuleIndex) -> bool {
    let headers = sent(&[("accept-language", "en")]);
    let address = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
    let lists = KnownLists::of(&policy.entries, address);
    READERS.iter().all(|country| {
        let visit = Visit {
            asn: Some(Asn(64_496)), // for documentation (RFC 5398)
            asn_org: "Example",
            country: country.parse().ok(),
            user_agent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
            headers: &headers,
            lists: &lists,
            ..Visit::of(address)
        };
        ask(policy, &visit).is_some_and(|(_, refusing)| refusing == rule)
    })
}

fn sent(more: &[(&str, &str)]) -> HeaderMap {
    let fields = SENT.iter().chain(more);
    HeaderMap(fields.map(|(n, v)| ((*n).into(), (*v).into())).collect())
}

fn crawlers(policy: &Policy, offered: &Offered, found: &mut Vec<Diagnostic>) {
    let headers = sent(&[]);
    for Engine { name, asn, holder, address, agent } in CRAWLERS {
        let verified = offered
            .crawlers
            .iter()
            .find(|own| own.to_lowercase().contains(name));
        let lists = KnownLists::of(&offered.entries, address.into());
        let visit = Visit {
            asn: Some(asn),
            asn_org: holder,
            country: "US".parse().ok(),
            user_agent: agent,
            headers: &headers,
            lists: &lists,
            crawler: verified
                .map_or(Crawler::None, |name| Crawler::Verified(name)),
            ..Visit::of(IpAddr::V4(address))
        };
        let Some((_, rule)) = ask(policy, &visit) else { continue };
        if !means_everybody(policy, rule) {
            let message =
                format!("this refuses {name}'s crawler, which is in {asn}");
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
    let private =
        PRIVATE.iter().map(|(name, address)| ((*name).to_owned(), *address));
    let own = offered
        .own_networks
        .iter()
        .map(|(name, prefix)| (name.clone(), prefix.network()));
    let mut told = std::collections::HashSet::new();
    for (name, address) in own.chain(private) {
        let lists = KnownLists::of(&offered.entries, address);
        let visit = Visit { lists: &lists, ..Visit::of(address) };
        let remark = policy.remark_on_own(&name, visit);
        found.extend(remark.filter(|remark| told.insert(remark.place)));
    }
}

impl Policy {
    /// A remark if a rule refuses a visitor from one of the operator's own
    /// networks, though not everybody. `visit` says what is known of the
    /// network; what the visitor sends is a browser's.
    pub fn remark_on_own(
        &self,
        name: &str,
        visit: Visit<'_>,
    ) -> Option<Diagnostic> {
        let headers = sent(&[("accept-language", "en")]);
        let visit = Visit {
            user_agent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
            headers: &headers,
            ..visit
        };
        let (_, rule) = ask(self, &visit)?;
        if means_everybody(self, rule) {
            return None;
        }
        let mut found = Vec::new();
        let message = format!("this refuses {name}");
        let hint = "allow your own networks above";
        note(self, rule, "W222", message, hint, &mut found);
        found.pop()
    }

    /// Blocks that an operator hardly wants to refuse, with their meaning.
    pub fn own_networks(&self) -> &[(String, Prefix)] {
        &self.own_networks
    }
}

fn certificates(policy: &Policy, found: &mut Vec<Diagnostic>) {
    let path = "/.well-known/acme-challenge/token";
    let headers = sent(&[]);
    let visit = Visit {
        asn: Some(Asn(64_496)), // it comes from several networks
        headers: &headers,
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
