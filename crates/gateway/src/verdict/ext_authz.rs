//! Verdicts for Envoy, by `envoy.service.auth.v3.Authorization/Check`.
//!
//! Envoy tells the whole request in one message, and who is connected with it:
//! that is the peer, and forwarding headers are believed as everywhere else. What
//! is said is what [`super::decide`] says over HTTP.
//!
//! A fault of the visitor (a path that cannot be decoded, too many headers) is a
//! denial with its status, never an error of gRPC: with `failure_mode_allow`
//! Envoy lets pass what it got an error for, and then a visitor could open the
//! door by a malformed request. Errors are left for what only Envoy can do wrong.

use std::net::IpAddr;

use asgard_policy::gate::told::rule_host;
use httparse::Header;
use hyper::body::Bytes;
use prost::Message as _;

use super::{action, question::Question, ruling::Ruling};
use crate::{
    answer::Answer,
    client_address::{ClientHeader, client_address, hop},
    config::{Limits, WhenUnknown},
    decide::{From, Record},
    generation::Generation,
    headers::Fate,
    http1::head::{MAX_FIELDS, Refusal},
    metrics::Kind,
    request::target::{self, Target},
    setup::Setup,
    worker::Worker,
};
use message::{
    APPEND_IF_EXISTS_OR_ADD, CheckRequest, CheckResponse, DeniedHttpResponse,
    HeaderValueOption, HttpRequest, HttpStatus, OVERWRITE_IF_EXISTS_OR_ADD,
    OkHttpResponse, Status, Struct, TextHeader, Value,
};

mod message;

/// `google.rpc.Code`: the request passes.
const OK: i32 = 0;
/// It does not.
const PERMISSION_DENIED: i32 = 7;

/// What is wrong with a question, by whoever asked it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The asker is not one of `verdict.trusted_peers`.
    #[error("untrusted peer")]
    Stranger,
    /// The bytes are no message.
    #[error("no CheckRequest: {0}")]
    Undecodable(#[from] prost::DecodeError),
    /// A part that Envoy always sends.
    #[error("missing {0}")]
    Missing(&'static str),
    /// A part that says nothing.
    #[error("malformed {0}")]
    Malformed(&'static str),
}

/// An answer, and what is counted of it.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The `CheckResponse`.
    pub(crate) message: Vec<u8>,
    /// What the client will see of us: 200 if the request passes.
    pub(crate) status: u16,
    /// `None` if it was no proper request.
    pub(crate) record: Option<Record>,
}

impl Checked {
    /// For its metric.
    pub(crate) fn kind(&self) -> Kind {
        self.record.as_ref().map_or(Kind::Malformed, |record| record.kind)
    }
}

/// Whether this asker is answered at all.
pub(crate) fn admit(generation: &Generation, from: From) -> Result<(), Fault> {
    match generation.setup.may_ask(from.peer.ip()) {
        true => Ok(()),
        false => Err(Fault::Stranger),
    }
}

/// A denial of what could not be asked about.
pub(crate) fn refuse(refusal: Refusal) -> Checked {
    let answer = Answer::refusal(refusal);
    let status = answer.status;
    let denied = denied(answer, Struct::default());
    Checked { message: denied.encode_to_vec(), status, record: None }
}

/// Answers a question of an asker who was admitted.
pub(crate) fn check(
    worker: &Worker,
    generation: &Generation,
    message: Bytes,
) -> Result<Checked, Fault> {
    const SOURCE: &str = "attributes.source.address.socket_address";
    let request = CheckRequest::decode(message)?;
    let attributes = request.attributes.unwrap_or_default();
    let source = attributes
        .source
        .and_then(|peer| peer.address?.socket_address)
        .ok_or(Fault::Missing(SOURCE))?;
    let peer = hop(&source.address).ok_or(Fault::Malformed(SOURCE))?;
    let http = attributes
        .request
        .and_then(|request| request.http)
        .ok_or(Fault::Missing("attributes.request.http"))?;
    Ok(match answer(worker, generation, peer, &http) {
        Ok(checked) => checked,
        Err(refusal) => refuse(refusal),
    })
}

fn answer(
    worker: &Worker,
    generation: &Generation,
    peer: IpAddr,
    http: &HttpRequest,
) -> Result<Checked, Refusal> {
    let setup = &*generation.setup;
    let none = Refusal { status: 403, reason: "verdict is not configured" };
    let settings = setup.config.verdict.as_ref().ok_or(none)?;
    let fields = fields(http)?;
    within(&setup.config.limits, http, &fields)?;
    let question = question(worker, generation, peer, http, &fields)?;
    let told = (fields.as_slice(), "");
    let mut ruling = Ruling::of(worker, generation, settings, &question, told)?;
    let metadata = metadata(&ruling);
    let (response, status) = match ruling.own.take() {
        None => (passed(setup, &ruling, &fields, metadata), 200),
        Some(own) => {
            let status = own.status;
            (denied(own, metadata), status)
        }
    };
    Ok(Checked {
        message: response.encode_to_vec(),
        status,
        record: Some(ruling.record),
    })
}

/// The client's fields, without pseudo-headers.
fn fields(http: &HttpRequest) -> Result<Vec<Header<'_>>, Refusal> {
    let mapped = http.headers.iter().map(|entry| (&entry.key, &entry.value));
    let raw = http.header_map.iter().flat_map(|map| &map.headers);
    let raw = raw.map(|header| match header.raw_value.is_empty() {
        true => (&header.key, &header.value),
        false => (&header.key, &header.raw_value),
    });
    mapped
        .chain(raw)
        .filter(|(name, _)| !name.starts_with(b":"))
        .map(|(name, value)| {
            let name = std::str::from_utf8(name)
                .map_err(|_| Refusal::bad("malformed field name"))?;
            Ok(Header { name, value })
        })
        .collect()
}

