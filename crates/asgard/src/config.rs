//! Configuration: flags over environment over file over defaults.
//!
//! The file is YAML; an unknown key is an error with line and column. This is
//! the only module that reads the environment (clap reads it for the flags).

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use asgard_api::{ApiConfig, LookupConfig};
use asgard_ingest::catalogue::{Catalogue, Override};
use asgard_model::{Bands, Model, Prefix};
use asgard_store::WorldKind;
use serde::{Deserialize, Serialize};

use crate::{
    cli::{Cli, Command, Common, Serve},
    key_option::RateClass,
};
pub(crate) use asgard_ingest::learner::AsOf;

mod api;
mod feeds;
mod sessions;

pub(crate) use api::EdlAuthSetting;
use api::prefixes;
use feeds::FeedSettings;
pub(crate) use sessions::{LiveConfig, RisLive};

/// The environment, for the file of the gateway; names and values that are not
/// UTF-8 are left out.
pub(crate) fn environment() -> Vec<(String, String)> {
    let text = |text: std::ffi::OsString| text.into_string().ok();
    std::env::vars_os()
        .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
        .collect()
}

/// Where systemd wants to be told that a service is ready: `sd_notify(3)`.
#[expect(clippy::disallowed_methods, reason = "this is the config module")]
pub(crate) fn notify_socket() -> Option<String> {
    std::env::var("NOTIFY_SOCKET").ok()
}

/// The file as it is written; every key may be missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Where scores, history, keys and sources are kept.
    data_dir: Option<PathBuf>,
    /// Address and port of the API.
    listen: SocketAddr,
    /// Read every source from this directory instead of the network.
    mirror: Option<PathBuf>,
    /// `now`, `newest` or a day; `newest` with a mirror, else `now`.
    as_of: Option<String>,
    /// Sources or families to leave out.
    exclude_sources: Vec<String>,
    /// Changes to the catalogue of sources, by name.
    sources: BTreeMap<String, Override>,
    /// Minutes between two scoring cycles.
    cycle_minutes: u32,
    /// Validators (RFC 8210), `HOST:PORT`, the preferred one first.
    rtr: Vec<String>,
    /// Address of RIS Live, or `off`; the public one for the real Internet,
    /// and none with a mirror.
    ris_live: Option<String>,
    /// Collectors that it shall tell of; all if there is none.
    ris_live_hosts: Vec<String>,
    /// Seconds after which news of both are scored.
    live_seconds: u32,
    /// Requests a minute for each key or address; 0 is no limit.
    rate_limit: u32,
    /// The same for the keys of a class, by its name.
    rate_classes: BTreeMap<String, u32>,
    /// Blocks of proxies whose `X-Forwarded-For` is believed.
    trusted_proxies: Vec<String>,
    /// Whether `/feeds/edl` needs a key: `none` or `key`.
    edl_auth: EdlAuthSetting,
    /// The feeds of organisations.
    feeds: FeedSettings,
    /// Origins whose pages may call the API from a browser.
    cors_origins: Vec<String>,
    /// Name server for domain risk; those of the system if there is none.
    resolver: Option<SocketAddr>,
    /// Seconds to wait for the addresses of a domain.
    dns_timeout_seconds: u32,
    /// API of PeeringDB for what no source lists; the public one if there is
    /// none, and nobody for the demo.
    peeringdb_url: Option<String>,
    /// Lowest scores of the levels.
    bands: Bands,
    /// Parameters of the model instead of the built-in ones.
    model: Option<PathBuf>,
    /// Blocks of private addresses from which sources may be fetched.
    allow_private: Vec<String>,
    /// Days of history that are kept.
    history_days: u16,
    /// `text` or `json`.
    log: LogForm,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogForm {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            mirror: None,
            as_of: None,
            exclude_sources: Vec::new(),
            sources: BTreeMap::new(),
            cycle_minutes: 60,
            rtr: Vec::new(),
            ris_live: None,
            ris_live_hosts: vec!["rrc00".to_owned()],
            live_seconds: 60,
            rate_limit: 100,
            rate_classes: BTreeMap::new(),
            trusted_proxies: Vec::new(),
            edl_auth: EdlAuthSetting::None,
            feeds: FeedSettings::default(),
            cors_origins: Vec::new(),
            resolver: None,
            dns_timeout_seconds: 3,
            peeringdb_url: None,
            bands: Bands::default(),
            model: None,
            allow_private: Vec::new(),
            history_days: 366,
            log: LogForm::Text,
        }
    }
}

