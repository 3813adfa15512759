//! Who asks name servers about crawlers, over all reloads.
//!
//! A reload with other name servers brings a worker of its own; the one before
//! ends when the last request that knows it has ended.

use tokio::{sync::watch, task::JoinSet};

use super::Gateway;

impl Gateway {
    /// Asks name servers until `shutdown` is true. The binary spawns and joins
    /// it.
    pub async fn look_up_names(&self, mut shutdown: watch::Receiver<bool>) {
        let mut setups = self.setups.subscribe();
        let mut workers = JoinSet::new();
        loop {
            setups.borrow_and_update();
            let setup = self.generations.load().setup.clone();
            if let Some(worker) = setup.take_reverse_worker() {
                workers.spawn(worker.run(shutdown.clone()));
            }
            drop(setup);
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => break,
                changed = setups.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
                Some(_) = workers.join_next() => {}
            }
        }
        workers.join_all().await;
    }
}
