//! One request before it is passed on: who asks, what is known, what the rules
//! say.
//!
//! No waiting, and nothing that fails: the result is a refusal, an answer of
//! ours, or the head that the backend shall see. HTTP/1 and HTTP/2 come here
//! alike.

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use asgard_model::Asn;
use asgard_policy::gate::{
    Action, Counts, Crawler, Decision, RuleIndex, Visit, visit::Nothing,
};

use crate::{
    answer::Answer,
    client_address::client_address,
    forward::backend::Backend,
    generation::{Generation, Membership},
    headers::{
        Fate, Rewrite, Sender,
        injected::{Known, PlaceText},
        told_request_id,
    },
    http1::head::{MAX_FIELDS, Refusal},
    metrics::{Kind, RuleMetrics},
    request::{Request, path, rule_view::RuleView, target::without_port},
    setup::Setup,
    worker::{RequestId, Worker},
};

/// Where a request came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct From {
    /// The socket's, or the PROXY header's; never v4-mapped.
    pub(crate) peer: SocketAddr,
    /// Over TLS.
    pub(crate) secure: bool,
}

/// What shall happen.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The head of the request was written; send it there.
    Forward(Arc<Backend>),
    /// Our own answer.
    Answer(Answer),
}

/// What is remembered of a request for log and metrics.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) rule: Option<RuleIndex>,
    pub(crate) client: IpAddr,
    pub(crate) asn: Option<Asn>,
    pub(crate) id: RequestId,
    /// Written only when it will be logged.
    pub(crate) line: Option<Box<Line>>,
}

/// What the log says beyond the record.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) user_agent: String,
    pub(crate) weight: i64,
    pub(crate) intended: Action,
}

/// Decides about a request; the head for the backend is appended to `out`.
pub(crate) fn decide(
    worker: &Worker,
    generation: &Generation,
    from: From,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<(Verdict, Record), Refusal> {
    let (setup, data) = (&*generation.setup, &*generation.data);
    let sender = client_address(
        from.peer.ip(),
        setup.trusted(data),
        &setup.client_header,
        request.fields.iter().map(|field| (field.name, field.value)),
    );
    if let Some(reason) = sender.rejected {
        worker.metrics.rejected(reason);
    }
    let mut fates = [Fate::Keep; MAX_FIELDS];
    let fates = &mut fates[..request.fields.len()];
    judge_fields(worker, setup, request, sender.peer_is_trusted, fates);
    let path = path::normal(request.target.path)?;
    let host = rule_host(request.host);
    let client = sender.client;
    let network = data.networks.as_ref().and_then(|t| t.lookup(client));
    let place = data.places.as_ref().and_then(|t| t.lookup(client));
    if network.is_none() && data.networks.is_some() {
        worker.metrics.unknown_network.inc();
    }
    let view = RuleView { fields: request.fields, fates };
    let user_agent = view.first("user-agent").unwrap_or_default();
    let lists = Membership { data, address: client };
    let visit = Visit {
        address: client,
        asn: network.map(|network| network.asn),
        asn_org: network.map_or("", |network| network.organisation),
        score: network.and_then(|n| n.risk).map(|(score, _)| score),
        level: network.and_then(|n| n.risk).map(|(_, level)| level),
        country: place.as_ref().and_then(|place| place.country),
        method: request.method,
        host: &host,
        path: &path,
        raw_path: request.target.path,
        query: request.target.query,
        user_agent: &user_agent,
        headers: &view,
        content_length: request.content_length(),
        crawler: Crawler::None,
        lists: &lists,
        reverse: &Nothing,
        pass: None,
        random: worker.ids.draw(),
    };
    let mut counts = RuleCounts(&setup.rules);
    let decision = setup.policy.decide(&visit, &mut counts);
    let told = match sender.peer_is_trusted {
        true => told_request_id(request),
        false => None,
    };
    let id = told.map_or_else(|| worker.ids.next(), RequestId::told);
    let kind = Kind::from(decision.action);
    if let Some(network) = &network {
        worker.metrics.networks.count(network.asn, kind);
    }
    let logged = worker.log.wants(kind);
    let record = Record {
        kind,
        rule: decision.rule,
        client,
        asn: network.map(|network| network.asn),
        line: logged.then(|| Box::new(line(&visit, &decision))),
        id,
    };
    if let Some(answer) = own_answer(&decision, &record.id) {
        return Ok((Verdict::Answer(answer), record));
    }
    let Some(backend) = setup.backends.of(&host) else {
        let answer = Answer::text(404, "No such host here.\n".into());
        return Ok((Verdict::Answer(answer), record));
    };
    let place = place.as_ref().filter(|_| setup.downstream.geo).map(texts);
    Rewrite {
        strip: &setup.strip,
        fates,
        sender: Sender {
            client,
            via: &sender.via,
            peer: from.peer.ip(),
            peer_is_trusted: sender.peer_is_trusted,
            secure: from.secure,
        },
        request_id: record.id.as_str(),
        downstream: &setup.downstream,
        known: Known { network, place: place.as_ref() },
        authority: backend.servers.first().map_or("", |s| &s.authority),
    }
    .write(request, out);
    Ok((Verdict::Forward(Arc::clone(backend)), record))
}

/// What happens to each field.
fn judge_fields(
    worker: &Worker,
    setup: &Setup,
    request: &Request<'_>,
    trusted: bool,
    fates: &mut [Fate],
) {
    for (field, fate) in request.fields.iter().zip(fates) {
        *fate = setup.strip.fate(field.name, trusted);
        if *fate == Fate::Forged {
            worker.metrics.forged.inc();
        }
    }
}

/// The host as rules and backends know it: lower case, without port.
fn rule_host(host: &str) -> Cow<'_, str> {
    let host = without_port(host);
    match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(host.to_ascii_lowercase()),
        false => Cow::Borrowed(host),
    }
}

