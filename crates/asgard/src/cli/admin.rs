//! Options of `source`, `keys`, `audit`, `config` and `whitelist`: what an
//! operator looks after.

use asgard_store::Scopes;
use clap::{Args, Subcommand};

use super::Output;
use crate::key_option::{ClientCidr, Lifetime, RateClass};

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
