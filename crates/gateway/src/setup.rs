//! A configuration made ready: files read, certificates loaded, backends with
//! their connections.
//!
//! Made whole or not at all; a reload that cannot be made ready leaves the one
//! in force untouched. Servers that a reload does not change keep their
//! connections and their health.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use asgard_policy::{AddressSet, Policy, Sources};
use rustls::ServerConfig;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::{
    challenge::{Challenger, KeyError, Keys},
    client_address::ClientHeader,
    config::{self, AsnHeaders, Config, Loaded, TrustedProxies, WhenUnknown},
    crawler::{
        CrawlerError, Crawlers,
        reverse::{DnsError, ReverseCache, ReverseWorker, reverse_dns},
    },
    forward::{
        backend::{Backend, Backends},
        server::Server,
    },
    generation::Data,
    headers::{Strip, injected::Downstream},
    metrics::RuleMetrics,
    supply::What,
    tls::{self, Authorities, TlsError},
};

/// Why a configuration cannot be put into force.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A certificate, key or authority.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The keys of challenges.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A crawler's pattern.
    #[error(transparent)]
    Crawler(#[from] CrawlerError),
    /// Nobody to ask about the names of crawlers.
    #[error(transparent)]
    Dns(#[from] DnsError),
    /// The file of trusted proxies.
    #[error("trusted_proxies: {path}: {reason}")]
    Trusted {
        /// The file.
        path: String,
        /// Why, with the line.
        reason: String,
    },
}

/// What listeners show, by the name of their `tls` and whether they take HTTP/2.
type Certificates = BTreeMap<(String, bool), Arc<ServerConfig>>;

/// A configuration made ready.
#[derive(Debug)]
pub struct Setup {
    /// Everything that is configured.
    pub config: Config,
    /// Its rules.
    pub policy: Arc<Policy>,
    /// Where its rules are written.
    pub(crate) sources: Sources,
    /// Names the texts of [`Self::sources`]: 16 hex digits.
    pub(crate) policy_hash: String,
    /// Whose word is believed; `None`: the list of [`TrustedProxies::IpList`].
    trusted: Option<AddressSet>,
    pub(crate) client_header: ClientHeader,
    pub(crate) strip: Arc<Strip>,
    pub(crate) downstream: Downstream,
    pub(crate) backends: Backends,
    pub(crate) tls: Certificates,
    /// The listeners of the start: their sockets stay bound.
    bound: Vec<config::Listener>,
    pub(crate) rules: RuleMetrics,
    pub(crate) challenger: Challenger,
    pub(crate) crawlers: Crawlers,
    /// Fills the names of crawlers; whoever drives the gateway takes and runs
    /// it. Setups with the same name servers share one.
    names: Mutex<Option<ReverseWorker>>,
    /// What other proxies are told: every header, empty if unknown.
    pub(crate) told: Downstream,
    /// Which proxies may ask for verdicts.
    askers: AddressSet,
}

impl Setup {
    /// Makes a configuration ready for `workers` threads. Blocking: it reads
    /// files. `before` is the setup in force, whose connections are kept.
    ///
    /// # Errors
    /// What is wrong with a file; nothing has changed then.
    pub fn new(
        loaded: Loaded,
        workers: usize,
        before: Option<&Self>,
    ) -> Result<Self, SetupError> {
        let Loaded { config, policy, sources, .. } = loaded;
        let trusted = match &config.trusted_proxies {
            TrustedProxies::Blocks(blocks) => {
                Some(AddressSet::from_prefixes(blocks.iter().copied()))
            }
            TrustedProxies::File(path) => Some(trusted_file(path)?),
            TrustedProxies::IpList(_) => None,
        };
        let client_header =
            ClientHeader::named(&config.features.client_ip_header);
        let asn = &config.features.asn;
        let names_of_headers = &asn.downstream_headers;
        let sends = asn.enabled && names_of_headers.enabled;
        let configured = [
            &names_of_headers.number,
            &names_of_headers.org,
            &names_of_headers.score,
            &names_of_headers.level,
        ];
        let strip = Strip::new(
            configured.into_iter().map(String::as_str),
            &client_header,
            &config.challenge.cookie,
        );
        let geo = &config.features.geoip;
        let keys = Keys::load(config.challenge.key_file.as_deref());
        let challenger = match (before, &config.challenge.key_file) {
            // Keys of the process last as long as it.
            (Some(old), None) => old
                .challenger
                .reloaded(&config.challenge, old.challenger.keys().clone()),
            (Some(old), Some(_)) => {
                old.challenger.reloaded(&config.challenge, keys?)
            }
            (None, _) => Challenger::new(&config.challenge, keys?),
        };
        let (names, worker) = reverse_names(&config, before)?;
        let crawlers = Crawlers::new(&config.crawlers, names)?;
        let policy_hash = hash(&sources);
        let askers = config.verdict.iter().flat_map(|v| &v.trusted_peers);
        let askers = AddressSet::from_prefixes(askers.copied());
        let bound = match before {
            Some(before) => before.bound.clone(),
            None => config.listeners.clone(),
        };
        Ok(Self {
            trusted,
            strip: Arc::new(strip),
            downstream: Downstream {
                asn: sends.then(|| names_of_headers.clone()),
                geo: geo.enabled && geo.downstream_headers,
            },
            backends: backends(&config, workers, before)?,
            tls: certificates(&config, &bound, before)?,
            bound,
            rules: RuleMetrics::new(&policy, &policy_hash),
            challenger,
            crawlers,
            names: Mutex::new(worker),
            told: Downstream {
                asn: sends.then(|| AsnHeaders {
                    when_unknown: WhenUnknown::Empty,
                    ..names_of_headers.clone()
                }),
                geo: geo.enabled && geo.downstream_headers,
            },
            askers,
            client_header,
            policy,
            sources,
            policy_hash,
            config,
        })
    }

    /// A listener as it is configured now; one that is no longer configured
    /// stays as it was.
    pub(crate) fn listener<'s>(
        &'s self,
        was: &'s config::Listener,
    ) -> &'s config::Listener {
        let is_unique = was.bind.port() != 0;
        let mut all = self.config.listeners.iter();
        let now = all.find(|l| is_unique && l.bind == was.bind);
        now.unwrap_or(was)
    }

    /// The worker that asks name servers about crawlers, once.
    pub(crate) fn take_reverse_worker(&self) -> Option<ReverseWorker> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whose word about clients is believed.
    pub(crate) fn trusted<'s>(&'s self, data: &'s Data) -> &'s AddressSet {
        static NOBODY: std::sync::LazyLock<AddressSet> =
            std::sync::LazyLock::new(AddressSet::default);
        match (&self.trusted, &self.config.trusted_proxies) {
            (Some(trusted), _) => trusted,
            (None, TrustedProxies::IpList(at)) => data
                .lists
                .get(*at)
                .and_then(Option::as_deref)
                .unwrap_or(&NOBODY),
            (None, _) => &NOBODY,
        }
    }

    /// Whether trusted proxies are those of this list.
    pub(crate) fn trusts_list(&self, what: &What) -> bool {
        match (&self.config.trusted_proxies, what) {
            (TrustedProxies::IpList(at), What::List(list)) => at == list,
            _ => false,
        }
    }

    /// Warns if a list that was loaded makes everybody a trusted proxy.
    pub(crate) fn warn_of_everybody(&self, data: &Data) {
        let TrustedProxies::IpList(_) = &self.config.trusted_proxies else {
            return;
        };
        if let Some(all) = config::trusted::everybody(self.trusted(data)) {
            tracing::warn!(
                "the list of trusted_proxies names everybody ({all}): every \
                 client can forge its address"
            );
        }
    }

    /// Whether a proxy may ask for verdicts.
    pub(crate) fn may_ask(&self, peer: IpAddr) -> bool {
        self.askers.contains(peer)
    }

    /// Whose word about clients is believed in a question: the proxies that
    /// ask, and those whose word they repeat.
    pub(crate) fn vouches(&self, data: &Data, address: IpAddr) -> bool {
        self.may_ask(address) || self.trusted(data).contains(address)
    }
}

