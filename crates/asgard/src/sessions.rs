//! Sessions over which things are told as they happen: who keeps them, how they
//! are doing, and that something has changed.

use std::{sync::Arc, time::Duration};

use asgard_api::Live;
use asgard_ingest::{
    live::{self, Bound, Stream, listen},
    rtr::{self, Notice, Validators},
};
use tokio::{
    sync::Notify,
    task::{JoinError, JoinSet},
    time::sleep,
};

use crate::{
    clock::now,
    config::{LiveConfig, RisLive},
};

/// How often their states are published.
const TELL: Duration = Duration::from_millis(250);
/// What may wait while a dump is read: a minute of one large collector.
const WAITING: Bound = Bound { messages: 1 << 19, bytes: 256 << 20 };

/// All sessions of the process.
pub(crate) struct Sessions {
    notices: Vec<Arc<Notice>>,
    stream: Option<Arc<Stream>>,
    config: LiveConfig,
    changed: Arc<Notify>,
}

/// Sessions that are kept until this is dropped.
pub(crate) struct Kept {
    // Dropped with it, tasks end.
    tasks: JoinSet<()>,
    stream: Option<Arc<Stream>>,
}

impl Kept {
    /// Resolves when one of their tasks has ended, which none does by itself.
    pub(crate) async fn first_end(&mut self) -> Result<(), JoinError> {
        match self.tasks.join_next().await {
            Some(end) => end,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream {
            stream.stop();
        }
    }
}

impl Sessions {
    /// Those that the configuration asks for; nobody is asked yet.
    pub(crate) fn new(config: &LiveConfig) -> Self {
        let changed = Arc::new(Notify::new());
        let notice = |address: &String| {
            Arc::new(Notice::new(address, Arc::clone(&changed)))
        };
        let stream = |ris_live: &RisLive| {
            let changed = Arc::clone(&changed);
            Arc::new(Stream::new(&ris_live.url, WAITING, changed))
        };
        Self {
            notices: config.rtr.iter().map(notice).collect(),
            stream: config.ris_live.as_ref().map(stream),
            config: config.clone(),
            changed,
        }
    }

    /// The validators, for the learner.
    pub(crate) fn validators(&self) -> Validators {
        Validators::new(self.notices.clone())
    }

    /// The stream of BGP messages, for the learner.
    pub(crate) fn stream(&self) -> Option<Arc<Stream>> {
        self.stream.clone()
    }

    /// Told whenever there is something new to learn.
    pub(crate) fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// Starts them all.
    pub(crate) fn start(self, live: &Arc<Live>) -> Kept {
        let mut tasks = JoinSet::new();
        for (notice, address) in self.notices.iter().zip(&self.config.rtr) {
            let notice = Arc::clone(notice);
            let options = rtr::Options::new(address.clone());
            tasks.spawn(async move {
                rtr::follow(&options, &notice, &mut random).await;
            });
        }
        let ris_live = self.config.ris_live.clone();
        if let (Some(stream), Some(config)) = (&self.stream, ris_live) {
            let (reader, writer) = (Arc::clone(stream), Arc::clone(stream));
            tasks.spawn_blocking(move || reader.follow(&now));
            tasks.spawn(async move { hear(&config, &writer).await });
        }
        let stream = self.stream.clone();
        tasks.spawn(self.tell(Arc::clone(live)));
        Kept { tasks, stream }
    }

    async fn tell(self, live: Arc<Live>) {
        let validators = self.validators();
        loop {
            let mut sessions = asgard_model::Sessions::default();
            validators.tell(&mut sessions);
            if let Some(stream) = &self.stream {
                stream.tell(&mut sessions);
            }
            live.set_sessions(sessions);
            sleep(TELL).await;
        }
    }
}

/// Listens from the moment at which there is a table to change.
async fn hear(config: &RisLive, stream: &Stream) {
    stream.table_is_there().await;
    let options = live::Options {
        url: config.url.clone(),
        subscription: config.subscription.clone(),
        ..live::Options::default()
    };
    tracing::info!(url = config.url, "RIS Live: listening");
    let dialler = config.dialler();
    listen(&options, &dialler, stream.inbox(), &mut random).await;
}

/// Spreads the attempts of many clients; any number will do.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness all clients come at once, which is no fault.
    let _ = getrandom::fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}