/// What is in force.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// As the file would have to say it.
    pub(crate) settings: Settings,
    /// Where everything is kept.
    pub(crate) data_dir: PathBuf,
    /// Address and port of the API.
    pub(crate) listen: SocketAddr,
    /// Where sources come from.
    pub(crate) origin: Origin,
    /// The moment for which scores are computed.
    pub(crate) as_of: AsOf,
    /// The sources that are read.
    pub(crate) catalogue: Catalogue,
    /// Between two scoring cycles.
    pub(crate) cycle: Duration,
    /// What is told as it happens.
    pub(crate) live: LiveConfig,
    /// How the API behaves.
    pub(crate) api: ApiConfig,
    /// Who is asked about domains and profiles.
    pub(crate) lookup: LookupConfig,
    /// Lowest scores of the levels.
    pub(crate) bands: Bands,
    /// Weights.
    pub(crate) model: Model,
    /// Private blocks from which sources may be fetched.
    pub(crate) allow_private: Vec<Prefix>,
    /// Days of history that are kept.
    pub(crate) history_days: u16,
    /// How the log is written.
    pub(crate) log: LogForm,
    /// How much of an explanation is told.
    pub(crate) detail: Detail,
}

/// How much of an explanation is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The reasons that cost or give points.
    Points,
    /// Every reason (`-v`).
    All,
}

/// Where sources come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Their publishers.
    Network,
    /// A directory.
    Mirror(PathBuf),
    /// A generated world.
    Demo,
}

impl Origin {
    /// Which Internet it tells of.
    pub(crate) fn world(&self) -> WorldKind {
        match self {
            Self::Demo => WorldKind::Demo,
            Self::Network | Self::Mirror(_) => WorldKind::Real,
        }
    }
}

/// Longest and shortest pause between cycles, in minutes.
const CYCLE_MINUTES: std::ops::RangeInclusive<u32> = 1..=1440;

impl Config {
    /// Resolves command line, environment and file.
    pub(crate) fn load(cli: &Cli) -> Result<Self> {
        let mut settings = match &cli.common.config {
            Some(path) => read(path)?,
            None => Settings::default(),
        };
        settings.overlay(&cli.common);
        if let Command::Serve(serve) = &cli.command {
            settings.overlay_serve(serve);
        }
        let config = settings.resolve(cli.common.demo)?;
        Ok(match cli.common.verbose {
            0 => config,
            _ => Self { detail: Detail::All, ..config },
        })
    }
}

impl Settings {
    fn overlay(&mut self, flags: &Common) {
        let path = |flag: &Option<PathBuf>, own: &mut Option<PathBuf>| {
            if flag.is_some() {
                own.clone_from(flag);
            }
        };
        path(&flags.data_dir, &mut self.data_dir);
        path(&flags.mirror, &mut self.mirror);
        if flags.as_of.is_some() {
            self.as_of.clone_from(&flags.as_of);
        }
        if flags.log_json {
            self.log = LogForm::Json;
        }
        self.exclude_sources.extend_from_slice(&flags.exclude_source);
    }

    fn overlay_serve(&mut self, flags: &Serve) {
        self.listen = flags.listen.unwrap_or(self.listen);
        self.rate_limit = flags.rate_limit.unwrap_or(self.rate_limit);
        self.edl_auth = flags.edl_auth.unwrap_or(self.edl_auth);
        self.resolver = flags.resolver.or(self.resolver);
        if !flags.rtr.is_empty() {
            self.rtr.clone_from(&flags.rtr);
        }
        if flags.ris_live.is_some() {
            self.ris_live.clone_from(&flags.ris_live);
        }
        if !flags.ris_live_host.is_empty() {
            self.ris_live_hosts.clone_from(&flags.ris_live_host);
        }
        if flags.peeringdb_url.is_some() {
            self.peeringdb_url.clone_from(&flags.peeringdb_url);
        }
    }

    /// Fills in what was derived, so that the settings state what is in force.
    pub(crate) fn state(&mut self, data_dir: &Path, as_of: AsOf) {
        self.data_dir = Some(data_dir.to_owned());
        self.as_of = Some(as_of.to_string());
    }

