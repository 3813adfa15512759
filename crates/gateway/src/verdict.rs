//! Verdicts for the proxies of others: over HTTP here, over gRPC in
//! [`ext_authz`].
//!
//! A proxy asks about each request before it passes it on: nginx by
//! `auth_request`, Traefik by `ForwardAuth`, Caddy by `forward_auth`, APISIX by
//! `forward-auth`, Envoy by `ext_authz`. What it tells is believed only from
//! `verdict.trusted_peers`, and only the headers of the [`Contract`] that the
//! endpoint names: what another kind of proxy would send is the client's
//! word. Every answer carries all headers about the network, empty if unknown,
//! so that the proxy replaces forged ones.
//!
//! Refused, visibly: a question that lacks a header of its contract, or comes
//! from a stranger (403, `X-Asgard-Error`). A misconfigured proxy shows at its
//! first request.

pub(crate) mod ext_authz;
mod question;
mod ruling;

use std::{borrow::Cow, mem};

use crate::{
    answer::Answer,
    challenge,
    config::{Contract, Verdict as Settings},
    decide::{From, Record, Verdict},
    generation::Generation,
    http1::head::Refusal,
    metrics::Kind,
    request::Request,
    worker::Worker,
};
use question::{Problem, Question};
use ruling::Ruling;

/// Where questions are asked.
const ENDPOINT: &str = "/v1/verdict";

/// What an endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Allow is 204; else the response that the client shall see.
    Whole,
    /// nginx: 204, 401 for a challenge, 403; it takes no other, and no page.
    Code,
    /// nginx fetches the page for the client after a 401 or 403.
    Page,
    /// Envoy: only 200 is allow.
    Envoy,
}

/// An endpoint of the listener.
#[derive(Clone, Copy, Debug)]
struct Endpoint<'r> {
    contract: Contract,
    manner: Manner,
    /// Path and query of the client's request, if the contract has them in
    /// the target.
    target: Option<&'r str>,
}

/// Decides about a question; `room` becomes the head of the answer.
pub(crate) fn decide(
    worker: &Worker,
    generation: &Generation,
    from: From,
    request: &Request<'_>,
    room: &mut Vec<u8>,
) -> Result<(Verdict, Record), Refusal> {
    let setup = &*generation.setup;
    let Some(settings) = &setup.config.verdict else {
        // A reload took the section away; the listener lives until the end.
        return Ok(refused(worker, from, "verdict is not configured"));
    };
    let peer = from.peer.ip();
    if !setup.may_ask(peer) {
        return Ok(refused(worker, from, "untrusted peer"));
    }
    let Some(endpoint) = endpoint(request, settings) else {
        return Ok(refused(worker, from, "no such endpoint"));
    };
    let by = (worker, from);
    let question = match Question::read(&endpoint, request, generation, by) {
        Ok(question) => question,
        Err(Problem::Missing(name)) => {
            let error = format!("missing {name}");
            return Ok(refused(worker, from, &error));
        }
        Err(Problem::Malformed(name)) => {
            let error = format!("malformed {name}");
            return Ok(refused(worker, from, &error));
        }
        Err(Problem::Refused(refusal)) => {
            return unclear(worker, from, &endpoint, refusal);
        }
    };
    let fields = (request.fields, request.whole);
    let ruling = Ruling::of(worker, generation, settings, &question, fields);
    let ruling = match ruling {
        Ok(ruling) => ruling,
        Err(refusal) => return unclear(worker, from, &endpoint, refusal),
    };
    let head = mem::take(room);
    Ok(answer(generation, &endpoint, ruling, question.target, head))
}

