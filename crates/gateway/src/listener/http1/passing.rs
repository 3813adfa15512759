//! A request of HTTP/1 on its way to a backend, and what became of it.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Connection, Next, Ready, over_http2};
use crate::{
    answer::Answer,
    forward::{
        backend::Backend,
        exchange::{self, Ended, Failed, Job},
        fault::{Fault, Side},
        server::{Connection as ServerConnection, Server, Underway},
        tunnel,
    },
    generation::Generation,
    worker::Worker,
};

impl Connection<'_> {
    /// To a server of HTTP/2.
    async fn forward_over_http2(
        &mut self,
        backend: &Backend,
        generation: &Generation,
        ready: &Ready,
        begun: Instant,
    ) -> (u16, Next) {
        let sent = over_http2::forward(self, backend, generation, ready, begun);
        match Box::pin(sent).await {
            Ok(ended) => ended,
            Err((answered, fault)) => {
                let failed = Failed { fault, answered };
                self.broke(failed, backend, ready).await
            }
        }
    }

    /// Passes a request on; tries once more where that is safe.
    pub(super) async fn forward(
        &mut self,
        backend: &Backend,
        generation: &Generation,
        ready: &Ready,
        begun: Instant,
    ) -> (u16, Next) {
        if backend.config.http2 {
            return self
                .forward_over_http2(backend, generation, ready, begun)
                .await;
        }
        let mut tried: Option<Arc<Server>> = None;
        let mut stale = false;
        loop {
            let again = tried.is_some() || stale;
            let picked = backend.pick(begun, tried.as_ref());
            let Some(server) = picked.map(Arc::clone) else {
                return self.failed(502, ready).await;
            };
            let underway = Underway::at(&server);
            let idle = match stale {
                true => None,
                false => server.idle(self.worker.index, begun),
            };
            let connected = match idle {
                Some(connection) => Ok(connection),
                None => server.connect().await,
            };
            let mut connection = match connected {
                Ok(connection) => connection,
                Err(fault) => {
                    self.note(backend, &fault);
                    if again {
                        return self.failed(fault.status(), ready).await;
                    }
                    tried = Some(server);
                    continue;
                }
            };
            let result = self
                .exchange(&mut connection, backend, generation, ready)
                .await;
            match result {
                Ok(ended) => {
                    return self
                        .ended(ended, connection, &underway, generation)
                        .await;
                }
                Err(Failed { fault, answered: None })
                    if fault.is_stale_connection()
                        && connection.reused
                        && ready.repeatable
                        && !again =>
                {
                    stale = true;
                }
                Err(failed) => {
                    return self.broke(failed, backend, ready).await;
                }
            }
        }
    }

    async fn exchange(
        &mut self,
        connection: &mut ServerConnection,
        backend: &Backend,
        generation: &Generation,
        ready: &Ready,
    ) -> Result<Ended, Failed> {
        connection.outgoing.clear();
        connection.outgoing.bytes.extend_from_slice(&self.head);
        let setup = &generation.setup;
        exchange::run(
            exchange::Client {
                wire: &mut self.wire,
                incoming: &mut self.incoming,
                outgoing: &mut self.outgoing,
                alarm: &mut self.alarm,
            },
            exchange::Server {
                wire: &mut connection.wire,
                incoming: &mut connection.incoming,
                outgoing: &mut connection.outgoing,
            },
            Job {
                framing: ready.framing,
                version: ready.version,
                to_head: ready.to_head,
                websocket: ready.websocket,
                expects_continue: ready.expects_continue,
                keep_alive: ready.keep_alive,
                limits: &setup.config.limits,
                timeouts: &backend.config.timeouts,
                strip: &setup.strip,
            },
        )
        .await
    }

    /// The exchange ended well.
    async fn ended(
        &mut self,
        ended: Ended,
        mut connection: ServerConnection,
        underway: &Underway,
        generation: &Generation,
    ) -> (u16, Next) {
        if ended.upgraded {
            let tunnels = &self.worker.metrics.tunnels;
            tunnels.inc();
            tunnel::run(
                (&mut self.wire, &mut self.incoming),
                (&mut connection.wire, &mut connection.incoming),
                &mut self.alarm,
                generation.setup.config.limits.tunnel_idle,
            )
            .await;
            tunnels.dec();
            return (ended.status, Next::End);
        }
        if ended.server_reusable {
            let now = Instant::now();
            underway.server().keep(self.worker.index, connection, now);
        }
        let next = match ended.client_reusable {
            true => Next::Request,
            false => Next::Linger,
        };
        (ended.status, next)
    }

    /// The exchange failed.
    async fn broke(
        &mut self,
        failed: Failed,
        backend: &Backend,
        ready: &Ready,
    ) -> (u16, Next) {
        let Failed { fault, answered } = failed;
        if fault.side() == Side::Backend {
            self.note(backend, &fault);
        } else {
            tracing::debug!(peer = %self.from.peer, %fault, "request ended");
        }
        // Half a response cannot be taken back: the end of the connection is
        // the only way to say that it is not whole.
        match (answered, &fault) {
            (Some(status), _) => (status, Next::End),
            (None, Fault::ClientGone(_)) => (fault.status(), Next::End),
            (None, Fault::Client(refusal)) => {
                let answer = Answer::refusal(*refusal);
                self.outgoing.clear();
                self.answer(&answer, ready.manner(false)).await;
                (answer.status, Next::Linger)
            }
            (None, _) => self.failed(fault.status(), ready).await,
        }
    }

    fn note(&self, backend: &Backend, fault: &Fault) {
        note(self.worker, backend, fault);
    }
}

/// Counts what a backend did wrong.
pub(super) fn note(worker: &Worker, backend: &Backend, fault: &Fault) {
    let name = backend.config.name.as_str();
    tracing::debug!(backend = name, %fault, "exchange failed");
    let errors = &worker.metrics.backend_errors;
    errors.with_label_values(&[name, fault.label()]).inc();
}