/// What we answer ourselves; `None` if the request is passed on.
fn own_answer(decision: &Decision<'_>, id: &RequestId) -> Option<Answer> {
    if decision.retry {
        let mut answer = Answer::text(503, "Come again.\n".into());
        answer.fields.push(("Retry-After".into(), "2".into()));
        return Some(answer);
    }
    match decision.action {
        Action::Allow => None,
        Action::Challenge | Action::Deny => Some(denied(decision, id)),
    }
}

/// The refusal of a rule.
fn denied(decision: &Decision<'_>, id: &RequestId) -> Answer {
    let body = |text: Option<&String>| match text {
        Some(text) => text.clone(),
        None => format!("Blocked ({})\n", id.as_str()),
    };
    let Some(response) = decision.response else {
        return Answer::text(403, body(None));
    };
    let mut answer =
        Answer::text(response.status, body(response.body.as_ref()));
    for (name, value) in &response.headers {
        answer.fields.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        answer.fields.push((Cow::Owned(name.clone()), value.clone()));
    }
    answer
}

fn line(visit: &Visit<'_>, decision: &Decision<'_>) -> Line {
    let short = |text: &str| text.chars().take(512).collect();
    Line {
        method: short(visit.method),
        host: short(visit.host),
        path: short(visit.path),
        user_agent: short(visit.user_agent),
        weight: decision.weight,
        intended: decision.intended,
    }
}

/// A place in the order of the headers about it.
fn texts<'p>(place: &asgard_model::Place<'p>) -> PlaceText<'p> {
    let number = |value: Option<f64>| {
        Cow::Owned(value.map(|v| v.to_string()).unwrap_or_default())
    };
    let country = place.country.map(|code| code.to_string());
    [
        Cow::Owned(country.unwrap_or_default()),
        Cow::Borrowed(place.country_name),
        Cow::Borrowed(place.city),
        Cow::Borrowed(place.time_zone),
        Cow::Borrowed(place.postal_code),
        Cow::Borrowed(place.subdivision),
        Cow::Borrowed(place.continent),
        number(place.location.map(|(north, _)| north)),
        number(place.location.map(|(_, east)| east)),
    ]
}

/// Counts what the rules did.
struct RuleCounts<'m>(&'m RuleMetrics);

impl Counts for RuleCounts<'_> {
    fn hit(&mut self, rule: RuleIndex) {
        self.0.hit(rule);
    }

    fn would_change(&mut self, rule: RuleIndex) {
        self.0.would_change(rule);
    }

    fn error(&mut self, rule: RuleIndex, error: &dyn fmt::Display) {
        self.0.error(rule);
        tracing::debug!(rule = rule.0, %error, "a rule could not be evaluated");
    }
}
