//! What a proxy tells about its client's request, by the contract.
//!
//! | contract | from |
//! |---|---|
//! | nginx | `X-Original-URI`, `X-Original-Method`, `X-Original-Host`, `X-Real-IP` |
//! | forward | `X-Forwarded-Method`, `-Uri`, `-Host`, `-Proto`, `-For` |
//! | envoy | the target, method and `Host` of the question, `X-Forwarded-For` |
//!
//! Each must be there, once. `User-Agent`, `Cookie` and all others are the
//! client's own, as they came through. A target or a host is taken or refused as
//! if the client had sent it to us.

use std::{borrow::Cow, net::IpAddr};

use asgard_policy::gate::{path, told::rule_host};

use super::Endpoint;
use crate::{
    client_address::{ClientHeader, client_address, hop_of},
    config::Contract,
    decide::From,
    generation::Generation,
    http1::head::Refusal,
    request::{
        Request, name,
        target::{self, Target},
    },
    worker::Worker,
};

/// What is wrong with a question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// A header of the contract is not there.
    Missing(&'static str),
    /// It is there twice, or says nothing that makes sense.
    Malformed(&'static str),
    /// The client's request is none that we would take.
    Refused(Refusal),
}

impl std::convert::From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
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
        let told = Told::by(request, endpoint.contract);
        let text = |saying: Saying<'r>, name| saying.text(request, name);
        let client = || forwarded_for(request, generation, worker, from);
        let method = |name| match endpoint.target {
            Some(_) => Ok(request.method),
            None => text(told.method, name),
        };
        let target = |method, name| -> Result<&'r str, Problem> {
            if let Some(target) = endpoint.target {
                return Ok(target);
            }
            let told = text(told.target, name)?;
            Ok(Target::parse(method, told)?.path_and_query)
        };
        let redeems = endpoint.target.is_some();
        Ok(match endpoint.contract {
            Contract::Nginx => Self {
                client: hop_of(text(told.client, "X-Real-IP")?)
                    .ok_or(Problem::Malformed("X-Real-IP"))?,
                method: method("X-Original-Method")?,
                host: rule_host(match redeems {
                    true => request.host,
                    false => text(told.host, "X-Original-Host")?,
                }),
                target: target(method("X-Original-Method")?, "X-Original-URI")?,
                secure: text(told.scheme, "X-Forwarded-Proto")
                    .is_ok_and(|scheme| scheme == "https"),
            },
            Contract::Forward => Self {
                client: client()?,
                method: method("X-Forwarded-Method")?,
                host: rule_host(target::host(
                    request.whole,
                    text(told.host, "X-Forwarded-Host")?.as_bytes(),
                )?),
                target: target(
                    method("X-Forwarded-Method")?,
                    "X-Forwarded-Uri",
                )?,
                secure: matches!(
                    text(told.scheme, "X-Forwarded-Proto")?,
                    "https" | "wss"
                ),
            },
            Contract::Envoy => Self {
                client: client()?,
                method: request.method,
                host: rule_host(request.host),
                target: endpoint
                    .target
                    .unwrap_or(request.target.path_and_query),
                secure: text(told.scheme, "X-Forwarded-Proto")
                    .is_ok_and(|scheme| scheme == "https"),
            },
        })
    }

    /// The path, without the query.
    pub(super) fn path(&self) -> &'r str {
        path::split(self.target).0
    }
}

/// What the proxy says by the fields of a contract, collected in one pass.
#[derive(Clone, Copy, Debug, Default)]
struct Told<'r> {
    client: Saying<'r>,
    method: Saying<'r>,
    host: Saying<'r>,
    target: Saying<'r>,
    scheme: Saying<'r>,
}

/// The value of a field that must be there once.
#[derive(Clone, Copy, Debug, Default)]
enum Saying<'r> {
    #[default]
    Missing,
    Once(&'r [u8]),
    Repeated,
}

impl<'r> Told<'r> {
    fn by(request: &Request<'r>, contract: Contract) -> Self {
        use Contract::{Forward, Nginx};
        let mut told = Self::default();
        for field in request.fields {
            let is = |wanted| name::is(field.name, wanted);
            let saying = match (contract, field.name.len()) {
                (Nginx, 9) if is("X-Real-IP") => &mut told.client,
                (Nginx, 17) if is("X-Original-Method") => &mut told.method,
                (Nginx, 15) if is("X-Original-Host") => &mut told.host,
                (Nginx, 14) if is("X-Original-URI") => &mut told.target,
                (Forward, 18) if is("X-Forwarded-Method") => &mut told.method,
                (Forward, 16) if is("X-Forwarded-Host") => &mut told.host,
                (Forward, 15) if is("X-Forwarded-Uri") => &mut told.target,
                (_, 17) if is("X-Forwarded-Proto") => &mut told.scheme,
                _ => continue,
            };
            *saying = match saying {
                Saying::Missing => Saying::Once(field.value),
                Saying::Once(_) | Saying::Repeated => Saying::Repeated,
            };
        }
        told
    }
}

impl<'r> Saying<'r> {
    /// The text of the field called `name`.
    fn text(
        self,
        request: &Request<'r>,
        name: &'static str,
    ) -> Result<&'r str, Problem> {
        let Self::Once(value) = self else {
            return Err(match self {
                Self::Repeated => Problem::Malformed(name),
                _ => Problem::Missing(name),
            });
        };
        match request.text(value.trim_ascii()) {
            None => Err(Problem::Malformed(name)),
            Some("") => Err(Problem::Missing(name)),
            Some(value) => Ok(value),
        }
    }
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