/// The beginning of a SHA-256 of all files; the same for the same files.
fn hash(sources: &Sources) -> String {
    let mut digest = Sha256::new();
    for text in sources.texts() {
        digest.update(text.len().to_le_bytes());
        digest.update(text);
    }
    let digest = digest.finalize();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Confirmed names, and who fills them: those of `before`, unless it has other
/// name servers, or had none. Without crawlers and rules that ask, a machine
/// without name servers is no fault.
fn reverse_names(
    config: &Config,
    before: Option<&Setup>,
) -> Result<(Arc<ReverseCache>, Option<ReverseWorker>), SetupError> {
    let old = before.map(|before| before.crawlers.names());
    if let (Some(before), Some(old)) = (before, old)
        && before.config.resolver == config.resolver
        && !old.is_idle()
    {
        return Ok((Arc::clone(old), None));
    }
    match reverse_dns(&config.resolver, old.map(|old| &**old)) {
        Ok((names, worker)) => Ok((names, Some(worker))),
        Err(error) if config.crawlers.iter().any(|c| !c.fcrdns.is_empty()) => {
            Err(error.into())
        }
        Err(error) => {
            tracing::debug!(%error, "names of addresses stay unknown");
            Ok((ReverseCache::idle(), None))
        }
    }
}

fn trusted_file(path: &std::path::Path) -> Result<AddressSet, SetupError> {
    config::trusted::read(path).map_err(|reason| SetupError::Trusted {
        path: path.display().to_string(),
        reason,
    })
}

/// Those of all listeners, and of those that only the start knew: clients still
/// come in there. What is no longer configured for them stays as it was.
fn certificates(
    config: &Config,
    bound: &[config::Listener],
    before: Option<&Setup>,
) -> Result<Certificates, TlsError> {
    let mut ready = Certificates::new();
    for listener in config.listeners.iter().chain(bound) {
        let Some(name) = &listener.tls else { continue };
        let key = (name.clone(), listener.http2);
        if ready.contains_key(&key) {
            continue;
        }
        let known = match config.tls.get(name) {
            Some(tls) => Some(tls::server(tls, listener.http2)?),
            None => before.and_then(|before| before.tls.get(&key).cloned()),
        };
        ready.extend(known.map(|known| (key, known)));
    }
    Ok(ready)
}

fn backends(
    config: &Config,
    workers: usize,
    before: Option<&Setup>,
) -> Result<Backends, TlsError> {
    let mut all = Vec::with_capacity(config.backends.len());
    for backend in &config.backends {
        // Read at every reload: files may hold other authorities now.
        let trusts = tls::authorities(backend)?;
        let known = before.and_then(|setup| {
            let same = |b: &&Arc<Backend>| {
                b.config == *backend && is_same(&b.trusts, &trusts)
            };
            setup.backends.all().iter().find(same)
        });
        if let Some(known) = known {
            all.push(Arc::clone(known));
            continue;
        }
        let mut servers = Vec::with_capacity(backend.servers.len());
        for server in &backend.servers {
            let server = one_server(server, backend, &trusts, workers)?;
            servers.push(Arc::new(server));
        }
        all.push(Arc::new(Backend::new(backend.clone(), trusts, servers)));
    }
    Ok(Backends::new(all))
}

/// Whether both name the same authorities.
fn is_same(one: &Authorities, other: &Authorities) -> bool {
    one.as_deref().map(|all| &all.roots)
        == other.as_deref().map(|all| &all.roots)
}

fn one_server(
    server: &config::Server,
    backend: &config::Backend,
    trusts: &Authorities,
    workers: usize,
) -> Result<Server, TlsError> {
    let secure = match server.tls {
        true => Some(tls::client(backend, &server.host, trusts.clone())?),
        false => None,
    };
    let born = Instant::now();
    Ok(Server::new(server.clone(), backend, secure, workers, born))
}
