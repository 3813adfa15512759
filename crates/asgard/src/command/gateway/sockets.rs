//! Every socket of a gateway: bound first, all of them, and only then listening.
//!
//! A socket that listens has joined the others on its address, and the kernel
//! leads clients to it. If the process ended then, for want of another socket,
//! those clients would be reset, while its predecessor serves. So whatever can
//! fail comes before.

use std::{
    net::{SocketAddr, TcpListener},
    vec,
};

use anyhow::{Context, Result};
use asgard_gateway::{
    config::Config,
    listener::{self, Bound},
};

/// All that are bound.
pub(super) struct Sockets {
    listeners: Vec<Place>,
    verdict: Option<Place>,
    ext_authz: Option<Place>,
    admin: Place,
}

/// One address, with as many sockets as there are workers.
struct Place {
    address: SocketAddr,
    bound: vec::IntoIter<Bound>,
}

/// What one worker listens on.
pub(super) struct Share {
    pub(super) listeners: Vec<TcpListener>,
    pub(super) verdict: Option<TcpListener>,
    pub(super) ext_authz: Option<TcpListener>,
}

impl Place {
    fn bind(what: &str, address: SocketAddr, count: usize) -> Result<Self> {
        let cannot = || format!("cannot listen on {address}{what}");
        let first = listener::bind(address).with_context(cannot)?;
        // Port 0 becomes the same free port for all.
        let address = first.local_addr()?;
        let mut bound = vec![first];
        for _ in 1..count {
            bound.push(listener::bind(address).with_context(cannot)?);
        }
        Ok(Self { address, bound: bound.into_iter() })
    }

    /// The next of its sockets begins to listen.
    fn listen(&mut self) -> Result<TcpListener> {
        let bound = self.bound.next().context("one a worker was bound")?;
        let cannot = || format!("cannot listen on {}", self.address);
        bound.listen().with_context(cannot)
    }
}

impl Sockets {
    /// Binds all that a configuration names.
    pub(super) fn bind(config: &Config, workers: usize) -> Result<Self> {
        let admin = Place::bind(" (health)", config.health.address(), 1)?;
        let verdict = config.verdict.as_ref().and_then(|v| v.bind);
        let verdict = verdict.map(|at| Place::bind(" (verdict)", at, workers));
        let grpc = config.server.map(|server| server.address.address());
        let grpc = grpc.map(|at| Place::bind(" (server)", at, workers));
        let listeners = config.listeners.iter();
        Ok(Self {
            admin,
            verdict: verdict.transpose()?,
            ext_authz: grpc.transpose()?,
            listeners: listeners
                .map(|listener| Place::bind("", listener.bind, workers))
                .collect::<Result<_>>()?,
        })
    }

    /// Where the admin listener is.
    pub(super) fn admin(&self) -> SocketAddr {
        self.admin.address
    }

    /// Where everything is, a line each. Tests and tools parse these lines. Do
    /// not change them.
    pub(super) fn lines(&self, config: &Config) -> Vec<String> {
        let mut lines = Vec::new();
        for (place, listener) in self.listeners.iter().zip(&config.listeners) {
            let scheme = if listener.tls.is_some() { "https" } else { "http" };
            let address = place.address;
            lines.push(format!("listening on {scheme}://{address}"));
        }
        if let Some(place) = &self.verdict {
            lines.push(format!("verdicts on http://{}", place.address));
        }
        if let Some(place) = &self.ext_authz {
            lines.push(format!("ext_authz on grpc://{}", place.address));
        }
        lines.push(format!("admin on http://{}", self.admin.address));
        lines
    }

    /// Begins to listen, the admin listener last: who asks it about this
    /// process finds it served. One share a worker.
    pub(super) fn listen(
        mut self,
        workers: usize,
    ) -> Result<(Vec<Share>, TcpListener)> {
        let mut shares = Vec::with_capacity(workers);
        for _ in 0..workers {
            let one = |place: &mut Option<Place>| {
                place.as_mut().map(Place::listen).transpose()
            };
            shares.push(Share {
                verdict: one(&mut self.verdict)?,
                ext_authz: one(&mut self.ext_authz)?,
                listeners: self
                    .listeners
                    .iter_mut()
                    .map(Place::listen)
                    .collect::<Result<_>>()?,
            });
        }
        Ok((shares, self.admin.listen()?))
    }
}