    fn resolve(self, demo: bool) -> Result<Config> {
        let origin = match (demo, &self.mirror) {
            (true, _) => Origin::Demo,
            (false, Some(dir)) => Origin::Mirror(dir.clone()),
            (false, None) => Origin::Network,
        };
        if !CYCLE_MINUTES.contains(&self.cycle_minutes) {
            bail!("cycle_minutes: {} is not in 1 to 1440", self.cycle_minutes);
        }
        if !self.bands.is_ordered() {
            bail!("bands: high < medium < low <= 100 must hold");
        }
        for name in self.rate_classes.keys() {
            name.parse::<RateClass>().context("rate_classes")?;
        }
        let as_of = match (&self.as_of, &origin) {
            (Some(text), _) => text.parse()?,
            (None, Origin::Network) => AsOf::Now,
            (None, _) => AsOf::Newest,
        };
        let catalogue = Catalogue::embedded()?;
        let model = model(self.model.as_deref(), &catalogue)?;
        Ok(Config {
            data_dir: match &self.data_dir {
                Some(dir) => dir.clone(),
                None => default_data_dir(demo)?,
            },
            listen: self.listen,
            as_of,
            catalogue: catalogue
                .weighed(&model)
                .with_overrides(&self.sources)?
                .exclude(&self.exclude_sources)?,
            cycle: Duration::from_secs(u64::from(self.cycle_minutes) * 60),
            live: self.live(&origin)?,
            api: self.api()?,
            lookup: self.lookup(&origin)?,
            bands: self.bands,
            model,
            allow_private: prefixes("allow_private", &self.allow_private)?,
            history_days: self.history_days.max(1),
            log: self.log,
            detail: Detail::Points,
            origin,
            settings: self,
        })
    }
}

/// Reads a settings file.
fn read(path: &Path) -> Result<Settings> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("the configuration `{}` cannot be read", path.display())
    })?;
    serde_saphyr::from_str(&text).with_context(|| {
        format!("the configuration `{}` is not valid", path.display())
    })
}

fn model(path: Option<&Path>, catalogue: &Catalogue) -> Result<Model> {
    let Some(path) = path else { return Ok(Model::default_model()) };
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("the model `{}` cannot be read", path.display())
    })?;
    let model = Model::from_toml(&text).and_then(|model| {
        model.check_sources(&text, |name| catalogue.find(name))?;
        Ok(model)
    });
    model
        .with_context(|| format!("the model `{}` is not valid", path.display()))
}

/// `$XDG_DATA_HOME/asgard`, `~/.local/share/asgard`; the demo has its own.
#[expect(clippy::disallowed_methods, reason = "this is the config module")]
fn default_data_dir(demo: bool) -> Result<PathBuf> {
    let name = if demo { "asgard-demo" } else { "asgard" };
    let filled = |key: &str| std::env::var(key).ok().filter(|v| !v.is_empty());
    let base = filled("XDG_DATA_HOME").map(PathBuf::from).or_else(|| {
        filled("HOME").map(|home| PathBuf::from(home).join(".local/share"))
    });
    match base {
        Some(base) => Ok(base.join(name)),
        None => bail!("neither --data-dir, XDG_DATA_HOME nor HOME is set"),
    }
}

#[cfg(test)]
mod tests {
    use asgard_api::PeeringdbUrl;
    use clap::Parser;

    use super::*;

    const EXAMPLE: &str = include_str!("../../../etc/asgard.yaml");

