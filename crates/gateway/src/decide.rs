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

use asgard_model::{Asn, NetworkFacts, Place};
use asgard_policy::gate::{
    Action, Counts, Decision, Headers, RuleIndex, Visit, path, told::rule_host,
};

use crate::{
    answer::Answer,
    challenge::{self, Asked, Visitor},
    client_address::client_address,
    clock,
    forward::backend::Backend,
    generation::{Generation, Membership},
    headers::{
        Fate, Rewrite, Sender,
        injected::{Known, PlaceText},
        told_request_id,
    },
    http1::head::{MAX_FIELDS, Refusal},
    metrics::{Kind, Mode, RuleMetrics},
    request::{Request, rule_view::RuleView},
    setup::Setup,
    verdict,
    worker::{RequestId, Worker},
};

/// Where a request came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct From {
    /// The socket's, or the PROXY header's; never v4-mapped.
    pub(crate) peer: SocketAddr,
    /// Over TLS.
    pub(crate) secure: bool,
    /// What the listener is for.
    pub(crate) surface: Surface,
}

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// Requests that are passed on.
    Proxy,
    /// Questions of other proxies, over HTTP.
    Verdict,
    /// Questions of Envoy, over gRPC.
    ExtAuthz,
}

impl From {
    /// The label of metrics.
    pub(crate) fn mode(self) -> Mode {
        match self.surface {
            Surface::Proxy => Mode::Proxy,
            Surface::Verdict | Surface::ExtAuthz => Mode::Verdict,
        }
    }
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
    pub(crate) line: Option<Arc<Line>>,
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

/// A request as rules see it, whoever told us about it.
pub(crate) struct Facts<'r> {
    /// Never v4-mapped.
    pub(crate) client: IpAddr,
    pub(crate) method: &'r str,
    /// Lower case, without port.
    pub(crate) host: &'r str,
    /// Path and query as they were sent.
    pub(crate) raw: &'r str,
    /// The normal form of the path.
    pub(crate) path: &'r str,
    pub(crate) headers: RuleView<'r>,
    pub(crate) content_length: Option<u64>,
    /// Over TLS.
    pub(crate) secure: bool,
    /// What a trusted peer calls the request.
    pub(crate) told_id: Option<&'r str>,
}

/// What the rules say about a request, and what is known of its client.
pub(crate) struct Judged<'g> {
    pub(crate) network: Option<NetworkFacts<'g>>,
    pub(crate) place: Option<Place<'g>>,
    pub(crate) decision: Decision<'g>,
    pub(crate) record: Record,
    /// What we answer ourselves; `None` if the request passes.
    pub(crate) answer: Option<Answer>,
}

/// Decides about a request; the head for the backend is appended to `out`, which
/// is empty. A verdict takes it for the head of its answer.
pub(crate) fn decide(
    worker: &Worker,
    generation: &Generation,
    from: From,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<(Verdict, Record), Refusal> {
    if from.surface == Surface::Verdict {
        return verdict::decide(worker, generation, from, request, out);
    }
    let (setup, data) = (&*generation.setup, &*generation.data);
    let trusted = setup.trusted(data);
    let sender = client_address(
        from.peer.ip(),
        |address| trusted.contains(address),
        &setup.client_header,
        request.fields.iter().map(|field| (field.name, field.value)),
    );
    if let Some(reason) = sender.rejected {
        worker.metrics.rejected(reason);
    }
    let mut fates = [Fate::Keep; MAX_FIELDS];
    let fates = &mut fates[..request.fields.len()];
    judge_fields(worker, setup, request, sender.peer_is_trusted, fates);
    let path = path::normalise(request.target.path)?;
    let host = rule_host(request.host);
    let facts = Facts {
        client: sender.client,
        method: request.method,
        host: &host,
        raw: request.target.path_and_query,
        path: &path,
        headers: RuleView {
            fields: request.fields,
            fates,
            whole: request.whole,
        },
        content_length: request.content_length(),
        secure: from.secure,
        told_id: match sender.peer_is_trusted {
            true => told_request_id(request),
            false => None,
        },
    };
    let judged = judge(worker, generation, &facts);
    let (record, place) = (judged.record, judged.place);
    if let Some(answer) = judged.answer {
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
            client: sender.client,
            via: &sender.via,
            peer: from.peer.ip(),
            peer_is_trusted: sender.peer_is_trusted,
            secure: from.secure,
        },
        request_id: record.id.as_str(),
        downstream: &setup.downstream,
        known: Known { network: judged.network, place: place.as_ref() },
        authority: backend.servers.first().map_or("", |s| &s.authority),
    }
    .write(request, out);
    Ok((Verdict::Forward(Arc::clone(backend)), record))
}