/// Which endpoint a question goes to.
fn endpoint<'r>(
    request: &Request<'r>,
    settings: &Settings,
) -> Option<Endpoint<'r>> {
    let of =
        |contract, manner| Some(Endpoint { contract, manner, target: None });
    let by_default = match settings.contract {
        Contract::Nginx => Manner::Code,
        Contract::Forward => Manner::Whole,
        Contract::Envoy => Manner::Envoy,
    };
    if request.target.path == challenge::PATH {
        // The proxy passes these requests on to us as they are.
        let target = Some(request.target.path_and_query);
        let contract = settings.contract;
        return Some(Endpoint { contract, manner: Manner::Whole, target });
    }
    // A query beside it is the proxy's business.
    match request.target.path.strip_prefix(ENDPOINT)? {
        "" => of(settings.contract, by_default),
        "/forward" => of(Contract::Forward, Manner::Whole),
        "/nginx" => of(Contract::Nginx, Manner::Code),
        "/nginx/page" => of(Contract::Nginx, Manner::Page),
        _ => {
            let whole = request.target.path_and_query;
            let target =
                whole.strip_prefix(ENDPOINT)?.strip_prefix("/envoy")?;
            let target = if target.is_empty() { "/" } else { target };
            target.starts_with('/').then_some(Endpoint {
                contract: Contract::Envoy,
                manner: Manner::Envoy,
                target: Some(target),
            })
        }
    }
}

/// The answer in the manner of the proxy; `target` is the client's. `head` is
/// empty.
fn answer(
    generation: &Generation,
    endpoint: &Endpoint<'_>,
    ruling: Ruling<'_>,
    target: &str,
    mut head: Vec<u8>,
) -> (Verdict, Record) {
    ruling.each_header(&generation.setup, |name, value| {
        crate::headers::put_field(&mut head, name, value);
    });
    let Ruling { record, rule, own, error, .. } = ruling;
    let mut answer = match (own, endpoint.manner) {
        (None, Manner::Envoy) => empty(200),
        (None, Manner::Page) => {
            // Between the two questions the answer has changed: once more.
            let mut again = empty(307);
            let to = challenge::local(target).to_owned();
            again.fields.push(("Location".into(), to));
            again
        }
        (None, _) => empty(204),
        (Some(_), Manner::Code) => empty(match record.kind {
            Kind::Challenge => 401,
            _ => 403,
        }),
        (Some(own), Manner::Page) => own,
        // Proxies let pass what they get a 2xx for.
        (Some(own), Manner::Whole | Manner::Envoy) => match own.status {
            200..300 => Answer { status: 403, ..own },
            _ => own,
        },
    };
    for (name, value) in [
        ("X-Asgard-Action", action(record.kind).as_bytes()),
        ("X-Asgard-Rule", rule.as_bytes()),
        ("X-Asgard-Request-Id", record.id.as_bytes()),
    ] {
        crate::headers::put_field(&mut head, name, value);
    }
    if let Some(error) = error {
        answer.fields.push(("X-Asgard-Error".into(), error.into()));
    }
    answer.head = head;
    (Verdict::Answer(answer), record)
}

fn action(kind: Kind) -> &'static str {
    match kind {
        Kind::Allow => "ALLOW",
        Kind::Challenge => "CHALLENGE",
        Kind::Deny | Kind::Malformed => "DENY",
    }
}

fn empty(status: u16) -> Answer {
    Answer { status, fields: Vec::new(), head: Vec::new(), body: Vec::new() }
}

/// The client's request is none: its proxy passes the refusal on. nginx takes
/// 403 alone for one; its question for the page gets the status.
fn unclear(
    worker: &Worker,
    from: From,
    endpoint: &Endpoint<'_>,
    refusal: Refusal,
) -> Result<(Verdict, Record), Refusal> {
    match endpoint.manner {
        Manner::Code => Ok(refused(worker, from, refusal.reason)),
        Manner::Whole | Manner::Page | Manner::Envoy => Err(refusal),
    }
}

/// A question that cannot be answered is a refusal that names the reason.
fn refused(worker: &Worker, from: From, error: &str) -> (Verdict, Record) {
    let mut answer = Answer::text(403, format!("{error}\n"));
    let field = |name, value: &str| (Cow::Borrowed(name), value.to_owned());
    answer.fields.push(field("X-Asgard-Error", error));
    answer.fields.push(field("X-Asgard-Action", "DENY"));
    let record = Record {
        kind: Kind::Malformed,
        rule: None,
        client: from.peer.ip(),
        asn: None,
        id: worker.ids.next(),
        line: None,
    };
    tracing::debug!(peer = %from.peer, error, "a question was refused");
    (Verdict::Answer(answer), record)
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod tests;
