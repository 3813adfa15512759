//! What a proxy tells about its client's request, by the contract.
//!
//! | contract | from |
//! |---|---|
//! | nginx | `X-Original-URI`, `X-Original-Method`, `X-Original-Host`, `X-Real-IP` |
//! | forward | `X-Forwarded-Method`, `-Uri`, `-Host`, `-Proto`, `-For` |
//! | envoy | the target, method and `Host` of the question, `X-Forwarded-For` |
//!
//! Each must be there, once. `User-Agent`, `Cookie` and all others are the
//! client's own, as they came through.

use std::{borrow::Cow, net::IpAddr};

use asgard_policy::gate::path;

use super::Endpoint;
use crate::{
    client_address::{ClientHeader, client_address, hop},
    config::Contract,
    decide::{From, rule_host},
    generation::Generation,
    request::Request,
    worker::Worker,
};

/// What nginx tells.
const OF_NGINX: [&str; 4] =
    ["X-Original-URI", "X-Original-Method", "X-Original-Host", "X-Real-IP"];

/// What is wrong with a question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// A header of the contract is not there.
    Missing(&'static str),
    /// It is there twice, or says nothing that makes sense.
    Malformed(&'static str),
}

/// What was told.
#[derive(Debug)]
pub(super) struct Question<'r> {
    pub(super) client: IpAddr,
    pub(super) method: &'r str,
    pub(super) host: Cow<'r, str>,
    /// Path and query.
    pub(super) target: &'r str,
    pub(super) secure: bool,
}

impl<'r> Question<'r> {
    pub(super) fn read(
        endpoint: &Endpoint<'r>,
        request: &Request<'r>,
        generation: &Generation,
        (worker, from): (&Worker, From),
    ) -> Result<Self, Problem> {
        let one = |name| one(request, name);
        let client = || forwarded_for(request, generation, worker, from);
        let redeems = endpoint.target.is_some();
        Ok(match endpoint.contract {
            Contract::Nginx => Self {
                client: hop(one("X-Real-IP")?.as_bytes())
                    .ok_or(Problem::Malformed("X-Real-IP"))?,
                method: match redeems {
                    true => request.method,
                    false => one("X-Original-Method")?,
                },
                host: rule_host(match redeems {
                    true => request.host,
                    false => one("X-Original-Host")?,
                }),
                target: match endpoint.target {
                    Some(target) => target,
                    None => target(one("X-Original-URI")?)
                        .ok_or(Problem::Malformed("X-Original-URI"))?,
                },
                secure: one("X-Forwarded-Proto")
                    .is_ok_and(|scheme| scheme == "https"),
            },
            Contract::Forward => Self {
                client: client()?,
                method: match redeems {
                    true => request.method,
                    false => one("X-Forwarded-Method")?,
                },
                host: rule_host(one("X-Forwarded-Host")?),
                target: match endpoint.target {
                    Some(target) => target,
                    None => target(one("X-Forwarded-Uri")?)
                        .ok_or(Problem::Malformed("X-Forwarded-Uri"))?,
                },
                secure: matches!(one("X-Forwarded-Proto")?, "https" | "wss"),
            },
            Contract::Envoy => Self {
                client: client()?,
                method: request.method,
                host: rule_host(request.host),
                target: endpoint
                    .target
                    .unwrap_or(request.target.path_and_query),
                secure: one("X-Forwarded-Proto")
                    .is_ok_and(|scheme| scheme == "https"),
            },
        })
    }

    /// The path, without the query.
    pub(super) fn path(&self) -> &'r str {
        path::split(self.target).0
    }
}

/// Whether a field belongs to a contract and not to the client.
pub(super) fn is_of_contract(name: &str) -> bool {
    if !matches!(name.as_bytes().first(), Some(b'x' | b'X')) {
        return false;
    }
    let starts = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
    };
    starts("x-forwarded-")
        || starts("x-envoy-")
        || OF_NGINX.iter().any(|of| name.eq_ignore_ascii_case(of))
}

/// The one value of a field.
fn one<'r>(
    request: &Request<'r>,
    name: &'static str,
) -> Result<&'r str, Problem> {
    let mut found = request
        .fields
        .iter()
        // Most differ in their length: that is seen first.
        .filter(|field| field.name.len() == name.len())
        .filter(|field| field.name.eq_ignore_ascii_case(name))
        .map(|field| field.value);
    let value = found.next().ok_or(Problem::Missing(name))?;
    if found.next().is_some() {
        return Err(Problem::Malformed(name));
    }
    let value = std::str::from_utf8(value)
        .map_err(|_| Problem::Malformed(name))?
        .trim();
    match value {
        "" => Err(Problem::Missing(name)),
        value => Ok(value),
    }
}

/// A path with query; the absolute form is cut to it.
fn target(told: &str) -> Option<&str> {
    if told.starts_with('/') {
        return Some(told);
    }
    let rest = told.split_once("://")?.1;
    Some(rest.find('/').map_or("/", |at| &rest[at..]))
}

/// The client by `X-Forwarded-For`, right to left, skipping who is trusted:
/// the peer that asks, and the operator's other proxies.
fn forwarded_for(
    request: &Request<'_>,
    generation: &Generation,
    worker: &Worker,
    from: From,
) -> Result<IpAddr, Problem> {
    const NAME: &str = "X-Forwarded-For";
    let fields = request.fields.iter().map(|f| (f.name, f.value));
    if !fields.clone().any(|(name, _)| name.eq_ignore_ascii_case(NAME)) {
        return Err(Problem::Missing(NAME));
    }
    let header = ClientHeader::ForwardedFor;
    let Generation { setup, data } = generation;
    let vouches = |address| setup.vouches(data, address);
    let found = client_address(from.peer.ip(), vouches, &header, fields);
    if let Some(reason) = found.rejected {
        worker.metrics.rejected(reason);
    }
    match found.rejected {
        // Garbage beside the last good hop ends the walk there.
        Some(_) if found.client == from.peer.ip() => {
            Err(Problem::Malformed(NAME))
        }
        _ => Ok(found.client),
    }
}
