//! Rules as a person wrote them, with the place of every value.
//!
//! Nothing here is checked against the world: names of lists, patterns and
//! expressions are text. [`super::Policy::compile`] does that.

use std::{collections::BTreeMap, net::IpAddr};

use asgard_model::{Asn, CountryCode, Level};

use crate::diagnostic::Place;

/// A value with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<T> {
    /// What was written.
    pub value: T,
    /// Where; for text, the place between the quotes.
    pub place: Place,
    /// Source offset of each byte of a text, if escapes or line breaks make it
    /// differ from `place.start + n`.
    pub map: Option<std::sync::Arc<[u32]>>,
}

/// What a gateway does in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Lets the request pass.
    Allow,
    /// Refuses it.
    Deny,
    /// Asks for a proof of work, or of patience.
    Challenge,
}

/// What a rule does when it matches.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Ends the evaluation.
    Allow,
    /// Ends the evaluation.
    Deny(Option<DenyResponse>),
    /// Ends the evaluation, unless the path is exempt.
    Challenge(ChallengeSpec),
    /// Adds to the weight of the request and goes on.
    Weigh(i64),
}

/// How a refused request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenyResponse {
    /// 400 to 599; 403 by default.
    pub status: u16,
    /// `None`: `Blocked (<request id>)`.
    pub body: Option<String>,
    /// Added to the response.
    pub headers: BTreeMap<String, String>,
}

/// Kinds of challenge, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChallengeKind {
    /// A page that refreshes itself after some seconds; no script.
    MetaRefresh,
    /// SHA-256 with leading zeros, by script.
    Pow,
}

/// Which challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChallengeSpec {
    /// Its kind.
    pub kind: ChallengeKind,
    /// Seconds (meta refresh, ≥ 1), or leading zero hex digits (0 to 64).
    pub difficulty: u8,
}

impl ChallengeSpec {
    /// Whether having passed this one serves where `asked` is asked for.
    pub fn serves_for(self, asked: Self) -> bool {
        match (self.kind, asked.kind) {
            (ChallengeKind::Pow, ChallengeKind::MetaRefresh) => true,
            (have, want) => have == want && self.difficulty >= asked.difficulty,
        }
    }
}

/// Whether a rule, or the whole policy, acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It acts.
    #[default]
    Enforce,
    /// It is evaluated and counted, and changes nothing.
    Shadow,
}

/// What a rule does that cannot be evaluated (overflow, division by zero).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnError {
    /// It does not match.
    #[default]
    Skip,
    /// The request is refused.
    Deny,
}

/// One or many names.
pub type Strings = Vec<Written<String>>;

/// One rule as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSource {
    /// Unique in the policy.
    pub name: Written<String>,
    /// What it does.
    pub effect: Effect,
    /// `None`: as the policy.
    pub mode: Mode,
    /// `None`: as the policy.
    pub on_error: Option<OnError>,
    /// `all: {}`: matches everything.
    pub all: bool,
    /// Exact normalised path.
    pub path: Option<Written<String>>,
    /// Pattern of the normalised path.
    pub path_regex: Option<Written<String>>,
    /// Exact user agent.
    pub user_agent: Option<Written<String>>,
    /// Pattern of the user agent.
    pub user_agent_regex: Option<Written<String>>,
    /// Names of ip lists, any of them.
    pub ip_list: Option<Strings>,
    /// Countries, any of them.
    pub geoip: Option<Vec<Written<CountryCode>>>,
    /// AS numbers, any of them; AS0 stands for "not announced".
    pub network: Option<Vec<Written<Asn>>>,
    /// Patterns of headers by lower-case name, all of them.
    pub headers_regex: Option<Vec<(Written<String>, Written<String>)>>,
    /// Expressions.
    pub expression: Option<ExpressionSource>,
    /// Of the whole rule.
    pub place: Place,
}

/// One or many expressions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpressionSource {
    /// `expression: "…"`.
    One(Written<String>),
    /// `expression: {all: […]}`.
    All(Strings),
    /// `expression: {any: […]}`.
    Any(Strings),
}

/// A challenge for a weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// For people.
    pub name: String,
    /// Least weight.
    pub threshold: i64,
    /// What is asked.
    pub challenge: ChallengeSpec,
    /// Of the weight.
    pub place: Place,
}

/// What the weight of a request leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoChallenge {
    /// Whether weights lead to anything.
    pub enabled: bool,
    /// In file order.
    pub thresholds: Vec<Threshold>,
}

