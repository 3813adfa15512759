//! Which server of which backend.
//!
//! A host names the backend: exactly, else by the longest wildcard, else the
//! backend without hosts. Of its servers the one with the fewest requests under
//! way, or the next in turn; servers that rest are passed over, unless all do:
//! the last server is never given up.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use tokio::time::Instant;

use super::server::Server;
use crate::{
    config::{self, Balance},
    tls::Authorities,
};

/// Servers for some hosts.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) config: config::Backend,
    /// By whom its servers were verified when it was made.
    pub(crate) trusts: Authorities,
    pub(crate) servers: Vec<Arc<Server>>,
    next: AtomicUsize,
}

impl Backend {
    pub(crate) fn new(
        config: config::Backend,
        trusts: Authorities,
        servers: Vec<Arc<Server>>,
    ) -> Self {
        Self { config, trusts, servers, next: AtomicUsize::new(0) }
    }

    /// A server, if possible another than `not`.
    pub(crate) fn pick(
        &self,
        now: Instant,
        not: Option<&Arc<Server>>,
    ) -> Option<&Arc<Server>> {
        let [only] = self.servers.as_slice() else {
            let fits =
                |server: &Arc<Server>| !server.rests(now) && !is(not, server);
            return self
                .choose(fits)
                .or_else(|| self.choose(|server| !is(not, server)))
                .or_else(|| self.choose(|_| true));
        };
        Some(only)
    }

    /// Requests under way, and connections that wait for one.
    pub(crate) fn connections(&self) -> (usize, usize) {
        self.servers.iter().fold((0, 0), |(active, idle), server| {
            let now = server.active.load(Relaxed);
            (active + now, idle + server.idle_count())
        })
    }

    fn choose(
        &self,
        fits: impl Fn(&Arc<Server>) -> bool,
    ) -> Option<&Arc<Server>> {
        let start = self.next.fetch_add(1, Relaxed) % self.servers.len().max(1);
        let (before, after) = self.servers.split_at(start);
        let mut turn = after.iter().chain(before).filter(|s| fits(s));
        match self.config.balance {
            Balance::RoundRobin => turn.next(),
            Balance::LeastConn => {
                turn.min_by_key(|server| server.active.load(Relaxed))
            }
        }
    }
}

fn is(not: Option<&Arc<Server>>, server: &Arc<Server>) -> bool {
    not.is_some_and(|not| Arc::ptr_eq(not, server))
}

/// Backends by host.
#[derive(Debug, Default)]
pub(crate) struct Backends {
    all: Vec<Arc<Backend>>,
    exact: rustc_hash::FxHashMap<String, usize>,
    /// Suffixes with their dot, longest first.
    wildcards: Vec<(String, usize)>,
    default: Option<usize>,
}

impl Backends {
    pub(crate) fn new(all: Vec<Arc<Backend>>) -> Self {
        let mut backends = Self { all, ..Self::default() };
        for (at, backend) in backends.all.iter().enumerate() {
            if backend.config.hosts.is_empty() {
                backends.default.get_or_insert(at);
            }
            for host in &backend.config.hosts {
                match host.strip_prefix('*') {
                    Some(suffix) => {
                        backends.wildcards.push((suffix.to_owned(), at));
                    }
                    None => {
                        backends.exact.entry(host.clone()).or_insert(at);
                    }
                }
            }
        }
        backends
            .wildcards
            .sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        backends
    }

    pub(crate) fn all(&self) -> &[Arc<Backend>] {
        &self.all
    }

    /// The backend of a host in lower case, without port.
    pub(crate) fn of(&self, host: &str) -> Option<&Arc<Backend>> {
        let named = if self.exact.is_empty() && self.wildcards.is_empty() {
            None
        } else {
            let host = host.strip_suffix('.').unwrap_or(host);
            self.exact.get(host).copied().or_else(|| {
                let fits = |suffix: &str| {
                    host.len() > suffix.len() && host.ends_with(suffix)
                };
                let found = self.wildcards.iter().find(|(s, _)| fits(s));
                found.map(|(_, at)| *at)
            })
        };
        named.or(self.default).map(|at| &self.all[at])
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        config::{BackendTimeouts, BackendTls, Pool},
        forward::server::Underway,
    };

