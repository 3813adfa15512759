//! What a monitoring system may count.
//!
//! Names begin with `asgard_gateway_`. No label takes a value from a request:
//! classes, reasons and names of the configuration only, and of AS numbers the
//! fifty with the most requests ([`top`]). Counters that every request moves are
//! found once, at start.

use std::{
    fmt::Display,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use asgard_policy::{
    Policy,
    gate::{Action, ChallengeKind, Mode as RuleMode, RuleIndex},
};
use prometheus::{
    Encoder as _, Histogram, HistogramOpts, HistogramVec, IntCounter,
    IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use tokio::time::Instant;

use crate::{
    challenge::Outcome, client_address::Rejected,
    crawler::reverse::ReverseCache,
};

mod crawlers;
mod supply;
pub mod top;

use crawlers::CrawlerMetrics;
use supply::DataMetrics;
use top::TopNetworks;

/// Bounds of `request_duration_seconds`.
const SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Who asked: a client of the proxy, or a proxy of somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A client of ours.
    Proxy,
    /// A proxy that asks for a verdict.
    Verdict,
}

/// What became of a request, for its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was passed on, or allowed.
    Allow,
    /// A rule refused it.
    Deny,
    /// It was challenged.
    Challenge,
    /// It was no proper request.
    Malformed,
}

