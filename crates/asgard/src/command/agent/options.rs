//! The command line of `asgard agent`.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use asgard_model::Prefix;
use clap::{Args, Subcommand, ValueEnum};

use super::{
    firewall::{Firewall, Ipset, Nft, Program},
    trouble::Trouble,
};

/// Which firewall.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentAction {
    /// Keep two sets of nftables, in a table of their own.
    Nft(NftOptions),
    /// Keep two sets of ipset.
    Ipset(IpsetOptions),
}

impl AgentAction {
    pub(super) fn options(&self) -> &AgentOptions {
        match self {
            Self::Nft(nft) => &nft.agent,
            Self::Ipset(ipset) => &ipset.agent,
        }
    }

    /// The firewall that is meant.
    ///
    /// # Errors
    /// Its program is not installed.
    pub(super) fn firewall(&self) -> Result<Firewall, Trouble> {
        let given = self.options().program.as_deref();
        Ok(match self {
            Self::Nft(options) => Firewall::Nft(Nft {
                program: Program::find("nft", given)?,
                table: options.table.clone(),
                set: options.set.clone(),
                hooks: options.chain.clone(),
            }),
            Self::Ipset(options) => Firewall::Ipset(Ipset {
                program: Program::find("ipset", given)?,
                set: options.set.clone(),
            }),
        })
    }
}

/// Options of `agent nft`.
#[derive(Debug, Args)]
pub(crate) struct NftOptions {
    /// The table of family inet; it is the agent's own.
    #[arg(long, default_value = "asgard", value_name = "NAME")]
    table: Name,
    /// The sets are NAME4 and NAME6.
    #[arg(long, default_value = "block", value_name = "NAME")]
    set: Name,
    /// Drop what is listed at this hook; may be repeated. Without it, only the
    /// sets are kept.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "HOOK")]
    chain: Vec<Hook>,
    #[command(flatten)]
    agent: AgentOptions,
}

/// Options of `agent ipset`.
#[derive(Debug, Args)]
pub(crate) struct IpsetOptions {
    /// The sets are NAME4 and NAME6.
    #[arg(long, default_value = "asgard", value_name = "NAME")]
    set: Name,
    #[command(flatten)]
    agent: AgentOptions,
}

/// Options of every agent.
#[derive(Clone, Debug, Args)]
pub(crate) struct AgentOptions {
    /// Where asgard answers, or the whole URL of a plain feed.
    #[arg(
        long,
        env = "ASGARD_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub(super) url: String,
    /// The API key; better in a file or the environment.
    #[arg(
        long,
        env = "ASGARD_API_KEY",
        hide_env_values = true,
        value_name = "KEY"
    )]
    pub(super) key: Option<String>,
    /// A file with the API key; read at every poll, so that it can be changed.
    #[arg(long, value_name = "FILE")]
    pub(super) key_file: Option<PathBuf>,
    /// Parameters of the feed, such as `max_entries=10000`; may be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(super) params: Vec<String>,
    /// The server's public key, kept from /v1/threat/feeds/key: lists that are
    /// not signed by it are refused.
    #[arg(long, value_name = "FILE")]
    pub(super) public_key: Option<PathBuf>,
    /// Between two polls: 30s, 5m, 1h.
    #[arg(long, default_value = "60s", value_name = "DURATION")]
    pub(super) interval: Interval,
    /// One round, then end. Exit codes: 0 the server's list is in force,
    /// 1 firewall or disk failed, 2 usage, 3 no such feed, 4 key refused,
    /// 5 rate limit, 6 server away, 11 list refused; after 3 to 11 the last
    /// good list is in force.
    #[arg(long)]
    pub(super) once: bool,
    /// Take away what the agent has made, and forget the last good list.
    #[arg(long, conflicts_with = "once")]
    pub(super) remove: bool,
    /// The same when the agent ends; by default the list stays in force.
    #[arg(long, conflicts_with_all = ["once", "remove"])]
    pub(super) remove_on_exit: bool,
    /// Take over a table or sets of these names that somebody else has made.
    #[arg(long)]
    pub(super) adopt: bool,
    /// Refuse a list that has lost more than so many percent of its entries.
    #[arg(
        long,
        default_value_t = 50,
        value_parser = clap::value_parser!(u8).range(0..=100),
        value_name = "PERCENT"
    )]
    pub(super) max_shrink: u8,
    /// Take a list however much it has shrunk.
    #[arg(long)]
    pub(super) allow_shrink: bool,
    /// Take an empty list.
    #[arg(long)]
    pub(super) allow_empty: bool,
    /// Take a signed or stale list of an older version than the last one, as
    /// after a server was restored from a backup.
    #[arg(long)]
    pub(super) allow_older: bool,
    /// Largest list, in MiB.
    #[arg(
        long,
        default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(1..=1024),
        value_name = "MIB"
    )]
    pub(super) max_size: u32,
    /// Never block this address or prefix, whatever the list says; may be
    /// repeated. The server that was asked never is.
    #[arg(long, value_name = "PREFIX")]
    pub(super) protect: Vec<Prefix>,
    /// Where the last good list is kept.
    #[arg(long, default_value = "/var/lib/asgard-agent", value_name = "DIR")]
    pub(super) state_dir: PathBuf,
    /// Write metrics to this file, for the textfile collector of
    /// `node_exporter`.
    #[arg(long, value_name = "FILE")]
    pub(super) metrics: Option<PathBuf>,
    /// The program `nft` or `ipset`, if it is not in one of the usual places.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Where packets are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Hook {
    /// What is meant for this host.
    Input,
    /// What passes through it.
    Forward,
    /// Both, before connections are tracked.
    Prerouting,
}