/// The limits that hold for requests to ourselves.
fn within(
    limits: &Limits,
    http: &HttpRequest,
    fields: &[Header<'_>],
) -> Result<(), Refusal> {
    if http.path.len() > limits.uri_bytes {
        return Err(Refusal { status: 414, reason: "URI too long" });
    }
    if fields.len() > limits.headers.min(MAX_FIELDS) {
        let reason = "too many header fields";
        return Err(Refusal { status: 431, reason });
    }
    // Colon, space and line end are part of a head.
    let of_fields = fields.iter().map(|f| f.name.len() + f.value.len() + 4);
    if http.path.len() + of_fields.sum::<usize>() > limits.header_bytes {
        let reason = "header fields too large";
        return Err(Refusal { status: 431, reason });
    }
    Ok(())
}

fn question<'r>(
    worker: &Worker,
    generation: &Generation,
    peer: IpAddr,
    http: &'r HttpRequest,
    fields: &[Header<'_>],
) -> Result<Question<'r>, Refusal> {
    let header = ClientHeader::ForwardedFor;
    let told = fields.iter().map(|field| (field.name, field.value));
    let Generation { setup, data } = generation;
    let vouches = |address| setup.vouches(data, address);
    let found = client_address(peer, vouches, &header, told);
    if let Some(reason) = found.rejected {
        worker.metrics.rejected(reason);
    }
    let method = std::str::from_utf8(&http.method)
        .ok()
        .filter(|method| asgard_policy::gate::read::is_header_name(method))
        .ok_or(Refusal::bad("malformed method"))?;
    let path = std::str::from_utf8(&http.path)
        .map_err(|_| Refusal::bad("path is not UTF-8"))?;
    let target = Target::parse(method, path)?;
    let proto = fields.iter().find(|field| field.name == "x-forwarded-proto");
    let proto = proto.map_or(&*http.scheme, |field| field.value);
    Ok(Question {
        client: found.client,
        method,
        host: rule_host(target::host("", &http.host)?),
        target: target.path_and_query,
        secure: proto == b"https",
    })
}

/// The request goes on, with our headers in place of forged ones.
fn passed(
    setup: &Setup,
    ruling: &Ruling<'_>,
    fields: &[Header<'_>],
    metadata: Struct,
) -> CheckResponse {
    let names = &setup.config.features.asn.downstream_headers;
    let omits = names.when_unknown == WhenUnknown::Omit;
    let mut ok = OkHttpResponse::default();
    ruling.each_header(setup, |name, value| {
        if value.is_empty() && omits {
            return ok.headers_to_remove.push(name.to_owned());
        }
        let value = String::from_utf8_lossy(value).into_owned();
        let action = OVERWRITE_IF_EXISTS_OR_ADD;
        ok.headers.push(header(name.to_owned(), value, action));
    });
    for field in fields {
        let forged = setup.strip.fate(field.name, false) == Fate::Forged;
        if forged && !is_among(&ok.headers, field.name) {
            ok.headers_to_remove.push(field.name.to_owned());
        }
    }
    CheckResponse {
        status: Some(Status { code: OK }),
        ok_response: Some(ok),
        denied_response: None,
        dynamic_metadata: Some(metadata),
    }
}

/// The client gets this.
fn denied(answer: Answer, metadata: Struct) -> CheckResponse {
    let mut headers: Vec<HeaderValueOption> = Vec::new();
    for (name, value) in answer.fields {
        let action = match is_among(&headers, &name) {
            true => APPEND_IF_EXISTS_OR_ADD,
            false => OVERWRITE_IF_EXISTS_OR_ADD,
        };
        headers.push(header(name.into_owned(), value, action));
    }
    CheckResponse {
        status: Some(Status { code: PERMISSION_DENIED }),
        denied_response: Some(DeniedHttpResponse {
            status: Some(HttpStatus { code: answer.status.into() }),
            headers,
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        }),
        ok_response: None,
        dynamic_metadata: Some(metadata),
    }
}

fn is_among(headers: &[HeaderValueOption], name: &str) -> bool {
    headers
        .iter()
        .filter_map(|option| option.header.as_ref())
        .any(|header| header.key.eq_ignore_ascii_case(name))
}

fn header(key: String, value: String, append_action: i32) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(TextHeader { key, value }),
        append_action,
        keep_empty_value: true,
    }
}

/// For Envoy's access log and its other filters.
fn metadata(ruling: &Ruling<'_>) -> Struct {
    let text = |text: &str| Value { text: Some(text.to_owned()), number: None };
    let number = |number: f64| Value { number: Some(number), text: None };
    let record = &ruling.record;
    let mut fields = vec![
        ("action", text(action(record.kind))),
        ("client", text(&record.client.to_string())),
        ("request_id", text(record.id.as_str())),
        ("rule", text(ruling.rule)),
    ];
    if let Some(network) = &ruling.network {
        fields.push(("asn", number(network.asn.0.into())));
        if let Some((score, level)) = network.risk {
            fields.push(("score", number(score.into())));
            fields.push(("level", text(level.as_str())));
        }
    }
    if let Some(error) = ruling.error {
        fields.push(("error", text(error)));
    }
    let named = |(name, value): (&str, Value)| (name.to_owned(), value);
    Struct { fields: fields.into_iter().map(named).collect() }
}

#[cfg(test)]
pub(super) mod tests;
