//! `asgard live`: BGP as it happens, one line for each route, until Ctrl-C.
//!
//! A hole in the stream (a lost connection, or lines that nobody read in time)
//! is told on stderr where it is, and the counts of everything at the end.

use std::{
    io::{self, Write},
    ops::ControlFlow,
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use asgard_ingest::{
    live::{
        Bound, Counts, Dialler, Follower, Gap, Heard, Inbox, Item, Options,
        Subscription, Taken, listen, system_roots,
    },
    supply::Egress,
};
use asgard_routing::event::{json, text};
use tokio::time::sleep;

use crate::{
    cli::{Live, LiveForm},
    config::Config,
    exit::{Exit, usage},
    output::Out,
    sessions::random,
};

/// How long lines may wait for others before they are written.
const PATIENCE: Duration = Duration::from_millis(200);
/// Messages that are written at once in their own form.
const BATCH: usize = 1024;

pub(crate) async fn run(
    config: &Config,
    live: &Live,
    out: &mut Out,
) -> Result<Exit> {
    let dialler =
        Dialler::new(Egress::new(config.allow_private.clone()), system_roots());
    dialler.check(&live.url).map_err(|error| usage(error.into()))?;
    let options = Options {
        url: live.url.clone(),
        subscription: Subscription { hosts: live.host.clone() },
        ..Options::default()
    };
    let inbox = Arc::new(Inbox::new(Bound::default()));
    let filled = Arc::clone(&inbox);
    let listening = tokio::spawn(async move {
        listen(&options, &dialler, &filled, &mut random).await;
    });
    let closing = tokio::spawn(close(Arc::clone(&inbox), live.seconds));
    let written = tokio::task::block_in_place(|| write(&inbox, live, out));
    listening.abort();
    closing.abort();
    let (bad, result) = match written {
        Ok(bad) => (bad, Ok(())),
        Err(error) => (0, Err(error)),
    };
    say(&total(&inbox.counters().counts(), bad));
    result?;
    Ok(Exit::Ok)
}

async fn close(inbox: Arc<Inbox>, seconds: Option<u64>) {
    let end = async {
        match seconds {
            Some(seconds) => sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = end => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    inbox.close();
}

/// Writes until the inbox is closed and empty; how many messages could not be
/// read.
fn write(inbox: &Inbox, live: &Live, out: &mut Out) -> io::Result<u64> {
    if live.output == LiveForm::Raw {
        return raw(inbox, out).map(|()| 0);
    }
    let mut follower = Follower::default();
    let mut lines = Vec::new();
    loop {
        let mut sink = |heard: Heard<'_>| {
            match (heard, live.output) {
                (Heard::Gap(gap), _) => tell(gap),
                (Heard::Event(event), LiveForm::Jsonl) => {
                    json::line(event, &mut lines);
                }
                (Heard::Event(event), _) => text::line(event, &mut lines),
            }
            ControlFlow::Continue(())
        };
        if follower.follow(inbox, PATIENCE, &mut sink) == Taken::Closed {
            return Ok(follower.bad);
        }
        out.bytes(&lines)?;
        lines.clear();
    }
}

fn raw(inbox: &Inbox, out: &mut Out) -> io::Result<()> {
    let mut items = Vec::new();
    let mut lines = Vec::new();
    while inbox.take(&mut items, BATCH, PATIENCE) != Taken::Closed {
        for item in items.drain(..) {
            match item {
                Item::Message(text) => {
                    lines.extend_from_slice(&text);
                    lines.push(b'\n');
                }
                Item::Gap(gap) => tell(gap),
            }
        }
        out.bytes(&lines)?;
        lines.clear();
    }
    Ok(())
}

fn tell(gap: Gap) {
    say(&match gap {
        Gap::Disconnected => {
            "the connection was lost; what was said meanwhile is missing here"
                .to_owned()
        }
        Gap::Overflow(lost) => {
            format!("{lost} messages are missing here: they came too fast")
        }
    });
}

fn total(counts: &Counts, bad: u64) -> String {
    let Counts { messages, bytes, lost, gaps, connections, failures, .. } =
        counts;
    let mut text = format!(
        "{messages} messages ({bytes} bytes) over {connections} connections, \
         {lost} lost, {bad} unreadable, {gaps} gaps"
    );
    if let Some(end) = counts.last_end.as_ref().filter(|_| *failures > 0) {
        text = format!("{text}; {failures} connections failed, last: {end}");
    }
    text
}

/// Nothing can be done if even stderr is closed.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "asgard: {text}");
}
