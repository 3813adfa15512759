//! The command line: what the user literally said.
//!
//! Data goes to stdout, talk to stderr. No option takes a secret but `--key` of
//! `feed` and `agent`, which is better given as `ASGARD_API_KEY`: others see command lines.

use std::path::PathBuf;

use asgard_model::CountryCode;
use asgard_store::Scopes;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::command::{agent::AgentAction, rules::RulesAction};
use crate::config::EdlAuthSetting;
use crate::key_option::{ClientCidr, Lifetime, RateClass};

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

/// What to do with lists of addresses.
#[derive(Debug, Subcommand)]
pub(crate) enum FeedAction {
    /// Merge lists of hosts, prefixes and ranges into the shortest one.
    Aggregate(Aggregate),
    /// List the versions of the rules.
    List(Versions),
    /// Fetch a feed.
    Pull(Pull),
    /// Say what a change of rules would do, without doing it.
    Preview(Judge),
    /// Say what changed since a version or a tag.
    Diff(Difference),
    /// Give the present rules to the stable channel now.
    Publish(Remote),
    /// Make a new version with the rules of an older one.
    Rollback(Rollback),
    /// Check the signature of the manifest and the digest of the feed.
    Verify(Verify),
    /// Say that data which a guard holds back are good.
    Release(Remote),
}

/// A running asgard.
#[derive(Clone, Debug, Args)]
pub(crate) struct Remote {
    /// Where it answers.
    #[arg(
        long,
        env = "ASGARD_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub(crate) url: String,
    /// The API key; better in the environment.
    #[arg(
        long,
        env = "ASGARD_API_KEY",
        hide_env_values = true,
        value_name = "KEY"
    )]
    pub(crate) key: Option<String>,
}

/// Options of `feed list`.
#[derive(Debug, Args)]
pub(crate) struct Versions {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Options of `feed pull`.
#[derive(Debug, Args)]
pub(crate) struct Pull {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Form of the list: plain, nft, ipset, fortigate, …
    #[arg(long, value_name = "NAME")]
    pub(crate) format: Option<String>,
    /// Parameters of the feed, such as aggregate=true; may be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Replace this file, at once and only by a whole list.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Options of `feed preview`.
#[derive(Debug, Args)]
pub(crate) struct Judge {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// A rule, or a list of events, as JSON; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) rules: PathBuf,
}

/// Options of `feed diff`.
#[derive(Debug, Args)]
pub(crate) struct Difference {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// A version, or the tag of a list.
    #[arg(value_name = "VERSION|ETAG")]
    pub(crate) since: String,
    /// Parameters of the feed; may be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Options of `feed rollback`.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The version to go back to.
    #[arg(value_name = "VERSION")]
    pub(crate) to: u64,
}

/// Options of `feed verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Form of the list.
    #[arg(long, value_name = "NAME")]
    pub(crate) format: Option<String>,
    /// Parameters of the feed; may be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// The list, if it was fetched before.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The server's public key, kept from /v1/threat/feeds/key.
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Option<PathBuf>,
}

/// What to do with rules or protected entries.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum AccessAction {
    /// Add one, and print its id.
    Add(NewAccess),
    /// List them.
    List {
        /// The organisation.
        #[arg(long, value_name = "NAME")]
        org: String,
        #[command(flatten)]
        output: Output,
    },
    /// Remove one.
    Remove {
        /// The organisation.
        #[arg(long, value_name = "NAME")]
        org: String,
        /// Its id.
        id: uuid::Uuid,
    },
}

/// A new rule or protected entry.
#[derive(Clone, Debug, Args)]
pub(crate) struct NewAccess {
    /// The organisation.
    #[arg(long, value_name = "NAME")]
    pub(crate) org: String,
    /// Address, prefix, AS number (`AS64496`) or country (`NL`); `block` takes
    /// `risk:30`, `risk:CRITICAL` and `list:NAME` too.
    pub(crate) target: String,
    /// A name for people.
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    /// Why; `protected` needs one.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Days or hours after which it ends: `90d`, `12h`.
    #[arg(long, value_name = "DURATION")]
    pub(crate) expires: Option<Lifetime>,
    /// The share of all IPv4 addresses that is meant to be blocked, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    pub(crate) confirm_share: Option<f64>,
}

