//! Options of the servers: `serve` and `gateway`.

use clap::Args;

use crate::config::EdlAuthSetting;

/// Options of `serve`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Serve {
    /// Address and port of the API; port 0 picks a free one
    /// [default: 127.0.0.1:8080].
    #[arg(long, env = "ASGARD_LISTEN", value_name = "ADDR:PORT")]
    pub(crate) listen: Option<std::net::SocketAddr>,
    /// Requests a minute for each key or address; 0 is no limit
    /// [default: 100].
    #[arg(long, value_name = "N")]
    pub(crate) rate_limit: Option<u32>,
    /// Whether `/feeds/edl` needs a key [default: none].
    #[arg(long, value_enum, value_name = "none|key")]
    pub(crate) edl_auth: Option<EdlAuthSetting>,
    /// A validator to follow over RTR (RFC 8210): its VRPs and ASPAs rule over
    /// those of files while they are good. May be repeated, the preferred one
    /// first.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) rtr: Vec<String>,
    /// BGP as it happens: address of RIS Live, or `off` [default: RIPE's; with
    /// --mirror or --demo, off].
    #[arg(long, value_name = "URL|off")]
    pub(crate) ris_live: Option<String>,
    /// Only what this collector hears: that of the dump; may be repeated
    /// [default: rrc00].
    #[arg(long, value_name = "NAME")]
    pub(crate) ris_live_host: Vec<String>,
    /// Name server for domain risk [default: those of the system].
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) resolver: Option<std::net::SocketAddr>,
    /// API of PeeringDB, asked as URL/net?asn=N
    /// [default: the public one; with --demo, nobody].
    #[arg(long, value_name = "URL")]
    pub(crate) peeringdb_url: Option<String>,
}

/// Options of `gateway`; everything else is in the file of `--config`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Gateway {
    /// Threads that serve clients [default: one a core].
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<std::num::NonZero<usize>>,
}
