//! RPKI from a validator next door: the RPKI-to-Router protocol (RFC 8210, and
//! its version 2 for ASPAs), by the crate `rpki`.
//!
//! [`follow`] keeps a connection and puts what the validator says onto a
//! [`Notice`] that a cycle reads. What it says replaces the VRPs of files while
//! it is fresh: until the time that the validator itself sets has passed since
//! the last word (the expire interval, RFC 8210, section 6). After that, files
//! rule again.
//!
//! The validator is the operator's own, so its address may be private; but it
//! is not trusted to be well: records are checked, their number is bounded, and
//! a transfer that does not end is given up. Not read: router keys, and ASPAs of
//! caches that speak the draft of version 2 of before 2023, such as `StayRTR`
//! 0.5, whose records had another form.
//!
//! Of several validators the first whose word is good is followed
//! ([`Validators`]); one that knows of no VRP at all is not.

mod notice;
mod target;
mod validators;

use std::{io, time::Duration};

use rpki::rtr::{Client, State};
use tokio::{
    io::BufReader,
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use self::target::Target;
pub(crate) use self::validators::Answer;
pub use self::{
    notice::{Notice, Validated},
    validators::Validators,
};
use crate::live::Backoff;

/// The highest version of the protocol that is spoken: with ASPAs.
const NEWEST: u8 = 2;
/// Shortest time between two questions, whatever the validator says.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest time between two questions, whatever the validator says: the
/// longest refresh interval of RFC 8210.
const LONGEST: Duration = Duration::from_secs(86_400);

/// How to ask a validator.
#[derive(Clone, Debug)]
pub struct Options {
    /// `HOST:PORT`.
    pub address: String,
    /// To an open connection.
    pub connect: Duration,
    /// From a question to the end of its answer.
    pub transfer: Duration,
    /// Waits between attempts to connect.
    pub backoff: Backoff,
}

impl Options {
    /// 10 s to connect, 5 minutes for all of RPKI.
    pub fn new(address: String) -> Self {
        Self {
            address,
            connect: Duration::from_secs(10),
            transfer: Duration::from_secs(300),
            backoff: Backoff::default(),
        }
    }
}

/// Follows a validator for ever. The caller owns the future, and ends it by
/// dropping it.
///
/// `random` spreads the attempts of many clients over time: any 64 bits.
pub async fn follow(
    options: &Options,
    notice: &Notice,
    random: &mut (dyn FnMut() -> u64 + Send),
) {
    let mut failures = 0;
    let mut state = None;
    let mut version = NEWEST;
    loop {
        let mut target = Target::new(notice);
        // What has run out is forgotten, and so is how far we had come.
        let known = state.take().filter(|_| notice.current().is_some());
        let session = run(options, version, known, &mut target).await;
        state = session.state;
        failures = if session.answered { 0 } else { failures + 1 };
        version = next_version(version, &session);
        let error = target.trouble.take().unwrap_or(session.error);
        notice.failed(&error);
        let wait = options.backoff.wait(failures, random());
        tracing::warn!(address = options.address, ?wait, "RTR: {error}");
        sleep(wait).await;
    }
}

/// How a connection went.
struct Session {
    /// How far we have come, if that is in the data.
    state: Option<State>,
    /// Whether the validator gave any data.
    answered: bool,
    /// Whether there was a connection at all.
    connected: bool,
    error: String,
}

/// Validators that know only old versions may hang up instead of saying so
/// (RFC 8210, section 7): next time they are asked in an older one.
fn next_version(version: u8, session: &Session) -> u8 {
    match (session.connected, session.answered) {
        (true, false) => version.checked_sub(1).unwrap_or(NEWEST),
        (false, _) => version,
        (true, true) => NEWEST,
    }
}

async fn run(
    options: &Options,
    version: u8,
    state: Option<State>,
    target: &mut Target<'_>,
) -> Session {
    let failed = |error: String| Session {
        state,
        answered: false,
        connected: false,
        error,
    };
    let connecting = TcpStream::connect(&options.address);
    let tcp = match timeout(options.connect, connecting).await {
        Ok(Ok(tcp)) => BufReader::new(tcp),
        Ok(Err(error)) => return failed(error.to_string()),
        Err(_) => return failed("no connection in time".to_owned()),
    };
    let mut client = Client::with_initial_version(version, tcp, target, state);
    let error = loop {
        let begun = Instant::now();
        let wait = client.target().refresh().min(LONGEST);
        match timeout(wait + options.transfer, client.step()).await {
            Ok(Ok(())) => client.target().note(client.state()),
            Ok(Err(error)) => break explain(&error),
            Err(_) => break "an answer did not end in time".to_owned(),
        }
        sleep(PAUSE.saturating_sub(begun.elapsed())).await;
    };
    let (state, target) = (client.state(), client.into_target());
    // Of an update that was refused nothing is in the data.
    let state = state.filter(|_| target.answered && target.trouble.is_none());
    Session { state, answered: target.answered, connected: true, error }
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            "the validator closed the connection".to_owned()
        }
        _ => error.to_string(),
    }
}