/// Options of `feed aggregate`.
#[derive(Debug, Args)]
pub(crate) struct Aggregate {
    /// Lists, one host, prefix or range a line; `#` and `;` begin comments;
    /// `-` is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    pub(crate) files: Vec<PathBuf>,
    /// A list of what to take out; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) except: Vec<PathBuf>,
    /// Print ranges (`first-last`) instead of prefixes.
    #[arg(long)]
    pub(crate) ranges: bool,
}

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

/// Options of `lookup` and `why`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Query {
    /// AS number (`AS15169`, `15169`), address or prefix.
    #[arg(required = true, value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// How results are written.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Output {
    /// Form of the output.
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) output: Form,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people; tab-separated when stdout is no terminal.
    Table,
    /// For programs.
    Json,
}

/// Options of `top`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Top {
    /// The lowest scores (default).
    #[arg(long, conflicts_with = "best")]
    pub(crate) worst: bool,
    /// The highest scores.
    #[arg(long)]
    pub(crate) best: bool,
    /// How many.
    #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
    pub(crate) count: usize,
    /// Only networks registered in this country.
    #[arg(long, value_name = "CC")]
    pub(crate) country: Option<CountryCode>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Options of `mrt`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Mrt {
    /// Files, in any compression; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Form of the output, one line for each route or state.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: MrtForm,
    /// What the files are; `auto` takes lines that begin with `{"` for
    /// messages of RIS Live, and all else for MRT.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) from: MrtSource,
}

/// Options of `synth`; `--as-of DATE` is the day on which its data end.
#[derive(Clone, Debug, Args)]
pub(crate) struct Synth {
    /// A new or empty directory, for `--mirror`.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Networks.
    #[arg(long, default_value_t = 5_000, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(60..=100_000))]
    pub(crate) ases: u32,
    /// Announced prefixes, about.
    #[arg(long, default_value_t = 60_000, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..=3_000_000))]
    pub(crate) prefixes: u32,
    /// Peers that give the collector all their routes.
    #[arg(long, default_value_t = 20, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..=180))]
    pub(crate) peers: u32,
    /// Days in which things happen.
    #[arg(long, default_value_t = 7, value_name = "DAYS",
          value_parser = clap::value_parser!(u16).range(0..=90))]
    pub(crate) days: u16,
    /// Start of all random numbers: equal options give equal files.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub(crate) seed: u64,
    /// Incidents of each kind.
    #[arg(long, default_value_t = 12, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(0..=200))]
    pub(crate) events: u32,
    /// Plant nothing: only what happens on every day.
    #[arg(long, conflicts_with = "events")]
    pub(crate) clean: bool,
}

/// Options of `live`.
#[derive(Debug, Args)]
pub(crate) struct Live {
    /// Where to listen, ws:// or wss://.
    #[arg(default_value = asgard_ingest::live::RIS_LIVE, value_name = "URL")]
    pub(crate) url: String,
    /// Only what this collector hears, like rrc00; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
    /// Form of the output; `raw` is what `mrt` and a mirror read again.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: LiveForm,
    /// Stop after so many seconds instead of at Ctrl-C.
    #[arg(long, value_name = "N")]
    pub(crate) seconds: Option<u64>,
}

/// Forms of live routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LiveForm {
    /// The columns of `bgpdump -m`.
    Text,
    /// A JSON object on each line, with every attribute that is read.
    Jsonl,
    /// The messages as they come, one on each line.
    Raw,
}

/// Forms of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MrtForm {
    /// The columns of `bgpdump -m`.
    Text,
    /// A JSON object on each line, with every attribute that is read.
    Jsonl,
}

/// Kinds of BGP data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MrtSource {
    /// As the first bytes tell.
    Auto,
    /// RFC 6396.
    Mrt,
    /// JSON lines.
    RisLive,
}

/// What to do with MaxMind DB files.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum MmdbAction {
    /// Every announced network with its AS, and what else is asked for.
    Build(MmdbBuild),
}

