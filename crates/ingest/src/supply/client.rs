//! The one HTTP client for sources: what it trusts, and how long it waits.
//!
//! Certificates are those of the operating system, the cryptography is
//! aws-lc. Refused: proxies of the environment, redirects without end, to
//! private addresses, or from https to http.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect};

use super::{Egress, Refusal, SupplyError};

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// How long the network may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From resolution to an open connection.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
}

impl Default for Timing {
    /// 10 s to connect, 30 s of silence.
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), idle: Duration::from_secs(30) }
    }
}

/// A client, and why https cannot work on this machine, if so.
pub(super) fn client(
    egress: &Egress,
    timing: Timing,
) -> Result<(Client, Option<String>), SupplyError> {
    // Another part of the process may have installed it already: either way
    // there is a provider then.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let wrong =
        |error: reqwest::Error| SupplyError::NoClient(error.to_string());
    match builder(egress, timing).build() {
        Ok(client) => Ok((client, None)),
        Err(error) => {
            // A system without certificates can still read http, and must
            // start: its sources then say what is missing.
            let bare = builder(egress, timing).tls_certs_only([]);
            let cause = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            let problem = format!(
                "no CA certificates on this system ({cause}); \
                 install the package ca-certificates"
            );
            Ok((bare.build().map_err(wrong)?, Some(problem)))
        }
    }
}

fn builder(egress: &Egress, timing: Timing) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("asgard/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timing.connect)
        .read_timeout(timing.idle)
        .redirect(redirects(egress.clone()))
        .dns_resolver(egress.clone())
        // A proxy would resolve names where we cannot check them.
        .no_proxy()
        .referer(false)
}

fn redirects(egress: Egress) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        let from = attempt.previous().last().map(reqwest::Url::scheme);
        let to = attempt.url();
        if attempt.previous().len() > MAX_REDIRECTS {
            return attempt.error(Refusal::Redirects(MAX_REDIRECTS));
        }
        if from == Some("https") && to.scheme() == "http" {
            let url = to.to_string();
            return attempt.error(Refusal::Downgrade(url));
        }
        match egress.check(to) {
            Ok(()) => attempt.follow(),
            Err(refusal) => attempt.error(refusal),
        }
    })
}