/// Asks the rules about a request, whoever told us about it.
pub(crate) fn judge<'g>(
    worker: &Worker,
    generation: &'g Generation,
    facts: &Facts<'_>,
) -> Judged<'g> {
    let (setup, data) = (&*generation.setup, &*generation.data);
    let client = facts.client;
    let network = data.networks.as_ref().and_then(|t| t.lookup(client));
    let place = data.places.as_ref().and_then(|t| t.lookup(client));
    if network.is_none() && data.networks.is_some() {
        worker.metrics.unknown_network.inc();
    }
    let user_agent = facts.headers.user_agent().unwrap_or_default();
    let visitor = Visitor { address: client, user_agent: &user_agent };
    let cookies = facts.headers.cookies();
    let pass = cookies.as_deref().and_then(|cookies| {
        let now = clock::milliseconds;
        let challenger = &setup.challenger;
        let carries = challenger.has_pass(cookies);
        carries.then(|| challenger.pass(cookies, visitor, now()))?
    });
    let (raw_path, query) = path::split(facts.raw);
    let lists = Membership { data, address: client };
    let names = setup.crawlers.names().of(client);
    let visit = Visit {
        address: client,
        asn: network.map(|network| network.asn),
        asn_org: network.map_or("", |network| network.organisation),
        score: network.and_then(|n| n.risk).map(|(score, _)| score),
        level: network.and_then(|n| n.risk).map(|(_, level)| level),
        country: place.as_ref().and_then(|place| place.country),
        method: facts.method,
        host: facts.host,
        path: facts.path,
        raw_path,
        query,
        user_agent: &user_agent,
        headers: &facts.headers,
        content_length: facts.content_length,
        crawler: setup.crawlers.identify(&user_agent, client, &lists),
        lists: &lists,
        reverse: &names,
        pass,
        random: worker.ids.draw(),
    };
    let mut counts = RuleCounts(&setup.rules);
    let decision = setup.policy.decide(&visit, &mut counts);
    let id = facts.told_id.map_or_else(|| worker.ids.next(), RequestId::told);
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
        line: logged.then(|| Arc::new(line(&visit, &decision))),
        id,
    };
    // Redeeming is no visit: nobody could pass a challenge otherwise. A rule
    // that denies does so here too.
    let redeems = facts.path == challenge::PATH
        && decision.action != Action::Deny
        && !decision.retry;
    let answer = if redeems {
        let now = clock::milliseconds();
        let challenger = &setup.challenger;
        let (answer, result) =
            challenger.redeem(query, visitor, facts.secure, now);
        worker.metrics.redeemed(result);
        Some(answer.into())
    } else {
        own_answer(worker, setup, facts, visitor, &decision, &record.id)
    };
    Judged { network, place, decision, record, answer }
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
        match fate {
            Fate::Forged => worker.metrics.forged.inc(),
            Fate::Claim => worker.metrics.claims.inc(),
            Fate::Keep | Fate::Unseen | Fate::Drop | Fate::Cookie => {}
        }
    }
}

/// What we answer ourselves; `None` if the request is passed on.
fn own_answer(
    worker: &Worker,
    setup: &Setup,
    facts: &Facts<'_>,
    visitor: Visitor<'_>,
    decision: &Decision<'_>,
    id: &RequestId,
) -> Option<Answer> {
    if decision.retry {
        let mut answer = Answer::text(503, "Come again.\n".into());
        answer.fields.push(("Retry-After".into(), "2".into()));
        return Some(answer);
    }
    match (decision.action, decision.challenge) {
        (Action::Allow, _) => None,
        (Action::Challenge, Some(spec)) => {
            worker.metrics.challenged(spec.kind);
            let accept = facts.headers.get("accept").unwrap_or_default();
            let asked = Asked { spec, path: facts.raw, accept: &accept };
            let now = clock::milliseconds();
            Some(setup.challenger.ask(&asked, visitor, now).into())
        }
        (Action::Challenge, None) | (Action::Deny, _) => {
            Some(denied(decision, id))
        }
    }
}

impl std::convert::From<challenge::Answer> for Answer {
    fn from(page: challenge::Answer) -> Self {
        let field = |(name, value)| (Cow::Borrowed(name), value);
        Self {
            status: page.status,
            fields: page.headers.into_iter().map(field).collect(),
            head: Vec::new(),
            body: page.body.into_bytes(),
        }
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
pub(crate) fn texts<'p>(place: &Place<'p>) -> PlaceText<'p> {
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
        self.0.error(rule, error);
    }
}