/// Options of `mmdb build`.
#[derive(Clone, Debug, Args)]
pub(crate) struct MmdbBuild {
    /// The file; it is replaced whole.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// What a record says, separated by commas.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "number,org,score,level,country",
        value_name = "number,org,score,level,country"
    )]
    pub(crate) fields: Vec<asgard_model::mmdb::Field>,
    /// Type of the database; some readers want to see a known name in it.
    #[arg(
        long,
        default_value = asgard_model::mmdb::DATABASE_TYPE,
        value_name = "TYPE"
    )]
    pub(crate) database_type: String,
}

/// What to do with sources.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum SourceAction {
    /// The catalogue: every source with its terms.
    List {
        #[command(flatten)]
        output: Output,
    },
    /// How each source is doing.
    Status {
        #[command(flatten)]
        output: Output,
    },
    /// Ask the publishers now.
    Refresh {
        /// Only these; all enabled ones by default.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
}

/// What to do with keys.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum KeysAction {
    /// Make a key and print it, once.
    Create(CreateKey),
    /// List keys, without their secrets.
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Show a key by its id (the 8 characters after `asgard_live_`).
    Show {
        /// The id.
        id: String,
        #[command(flatten)]
        output: Output,
    },
    /// Make a key that takes the place of another, and print it, once; the
    /// old one goes on for a while.
    Rotate {
        /// The id of the old key.
        id: String,
        /// Hours for which the old key goes on; 0 ends it at once.
        #[arg(long, default_value_t = 24, value_name = "HOURS")]
        grace: u16,
    },
    /// Revoke a key by its id (the 8 characters after `asgard_live_`).
    Revoke {
        /// The id.
        id: String,
    },
}

/// What a new key shall be.
#[derive(Clone, Debug, Args)]
pub(crate) struct CreateKey {
    /// What it may do: one or more of admin (everything), read (every read),
    /// feed:read, stream, tools, allow:write (the whitelist), rules:write (what
    /// an organisation blocks), keys:admin, audit:read; separated by commas,
    /// or repeated.
    #[arg(long, required = true, value_name = "SCOPE,…")]
    pub(crate) scope: Vec<Scopes>,
    /// The organisation whose rules and feeds it opens; '' is none.
    #[arg(long, value_name = "NAME")]
    pub(crate) org: Option<String>,
    /// A word to recognise it by.
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
    /// Days after which it ends.
    #[arg(long, value_name = "DAYS", conflicts_with = "expires")]
    pub(crate) expires_days: Option<u16>,
    /// Days or hours after which it ends: `90d`, `12h`.
    #[arg(long, value_name = "DURATION")]
    pub(crate) expires: Option<Lifetime>,
    /// Whose limit it has: a name of `rate_classes` in the configuration.
    #[arg(long, value_name = "NAME")]
    pub(crate) rate_class: Option<RateClass>,
    /// Networks from which alone it may be used; separated by commas, or
    /// repeated. An address that polls a feed with such a key is never blocked
    /// by that feed.
    #[arg(long, value_name = "CIDR,…", value_delimiter = ',')]
    pub(crate) client_cidr: Vec<ClientCidr>,
}

/// What to do with the audit log.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum AuditAction {
    /// Show the newest entries, newest last.
    List {
        /// How many.
        #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
        count: u32,
        #[command(flatten)]
        output: Output,
    },
    /// Check that no entry is missing, changed or moved; exit code 1 if one is.
    Verify,
    /// Write every entry as a line of JSON, oldest first, with its hashes.
    Export,
}

/// What to do with the configuration.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Read it and say whether it is good.
    Check,
    /// Print what is in force.
    Show,
}

/// What to do with the whitelist.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum WhitelistAction {
    /// Trust an AS.
    Add {
        /// The AS number.
        asn: asgard_model::Asn,
        /// Why, for those who come after you.
        #[arg(long)]
        reason: String,
    },
    /// Show trusted ASes.
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Trust an AS no longer.
    Remove {
        /// The AS number.
        asn: asgard_model::Asn,
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