    fn backend(name: &str, hosts: &[&str], balance: Balance) -> Backend {
        let secs = Duration::from_secs;
        let config = config::Backend {
            name: name.to_owned(),
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            servers: (1..=3)
                .map(|port| config::Server {
                    tls: false,
                    host: "127.0.0.1".into(),
                    port,
                })
                .collect(),
            balance,
            tls: BackendTls { verify: true, ca: None, server_name: None },
            http2: false,
            timeouts: BackendTimeouts {
                connect: secs(1),
                first_byte: secs(1),
                idle: secs(1),
            },
            pool: Pool { max_idle_per_server: 4, idle_timeout: secs(1) },
        };
        let servers = config.servers.iter().map(|server| {
            Arc::new(Server::new(
                server.clone(),
                &config,
                None,
                1,
                Instant::now(),
            ))
        });
        Backend::new(config.clone(), None, servers.collect())
    }

    #[test]
    fn a_host_finds_its_backend_and_any_other_the_default() {
        let make = |name, hosts: &[&str]| {
            Arc::new(backend(name, hosts, Balance::LeastConn))
        };
        let backends = Backends::new(vec![
            make("shop", &["shop.example", "*.shop.example"]),
            make("rest", &[]),
            make("api", &["*.api.shop.example"]),
        ]);
        let of = |host| backends.of(host).unwrap().config.name.as_str();
        assert_eq!(of("shop.example"), "shop");
        assert_eq!(of("shop.example."), "shop");
        assert_eq!(of("a.b.shop.example"), "shop");
        assert_eq!(of("x.api.shop.example"), "api");
        assert_eq!(of("xshop.example"), "rest");
        assert_eq!(of(".shop.example"), "rest");
        let only = Backends::new(vec![make("shop", &["shop.example"])]);
        assert!(only.of("other.example").is_none());
    }

    #[test]
    fn requests_go_where_the_fewest_are_under_way() {
        let backend = backend("app", &[], Balance::LeastConn);
        let now = Instant::now();
        let mut underway = Vec::new();
        for _ in 0..9 {
            underway.push(Underway::at(backend.pick(now, None).unwrap()));
        }
        let counts: Vec<usize> =
            backend.servers.iter().map(|s| s.active.load(Relaxed)).collect();
        assert_eq!(counts, [3, 3, 3]);
        let second = Arc::clone(underway[0].server());
        underway.retain(|one| !Arc::ptr_eq(one.server(), &second));
        assert!(Arc::ptr_eq(backend.pick(now, None).unwrap(), &second));
        let other = backend.pick(now, Some(&second)).unwrap();
        assert!(!Arc::ptr_eq(other, &second));
    }

    #[test]
    fn in_turn_means_each_once() {
        let backend = backend("app", &[], Balance::RoundRobin);
        let now = Instant::now();
        let mut ports: Vec<u16> = (0..6)
            .map(|_| backend.pick(now, None).unwrap().config.port)
            .collect();
        ports[..3].sort_unstable();
        assert_eq!(ports[..3], [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_server_that_refuses_thrice_rests_but_never_the_last() {
        let backend = backend("app", &[], Balance::RoundRobin);
        let first = Arc::clone(&backend.servers[0]);
        for _ in 0..3 {
            assert!(first.connect().await.is_err(), "nobody listens on 1");
        }
        let now = Instant::now();
        assert!(first.rests(now));
        for _ in 0..10 {
            let picked = backend.pick(now, None).unwrap();
            assert!(!Arc::ptr_eq(picked, &first));
        }
        for server in &backend.servers[1..] {
            for _ in 0..3 {
                assert!(server.connect().await.is_err());
            }
        }
        assert!(backend.pick(Instant::now(), None).is_some());
    }
}