/// A unit test in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct TestCase {
    /// For people.
    pub name: Written<String>,
    /// Of the client.
    pub ip: IpAddr,
    /// `GET` by default.
    pub method: String,
    /// Lower case.
    pub host: String,
    /// With `?query`; `/` by default.
    pub path: String,
    /// Empty if there is none.
    pub user_agent: String,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    /// `None`: not said.
    pub content_length: Option<u64>,
    /// Instead of the database; `Some(0)` is "not announced".
    pub asn: Option<u32>,
    /// Instead of the database.
    pub org: Option<String>,
    /// Instead of the database.
    pub score: Option<u8>,
    /// Instead of the database; else from the score by the default bands.
    pub level: Option<Level>,
    /// Instead of the database.
    pub country: Option<CountryCode>,
    /// Instead of the lists.
    pub in_lists: Option<Strings>,
    /// Instead of the feeds.
    pub in_feeds: Option<Strings>,
    /// Instead of the crawler check.
    pub crawler: Option<Written<String>>,
    /// Expected action.
    pub action: Option<Action>,
    /// Expected rule; `Some(None)`: no rule, the default decided.
    pub rule: Option<Option<Written<String>>>,
    /// Expected weight.
    pub weight: Option<i64>,
    /// Of the whole test.
    pub place: Place,
}

/// Everything that a policy is compiled from.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySource {
    /// Of the whole policy.
    pub mode: Mode,
    /// When no rule ends the evaluation.
    pub default_action: Action,
    /// For rules that do not say.
    pub on_error: OnError,
    /// What weights lead to.
    pub auto_challenge: AutoChallenge,
    /// Paths (a final `/` means: and below) that are never challenged.
    pub exempt_paths: Vec<String>,
    /// In the order of evaluation.
    pub rules: Vec<RuleSource>,
    /// Unit tests.
    pub tests: Vec<TestCase>,
}

/// Issuing certificates (RFC 8555 section 8.3) is never challenged.
pub const ACME_PATH: &str = "/.well-known/acme-challenge/";

impl PolicySource {
    /// The same without places: two that say the same in other words, or in
    /// another order of keys, are equal then.
    #[must_use]
    pub fn without_places(&self) -> Self {
        let mut source = self.clone();
        for threshold in &mut source.auto_challenge.thresholds {
            threshold.place = Place::default();
        }
        for rule in &mut source.rules {
            rule.forget_places();
        }
        for test in &mut source.tests {
            test.forget_places();
        }
        source
    }
}

fn forget<'w, T: 'w>(written: impl IntoIterator<Item = &'w mut Written<T>>) {
    for one in written {
        (one.place, one.map) = (Place::default(), None);
    }
}

impl RuleSource {
    fn forget_places(&mut self) {
        self.place = Place::default();
        forget([&mut self.name]);
        let texts = [
            &mut self.path,
            &mut self.path_regex,
            &mut self.user_agent,
            &mut self.user_agent_regex,
        ];
        forget(texts.into_iter().flatten());
        forget(self.ip_list.iter_mut().flatten());
        forget(self.geoip.iter_mut().flatten());
        forget(self.network.iter_mut().flatten());
        for (name, pattern) in self.headers_regex.iter_mut().flatten() {
            forget([name, pattern]);
        }
        match &mut self.expression {
            Some(ExpressionSource::One(text)) => forget([text]),
            Some(
                ExpressionSource::All(texts) | ExpressionSource::Any(texts),
            ) => {
                forget(texts);
            }
            None => {}
        }
    }
}

impl TestCase {
    fn forget_places(&mut self) {
        self.place = Place::default();
        forget([&mut self.name]);
        forget(self.in_lists.iter_mut().flatten());
        forget(self.in_feeds.iter_mut().flatten());
        forget(&mut self.crawler);
        forget(self.rule.iter_mut().flatten());
    }
}

impl Default for PolicySource {
    fn default() -> Self {
        let exempt = ["/robots.txt", "/favicon.ico", "/.well-known/"];
        Self {
            mode: Mode::Enforce,
            default_action: Action::Allow,
            on_error: OnError::Skip,
            auto_challenge: AutoChallenge {
                enabled: false,
                thresholds: vec![],
            },
            exempt_paths: exempt.map(str::to_owned).to_vec(),
            rules: Vec::new(),
            tests: Vec::new(),
        }
    }
}

impl Action {
    /// Every action with its name.
    pub const VALUES: &[(&str, Self)] = &[
        ("ALLOW", Self::Allow),
        ("DENY", Self::Deny),
        ("CHALLENGE", Self::Challenge),
    ];

    /// `ALLOW`, `DENY`, `CHALLENGE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::Deny => "DENY",
            Self::Challenge => "CHALLENGE",
        }
    }
}

impl Effect {
    /// `ALLOW`, `DENY`, `CHALLENGE`, `WEIGH`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::Deny(_) => "DENY",
            Self::Challenge(_) => "CHALLENGE",
            Self::Weigh(_) => "WEIGH",
        }
    }
}

impl ChallengeKind {
    /// `metarefresh`, `pow`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MetaRefresh => "metarefresh",
            Self::Pow => "pow",
        }
    }
}

impl<T> Written<T> {
    /// Where byte `offset` of the text is in the file, `len` bytes of it.
    pub fn part(&self, offset: usize, len: usize) -> Place {
        let Some(map) = &self.map else { return self.place.part(offset, len) };
        let at = |offset: usize| {
            map.get(offset).map_or(self.place.end, |&at| at as usize)
        };
        let start = at(offset);
        // A part that spans a line break ends with its first line.
        let end = at((offset + len).saturating_sub(1)).max(start) + 1;
        Place { file: self.place.file, start, end }
    }
}
