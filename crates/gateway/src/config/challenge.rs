//! Pages that ask for work, and decisions for proxies of others.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use asgard_model::Prefix;

/// Pages that ask for work or patience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeConfig {
    /// Keys, newest first, one a line; `None`: made at start, gone at the end.
    pub key_file: Option<PathBuf>,
    /// Name of the cookie.
    pub cookie: String,
    /// How long a passed challenge counts.
    pub ttl: Duration,
    /// What a cookie is bound to.
    pub bind: Vec<Binding>,
    /// Of the page.
    pub status: u16,
    /// Paths that are never challenged; a final `/` means: and below.
    pub exempt_paths: Vec<String>,
}

/// What a cookie is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The client's /24 or /48.
    Network,
    /// The user agent.
    UserAgent,
}

/// Decisions for proxies of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Address and port of questions over HTTP; `None` if only
    /// [`super::Config::server`] is asked.
    pub bind: Option<SocketAddr>,
    /// What bare `/v1/verdict` means.
    pub contract: Contract,
    /// Whose facts are believed.
    pub trusted_peers: Vec<Prefix>,
    /// When we cannot decide.
    pub on_failure: OnFailure,
}

/// Headers by which a proxy tells about a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contract {
    /// `X-Forwarded-*`: Traefik, Caddy, APISIX.
    #[default]
    Forward,
    /// `X-Original-*`: nginx `auth_request`.
    Nginx,
    /// Envoy `ext_authz` over HTTP.
    Envoy,
}

/// What happens when we cannot decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The request passes.
    Allow,
    /// It does not.
    Deny,
}