const MODES: [&str; 2] = ["proxy", "verdict"];
const KINDS: [&str; 4] = ["allow", "deny", "challenge", "malformed"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

impl From<Action> for Kind {
    fn from(action: Action) -> Self {
        match action {
            Action::Allow => Self::Allow,
            Action::Deny => Self::Deny,
            Action::Challenge => Self::Challenge,
        }
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// By mode, kind and class.
    requests: Vec<(IntCounter, Histogram)>,
    rejected: Vec<IntCounter>,
    /// Forged copies of our headers.
    pub(crate) forged: IntCounter,
    /// Fields about the client by those who may not speak of it.
    pub(crate) claims: IntCounter,
    pub(crate) unknown_network: IntCounter,
    pub(crate) connections: IntGauge,
    pub(crate) tunnels: IntGauge,
    pub(crate) backend_errors: IntCounterVec,
    pub(crate) backend_connections: IntGaugeVec,
    pub(crate) log_dropped: IntCounter,
    data: DataMetrics,
    crawlers: CrawlerMetrics,
    challenges_issued: IntCounterVec,
    challenges_passed: IntCounterVec,
    challenges_failed: IntCounterVec,
    seeds_forgotten: IntCounter,
    /// 1 if the last reload worked.
    pub config_reload_success: IntGauge,
    /// When the configuration in force was loaded, in seconds since 1970.
    pub config_reload_timestamp: IntGauge,
    /// Requests by network.
    pub networks: TopNetworks,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "names are constants, registered once"
    )]
    pub fn new() -> Self {
        let registry =
            Registry::new_custom(Some("asgard_gateway".into()), None)
                .expect("the prefix is a valid name");
        let make = Make { registry: &registry };
        let rejected = make.counters(
            "client_ip_rejected_total",
            "Requests whose client a header should name, and does not credibly.",
            &["reason"],
        );
        let stripped = make.counters(
            "headers_stripped_total",
            "Header fields that pretended to be ours, or that the peer may not \
             send.",
            &["reason"],
        );
        let unknown = make.counters(
            "asn_unknown_total",
            "Requests from addresses whose network is not known.",
            &["reason"],
        );
        Self {
            requests: make.answers(),
            rejected: Rejected::ALL
                .map(|(_, label)| rejected.with_label_values(&[label]))
                .into(),
            forged: stripped.with_label_values(&["forged"]),
            claims: stripped.with_label_values(&["claim"]),
            unknown_network: unknown.with_label_values(&["not_announced"]),
            connections: make
                .gauge("connections", "Open connections with clients."),
            tunnels: make.gauge("tunnels", "Open upgraded connections."),
            backend_errors: make.counters(
                "backend_errors_total",
                "Exchanges with a backend that failed.",
                &["backend", "reason"],
            ),
            backend_connections: make.gauges(
                "backend_connections",
                "Connections with servers of a backend.",
                &["backend", "state"],
            ),
            log_dropped: make.counter(
                "log_dropped_total",
                "Decisions that were not logged, because there were too many.",
            ),
            data: DataMetrics::new(&registry),
            crawlers: CrawlerMetrics::new(&registry),
            challenges_issued: make.counters(
                "challenges_issued_total",
                "Challenges that were set.",
                &["kind"],
            ),
            challenges_passed: make.counters(
                "challenges_passed_total",
                "Challenges that were passed.",
                &["kind"],
            ),
            challenges_failed: make.counters(
                "challenges_failed_total",
                "Answers to challenges that did not count.",
                &["kind", "reason"],
            ),
            seeds_forgotten: make.counter(
                "challenge_seeds_forgotten_total",
                "Redeemed challenges forgotten early, because there were too \
                 many: they could be redeemed again.",
            ),
            config_reload_success: make.gauge(
                "config_reload_success",
                "Whether the last reload of the configuration worked.",
            ),
            config_reload_timestamp: make.gauge(
                "config_last_success_timestamp_seconds",
                "When the configuration in force was loaded.",
            ),
            networks: TopNetworks::new(&registry),
            registry,
        }
    }

    /// How databases and lists are doing.
    pub(crate) fn set_data(&self, all: &[crate::supply::Status], now: u64) {
        self.data.set(all, now);
    }

    /// What became of the proofs of crawlers.
    pub(crate) fn set_crawlers(&self, names: &ReverseCache) {
        self.crawlers.set(names);
    }

    /// A challenge was set.
    pub(crate) fn challenged(&self, kind: ChallengeKind) {
        let values = [kind.as_str()];
        self.challenges_issued.with_label_values(&values).inc();
    }

    /// A challenge was answered.
    pub(crate) fn redeemed(&self, outcome: Outcome) {
        let kind = outcome.kind.map_or("unknown", ChallengeKind::as_str);
        match outcome.result {
            Ok(_) => self.challenges_passed.with_label_values(&[kind]).inc(),
            Err(failure) => {
                let values = [kind, failure.as_str()];
                self.challenges_failed.with_label_values(&values).inc();
            }
        }
    }

    /// How many redeemed challenges were forgotten early.
    pub(crate) fn set_forgotten(&self, count: u64) {
        let counter = &self.seeds_forgotten;
        counter.inc_by(count.saturating_sub(counter.get()));
    }

    /// For counters of other rooms.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Counts an answer.
    pub fn answered(
        &self,
        mode: Mode,
        kind: Kind,
        status: u16,
        taken: Duration,
    ) {
        let class = match status {
            100..=199 => 0,
            200..=299 => 1,
            300..=399 => 2,
            400..=499 => 3,
            _ => 4,
        };
        let at = (mode as usize * KINDS.len() + kind as usize) * CLASSES.len();
        if let Some((count, duration)) = self.requests.get(at + class) {
            count.inc();
            duration.observe(taken.as_secs_f64());
        }
    }

    /// Counts a claim that was not followed.
    pub(crate) fn rejected(&self, reason: Rejected) {
        let at = Rejected::ALL.iter().position(|(one, _)| *one == reason);
        if let Some(counter) = at.and_then(|at| self.rejected.get(at)) {
            counter.inc();
        }
    }

    /// The text form of everything, with the rules in force.
    ///
    /// # Errors
    /// When a metric has no valid text form.
    pub fn text(
        &self,
        rules: &RuleMetrics,
    ) -> Result<String, prometheus::Error> {
        let mut families = self.registry.gather();
        families.extend(rules.registry.gather());
        let mut out = Vec::new();
        TextEncoder::new().encode(&families, &mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}

/// How long the log is silent about the errors of a rule after one of them.
const SILENCE: Duration = Duration::from_secs(60);

/// Counters of the rules of one configuration, by rule.
#[derive(Debug)]
pub struct RuleMetrics {
    registry: Registry,
    rules: Vec<Rule>,
    born: Instant,
}

#[derive(Debug)]
struct Rule {
    name: Box<str>,
    hits: IntCounter,
    would_change: IntCounter,
    errors: IntCounter,
    /// Until when the log is silent about its errors, in milliseconds of these
    /// metrics.
    silent_until: AtomicU64,
}

impl RuleMetrics {
    /// All rules at zero; `hash` names the files in which they stand.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "names are constants, registered once"
    )]
    pub fn new(policy: &Policy, hash: &str) -> Self {
        let registry =
            Registry::new_custom(Some("asgard_gateway".into()), None)
                .expect("the prefix is a valid name");
        let make = Make { registry: &registry };
        make.gauges("policy_info", "Which rules are in force.", &["hash"])
            .with_label_values(&[hash])
            .set(1);
        let labels = ["rule", "mode"];
        let counters = |name, help| make.counters(name, help, &labels);
        let hits = counters("rule_hits_total", "Requests that a rule matched.");
        let would_change = counters(
            "rule_would_change_total",
            "Requests whose outcome a rule in shadow mode would change.",
        );
        let errors = counters(
            "rule_errors_total",
            "Requests for which a rule could not be evaluated.",
        );
        let rules = (0..policy.rule_count())
            .map(|at| {
                let rule = RuleIndex(at);
                let mode = match policy.rule_mode(rule) {
                    RuleMode::Enforce => "enforce",
                    RuleMode::Shadow => "shadow",
                };
                let values = [policy.rule_name(rule), mode];
                Rule {
                    name: policy.rule_name(rule).into(),
                    silent_until: AtomicU64::new(0),
                    hits: hits.with_label_values(&values),
                    would_change: would_change.with_label_values(&values),
                    errors: errors.with_label_values(&values),
                }
            })
            .collect();
        Self { registry, rules, born: Instant::now() }
    }

    /// A rule matched.
    pub fn hit(&self, rule: RuleIndex) {
        self.count(rule, |rule| &rule.hits);
    }

    /// A rule in shadow mode would change the outcome.
    pub fn would_change(&self, rule: RuleIndex) {
        self.count(rule, |rule| &rule.would_change);
    }

    /// A rule could not be evaluated: counted each time, and told once a
    /// minute.
    pub fn error(&self, rule: RuleIndex, error: &dyn Display) {
        self.count(rule, |rule| &rule.errors);
        let Some(rule) = self.rules.get(rule.0) else { return };
        let now = milliseconds(self.born.elapsed());
        let until = rule.silent_until.load(Relaxed);
        if now < until {
            return;
        }
        let next = now.saturating_add(milliseconds(SILENCE));
        let first =
            rule.silent_until.compare_exchange(until, next, Relaxed, Relaxed);
        // Whoever comes second leaves it to the first.
        if first.is_ok() {
            tracing::warn!(
                rule = &*rule.name, %error,
                "a rule could not be evaluated; `on_error` decides"
            );
        }
    }

    fn count(&self, rule: RuleIndex, which: fn(&Rule) -> &IntCounter) {
        if let Some(rule) = self.rules.get(rule.0) {
            which(rule).inc();
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Makes and registers.
struct Make<'r> {
    registry: &'r Registry,
}

impl Make<'_> {
    fn register<C: prometheus::core::Collector + Clone + 'static>(
        &self,
        made: prometheus::Result<C>,
    ) -> C {
        let made = made.expect("the name is a constant and valid");
        self.registry
            .register(Box::new(made.clone()))
            .expect("each name is registered once");
        made
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.register(IntCounter::new(name, help))
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> IntCounterVec {
        self.register(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.register(IntGauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    /// What every answer moves, by mode, kind and class.
    fn answers(&self) -> Vec<(IntCounter, Histogram)> {
        let labels = ["mode", "action", "code_class"];
        let help = "Requests that were answered.";
        let requests = self.counters("requests_total", help, &labels);
        let durations = self.histograms(&labels);
        let mut all = Vec::new();
        for mode in MODES {
            for kind in KINDS {
                for class in CLASSES {
                    let values = [mode, kind, class];
                    all.push((
                        requests.with_label_values(&values),
                        durations.with_label_values(&values),
                    ));
                }
            }
        }
        all
    }

    fn histograms(&self, labels: &[&str]) -> HistogramVec {
        let options = HistogramOpts::new(
            "request_duration_seconds",
            "Time from the head of a request to the end of its answer.",
        )
        .buckets(SECONDS.to_vec());
        self.register(HistogramVec::new(options, labels))
    }
}
