//! Rounds until a signal.
//!
//! TERM and INT end the agent and leave its list in force. HUP makes a round at
//! once, and USR1 one in which the operator accepts a list that shrank.

use std::time::Duration;

use tokio::{
    select,
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};

use super::{
    keeper::{Keeper, Outcome},
    list::Leniency,
    pace::Pace,
    supervisor::Supervisor,
    trouble::Trouble,
};
use crate::config;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    End,
    Round(Leniency),
}

struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    usr1: Signal,
}

impl Signals {
    fn new() -> Result<Self, Trouble> {
        let listen = |kind| {
            signal(kind).map_err(|error| Trouble::machine(error.to_string()))
        };
        Ok(Self {
            term: listen(SignalKind::terminate())?,
            int: listen(SignalKind::interrupt())?,
            hup: listen(SignalKind::hangup())?,
            usr1: listen(SignalKind::user_defined1())?,
        })
    }

    async fn next(&mut self) -> Wake {
        select! {
            biased;
            _ = self.term.recv() => Wake::End,
            _ = self.int.recv() => Wake::End,
            _ = self.usr1.recv() => Wake::Round(Leniency::Accept),
            _ = self.hup.recv() => Wake::Round(Leniency::AsTold),
        }
    }
}

/// Runs an agent until it is asked to end.
///
/// # Errors
/// The table or the sets are not ours, or cannot be taken away at the end.
pub(super) async fn run(mut keeper: Keeper) -> Result<(), Trouble> {
    let mut signals = Signals::new()?;
    let supervisor = Supervisor::new(config::notify_socket());
    tracing::info!(target = keeper.target(), "the agent begins");
    if let Err(trouble) = keeper.hold() {
        if trouble.is_usage() {
            return Err(trouble);
        }
        tracing::error!(%trouble, "the last good list is not in force");
    }
    supervisor.tell("READY=1");
    rounds(&mut keeper, &mut signals).await;
    supervisor.tell("STOPPING=1");
    if keeper.options.remove_on_exit {
        let said = keeper.remove()?;
        tracing::info!("{said}");
    }
    tracing::info!(target = keeper.target(), "the agent ends");
    Ok(())
}

async fn rounds(keeper: &mut Keeper, signals: &mut Signals) {
    let mut pace = Pace::new(keeper.options.interval.0);
    let mut leniency = Leniency::AsTold;
    loop {
        // A signal breaks off a transfer, never what the firewall does.
        let woken = select! {
            biased;
            wake = signals.next() => Some(wake),
            ended = keeper.round(leniency) => {
                leniency = Leniency::AsTold;
                keeper.account(&ended);
                let pause = pace.after(ended.as_ref().map(|_| ()), random());
                tell(&ended, pause);
                select! {
                    biased;
                    wake = signals.next() => Some(wake),
                    () = sleep(pause) => None,
                }
            }
        };
        match woken {
            Some(Wake::End) => return,
            Some(Wake::Round(asked)) => leniency = asked,
            None => {}
        }
    }
}

fn tell(ended: &Result<Outcome, Trouble>, pause: Duration) {
    let seconds = pause.as_secs();
    match ended {
        Ok(outcome) => tracing::debug!(?outcome, next = seconds, "round"),
        Err(trouble) => tracing::warn!(
            kind = trouble.kind.word(),
            next = seconds,
            "{trouble}; what was good stays in force"
        ),
    }
}

/// Any number; without entropy all agents keep the same time.
fn random() -> u16 {
    let mut bytes = [0; 2];
    // A machine that has no entropy yet is asked again in the next round.
    let _ = getrandom::fill(&mut bytes);
    u16::from_le_bytes(bytes)
}