    #[test]
    fn the_commented_example_states_the_defaults() {
        let example: Settings = serde_saphyr::from_str(EXAMPLE).unwrap();
        assert_eq!(example, Settings::default());
        // Every key of the program is in the example.
        let yaml = serde_saphyr::to_string(&Settings::default()).unwrap();
        for line in yaml.lines().filter(|l| !l.starts_with([' ', '-'])) {
            let key = line.split(':').next().unwrap();
            assert!(EXAMPLE.contains(&format!("{key}:")), "{key}");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place() {
        let error =
            serde_saphyr::from_str::<Settings>("listen: 1.2.3.4:5\nlisen: x")
                .unwrap_err()
                .to_string();
        assert!(error.contains("lisen"), "{error}");
        assert!(error.contains('2'), "{error}");
    }

    #[test]
    fn refusals_begin_with_a_key_that_the_configuration_has() {
        let all = serde_json::to_value(Settings::default()).unwrap();
        for yaml in [
            "cycle_minutes: 0",
            "bands: { low: 50, medium: 75, high: 90 }",
            "rate_classes: { A B: 1 }",
            "rtr: [nowhere]",
            "ris_live: http://example.net/",
            "live_seconds: 0",
            "trusted_proxies: [nowhere]",
            "allow_private: [nowhere]",
            "cors_origins: [nowhere]",
            "dns_timeout_seconds: 0",
            "peeringdb_url: nowhere",
            "feeds: { own_addresses: [nowhere] }",
            "feeds: { critical_off: [nothing] }",
            "feeds: { guards: { feed_share: 2.0 } }",
            "feeds: { guards: { drift: 0.0 } }",
            "feeds: { guards: { min_prefix4: 33 } }",
        ] {
            let settings: Settings =
                serde_saphyr::from_str(&format!("data_dir: /x\n{yaml}"))
                    .unwrap();
            let error = settings.resolve(false).map(|_| ()).unwrap_err();
            let error = format!("{error:#}");
            let key = error.split(':').next().unwrap_or_default();
            let pointer = format!("/{}", key.replace('.', "/"));
            assert!(all.pointer(&pointer).is_some(), "{yaml}: {error}");
        }
    }

    fn load(words: &[&str]) -> Result<Config> {
        let words = ["asgard"].iter().chain(words);
        Config::load(&Cli::try_parse_from(words).unwrap())
    }

    #[test]
    fn flags_win_and_defaults_follow_the_origin() {
        let config = load(&["serve", "--data-dir", "/x", "--rate-limit", "0"]);
        let config = config.unwrap();
        assert_eq!(config.api.rate_limit_per_minute, 0);
        assert_eq!(config.as_of, AsOf::Now);
        let mirror = load(&["serve", "--data-dir", "/x", "--mirror", "/m"]);
        assert_eq!(mirror.unwrap().as_of, AsOf::Newest);
        let day = load(&["serve", "--data-dir", "/x", "--as-of", "2026-06-01"]);
        assert!(matches!(day.unwrap().as_of, AsOf::At(_)));
    }

    #[test]
    fn a_demo_asks_nobody_about_profiles_unless_told_whom() {
        let url = |words: &[&str]| load(words).unwrap().lookup.peeringdb_url;
        let serve = ["serve", "--data-dir", "/x"];
        let public = PeeringdbUrl::PUBLIC.parse().ok();
        assert_eq!(url(&serve), public);
        assert_eq!(url(&[&serve[..], &["--demo"]].concat()), None);
        let own = ["--demo", "--peeringdb-url", "http://127.0.0.1:9"];
        let own = url(&[&serve[..], &own].concat());
        assert_eq!(own, "http://127.0.0.1:9".parse().ok());
        let bad = ["serve", "--data-dir", "/x", "--peeringdb-url", "nowhere"];
        let error = load(&bad).map(|_| ()).unwrap_err();
        assert!(format!("{error:#}").contains("`nowhere`"), "{error:#}");
    }

    #[test]
    fn the_real_internet_has_a_stream_unless_it_is_switched_off() {
        let stream = |words: &[&str]| {
            let serve = ["serve", "--data-dir", "/x"];
            let config = load(&[&serve[..], words].concat()).unwrap();
            config.live.ris_live.map(|ris_live| ris_live.url)
        };
        let public = asgard_ingest::live::RIS_LIVE.to_owned();
        assert_eq!(stream(&[]), Some(public));
        assert_eq!(stream(&["--ris-live", "off"]), None);
        assert_eq!(stream(&["--mirror", "/m"]), None);
        assert_eq!(stream(&["--demo"]), None);
        assert_eq!(stream(&["--as-of", "2026-06-01"]), None);
        let own = "wss://example.net/";
        let with = stream(&["--mirror", "/m", "--ris-live", own]);
        assert_eq!(with.as_deref(), Some(own));
        for url in ["ws://127.0.0.1:1/", "http://example.net/"] {
            let words = ["serve", "--data-dir", "/x", "--ris-live", url];
            let error = load(&words).map(|_| ()).unwrap_err().to_string();
            assert!(error.starts_with("ris_live: "), "{error}");
        }
    }

    #[test]
    fn unknown_sources_and_days_are_refused_by_name() {
        let error = |words: &[&str]| {
            format!("{:#}", load(words).map(|_| ()).unwrap_err())
        };
        let text =
            error(&["serve", "--data-dir", "/x", "--exclude-source", "nope"]);
        assert!(text.contains("`nope`"), "{text}");
        let rtr =
            |address| error(&["serve", "--data-dir", "/x", "--rtr", address]);
        for address in ["localhost", "localhost:", ":323", "localhost:0"] {
            let text = rtr(address);
            let named = format!("`{address}` is not HOST:PORT");
            assert!(text.contains(&named), "{text}");
        }
        let text = error(&["serve", "--demo", "--rtr", "localhost:3323"]);
        assert!(text.contains("generated world"), "{text}");
        let text = error(&["serve", "--data-dir", "/x", "--as-of", "soon"]);
        assert!(text.contains("`soon`"), "{text}");
    }
}
