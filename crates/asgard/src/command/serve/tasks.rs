//! The tasks that run until the end: who looks after them, and how they end.

use std::time::Duration;

use anyhow::{Error, anyhow};
use tokio::{
    task::{JoinError, JoinHandle},
    time::timeout,
};

use crate::sessions::Kept;

/// What runs until it is told to stop.
pub(super) struct Tasks {
    pub(super) server: JoinHandle<std::io::Result<()>>,
    pub(super) watcher: JoinHandle<()>,
    pub(super) cycles: JoinHandle<()>,
    pub(super) sessions: Kept,
}

impl Tasks {
    /// Resolves when one of them has ended, which none does by itself: says
    /// which, and why.
    pub(super) async fn first_end(&mut self) -> Error {
        tokio::select! {
            end = &mut self.server => match end {
                Ok(Err(error)) => anyhow!("the server has ended: {error}"),
                end => unasked("server", end.map(drop)),
            },
            end = &mut self.watcher => unasked("watcher of the store", end),
            end = &mut self.cycles => unasked("task of cycles", end),
            end = self.sessions.first_end() => unasked("task of sessions", end),
        }
    }

    /// Waits until they have stopped, as they were told; answers under way may
    /// take as long as `drain`.
    pub(super) async fn end(self, drain: Duration) {
        // Who has ended before must not be asked again.
        if !self.server.is_finished()
            && timeout(drain, self.server).await.is_err()
        {
            tracing::warn!("connections were cut after {} s", drain.as_secs());
        }
        // A cycle in the midst of parsing has nothing to lose: it is left
        // behind.
        self.cycles.abort();
        drop(self.sessions);
        if !self.watcher.is_finished() {
            self.watcher.await.ok();
        }
    }
}

fn unasked(task: &str, end: Result<(), JoinError>) -> Error {
    match end {
        Ok(()) => anyhow!("the {task} has ended"),
        Err(error) => anyhow!("the {task} has ended: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use asgard_api::Live;

    use super::*;
    use crate::{config::LiveConfig, sessions::Sessions};

    /// Tasks that run for ever.
    fn tasks() -> Tasks {
        let sessions = Sessions::new(&LiveConfig {
            rtr: Vec::new(),
            ris_live: None,
            pause: Duration::ZERO,
        });
        Tasks {
            server: tokio::spawn(std::future::pending()),
            watcher: tokio::spawn(std::future::pending()),
            cycles: tokio::spawn(std::future::pending()),
            sessions: sessions.start(&std::sync::Arc::new(Live::default())),
        }
    }

    #[tokio::test]
    async fn a_task_that_ends_by_itself_is_named_with_its_reason() {
        let mut panicked = tasks();
        panicked.cycles = tokio::spawn(async { panic!("a bad row") });
        let text = panicked.first_end().await.to_string();
        assert!(text.contains("the task of cycles has ended: "), "{text}");
        assert!(text.contains("a bad row"), "{text}");

        let mut ended = tasks();
        ended.watcher = tokio::spawn(std::future::ready(()));
        let text = ended.first_end().await.to_string();
        assert_eq!(text, "the watcher of the store has ended");

        let mut failed = tasks();
        failed.server =
            tokio::spawn(async { Err(std::io::Error::other("no socket")) });
        let text = failed.first_end().await.to_string();
        assert_eq!(text, "the server has ended: no socket");
    }
}
