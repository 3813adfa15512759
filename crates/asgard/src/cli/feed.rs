//! Options of `feed`, `block` and `protected`: lists of addresses, and what
//! organisations put on them.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Output;
use crate::key_option::Lifetime;

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