impl Hook {
    pub(super) const ALL: [Self; 3] =
        [Self::Input, Self::Forward, Self::Prerouting];

    /// Its word, and its priority: before `filter`, or at `raw`.
    pub(super) fn word(self) -> (&'static str, i32) {
        match self {
            Self::Input => ("input", -10),
            Self::Forward => ("forward", -10),
            Self::Prerouting => ("prerouting", -300),
        }
    }
}

/// A name of a table or a set: what nft and ipset take without quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

/// ipset takes 31 characters, and `4_new` comes behind.
const LONGEST: usize = 26;

impl Name {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut bytes = text.bytes();
        let begins = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
        let goes_on = bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
        match begins && goes_on && text.len() <= LONGEST {
            true => Ok(Self(text.to_owned())),
            false => Err(NameError(text.chars().take(60).collect())),
        }
    }
}

/// Text that is no name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameError(String);

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.escape_debug();
        write!(
            f,
            "`{text}` is no name: a letter, then letters, digits and `_`, at \
             most {LONGEST}"
        )
    }
}

impl std::error::Error for NameError {}

/// Time between two polls, from a second to a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval(pub(super) Duration);

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        let error = || IntervalError(text.chars().take(60).collect());
        let end = text.find(|c: char| !c.is_ascii_digit());
        let (digits, unit) = text.split_at(end.ok_or_else(error)?);
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(error()),
        };
        let count: u64 = digits.parse().map_err(|_| error())?;
        match count.checked_mul(unit) {
            Some(seconds @ 1..=86_400) => {
                Ok(Self(Duration::from_secs(seconds)))
            }
            _ => Err(error()),
        }
    }
}

/// Text that is no interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IntervalError(String);

impl fmt::Display for IntervalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.escape_debug();
        write!(f, "`{text}` is no interval: 1s to 24h, such as 30s or 5m")
    }
}

impl std::error::Error for IntervalError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_both_programs_take_without_quotes() {
        let longest = "a".repeat(LONGEST);
        for good in ["asgard", "B_1", longest.as_str()] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        let longer = "a".repeat(LONGEST + 1);
        for bad in [
            "",
            "4a",
            "_a",
            "a-b",
            "a b",
            "a;b",
            "a}",
            "ä",
            "a\n",
            "$a",
            longer.as_str(),
        ] {
            let error = bad.parse::<Name>().unwrap_err().to_string();
            assert!(error.contains("is no name"), "{error}");
        }
    }

    #[test]
    fn an_interval_is_a_second_to_a_day() {
        let seconds = |text: &str| {
            text.parse::<Interval>().map(|interval| interval.0.as_secs())
        };
        assert_eq!(seconds("1s"), Ok(1));
        assert_eq!(seconds("5m"), Ok(300));
        assert_eq!(seconds("24h"), Ok(86_400));
        for bad in ["", "0s", "25h", "60", "s", "-1s", "1.5h", "1d", "9 s"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        assert!(seconds("99999999999999999999h").is_err());
    }
}
