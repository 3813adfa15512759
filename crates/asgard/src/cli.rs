//! The command line: what the user literally said.
//!
//! Data goes to stdout, talk to stderr. No option takes a secret but `--key` of
//! `feed` and `agent`, which is better given as `ASGARD_API_KEY`: others see command lines.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::command::{agent::AgentAction, rules::RulesAction};

mod admin;
mod bgp;
mod feed;
mod query;
mod serve;

pub(crate) use self::{
    admin::{
        AuditAction, ConfigAction, CreateKey, KeysAction, SourceAction,
        WhitelistAction,
    },
    bgp::{Live, LiveForm, Mrt, MrtForm, MrtSource, Synth},
    feed::{
        AccessAction, Aggregate, Difference, FeedAction, Judge, NewAccess,
        Pull, Remote, Rollback, Verify, Versions,
    },
    query::{Form, MmdbAction, MmdbBuild, Output, Query, Top},
    serve::{Gateway, Serve},
};

/// Scores every Autonomous System of the Internet, and says why.
#[derive(Debug, Parser)]
#[command(name = "asgard", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Common {
    /// Configuration file (YAML); flags and environment override it.
    #[arg(long, global = true, env = "ASGARD_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where scores, history, keys and sources are kept.
    #[arg(long, global = true, env = "ASGARD_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Read every source from this directory instead of the network.
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "demo")]
    pub(crate) mirror: Option<PathBuf>,
    /// Use an embedded, generated world: no network, no real data.
    #[arg(long, global = true)]
    pub(crate) demo: bool,
    /// The moment for which scores are computed: YYYY-MM-DD, `newest` (the
    /// newest observation found; default with --mirror) or `now` (default).
    #[arg(long, global = true, value_name = "DATE|newest|now")]
    pub(crate) as_of: Option<String>,
    /// Leave out a source or a whole family; may be repeated.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) exclude_source: Vec<String>,
    /// Say more; twice for details.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Log as JSON lines.
    #[arg(long, global = true)]
    pub(crate) log_json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Score, and answer over HTTP.
    Serve(Serve),
    /// Stand in front of web applications: a proxy with rules by network.
    Gateway(Gateway),
    /// Say who is behind an address, prefix or AS number, and how bad.
    Lookup(Query),
    /// Explain a score: reasons, evidence, sources, ages.
    Why(Query),
    /// List the worst or the best networks.
    Top(Top),
    /// Print BGP data: MRT files and recordings of RIS Live.
    Mrt(Mrt),
    /// Write an invented Internet, with its BGP data and what is planted in it.
    Synth(Synth),
    /// Print BGP as it happens: RIPE's RIS Live.
    Live(Live),
    /// Show and refresh the sources.
    Source {
        #[command(subcommand)]
        action: SourceAction,
    },
    /// Lists of addresses for firewalls.
    Feed {
        #[command(subcommand)]
        action: FeedAction,
    },
    /// Keep the sets of a firewall equal to a feed.
    Agent {
        #[command(subcommand)]
        action: AgentAction,
    },
    /// Check, test, explain and replay rules of the gateway.
    Rules {
        #[command(subcommand)]
        action: RulesAction,
    },
    /// What an organisation blocks.
    Block {
        #[command(subcommand)]
        action: AccessAction,
    },
    /// What no feed of an organisation may name.
    Protected {
        #[command(subcommand)]
        action: AccessAction,
    },
    /// Make, list, rotate and revoke API keys.
    #[command(visible_alias = "key")]
    Keys {
        #[command(subcommand)]
        action: KeysAction,
    },
    /// Show and check who wrote what: keys and the whitelist.
    Audit {
        #[command(subcommand)]
        action: AuditAction,
    },
    /// Write the routing table as a MaxMind DB.
    Mmdb {
        #[command(subcommand)]
        action: MmdbAction,
    },
    /// Check or show the configuration.
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// Trust a network whatever the data say.
    Whitelist {
        #[command(subcommand)]
        action: WhitelistAction,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
