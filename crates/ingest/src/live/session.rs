//! One connection: what is asked for, what comes, and how it ends.

use std::{fmt, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{self, Bytes, Message};

use super::{Inbox, Options, dial::Socket};

/// Longest wait until the other side takes what is sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How the server begins to say that it cannot do what was asked.
const REFUSAL: &[u8] = b"{\"type\":\"ris_error\"";

/// Of what to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Collectors, like `rrc00`; all if empty.
    pub hosts: Vec<String>,
}

impl Subscription {
    /// What to send: updates and the states of sessions, decoded and not raw.
    /// A subscription names at most one collector and one type.
    pub(super) fn texts(&self) -> Vec<String> {
        let hosts: Vec<Option<&str>> = match self.hosts.is_empty() {
            true => vec![None],
            false => {
                self.hosts.iter().map(|host| Some(host.as_str())).collect()
            }
        };
        let one = |host: Option<&str>, kind: &str| {
            let mut data = json!({
                "type": kind,
                "socketOptions": {"includeRaw": false, "acknowledge": true},
            });
            if let Some(host) = host {
                data["host"] = host.into();
            }
            json!({"type": "ris_subscribe", "data": data}).to_string()
        };
        let kinds = ["UPDATE", "RIS_PEER_STATE"];
        let all = hosts.into_iter().flat_map(|h| kinds.map(|k| one(h, k)));
        all.collect()
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// There was none.
    NotOpened(String),
    /// The other side said goodbye, or hung up.
    Closed,
    /// It said nothing for so long.
    Silent(Duration),
    /// It did not take what was sent.
    Stuck,
    /// It broke the protocol, or the network failed.
    Broken(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOpened(why) => write!(f, "not connected: {why}"),
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Silent(time) => {
                write!(f, "the server was silent for {time:?}")
            }
            Self::Stuck => f.write_str("the server reads nothing"),
            Self::Broken(why) => write!(f, "the connection broke: {why}"),
        }
    }
}

/// Subscribes, and puts everything that comes into the inbox, until the end.
pub(super) async fn run(
    mut socket: Socket,
    options: &Options,
    inbox: &Inbox,
) -> End {
    for text in options.subscription.texts() {
        if let Err(end) = send(&mut socket, Message::text(text)).await {
            return end;
        }
    }
    let begun = Instant::now();
    let (mut last, mut next_ping) = (begun, begun + options.ping);
    loop {
        let deadline = next_ping.min(last + options.silence);
        tokio::select! {
            frame = socket.next() => {
                last = Instant::now();
                next_ping = last + options.ping;
                match frame {
                    None => return End::Closed,
                    Some(Err(error)) => return ended(&error),
                    Some(Ok(message)) => take(message, inbox),
                }
            }
            () = sleep_until(deadline) => {
                let now = Instant::now();
                if now >= last + options.silence {
                    return End::Silent(options.silence);
                }
                next_ping = now + options.ping;
                let ping = Message::Ping(Bytes::new());
                if let Err(end) = send(&mut socket, ping).await {
                    return end;
                }
            }
        }
    }
}

async fn send(socket: &mut Socket, message: Message) -> Result<(), End> {
    match timeout(SEND_TIMEOUT, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(ended(&error)),
        Err(_) => Err(End::Stuck),
    }
}

fn take(message: Message, inbox: &Inbox) {
    match message {
        Message::Text(text) => {
            let bytes = Bytes::from(text);
            if bytes.starts_with(REFUSAL) {
                inbox.counters().refusal();
                let said = String::from_utf8_lossy(&bytes);
                let said: String = said.chars().take(200).collect();
                tracing::warn!("RIS Live refuses: {said}");
            } else {
                inbox.put(bytes);
            }
        }
        Message::Binary(_) => inbox.counters().foreign(),
        // Pings are answered by the library, with the next thing that is read.
        _ => {}
    }
}

fn ended(error: &tungstenite::Error) -> End {
    match error {
        tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed => End::Closed,
        other => End::Broken(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_and_states_are_subscribed_of_all_collectors_or_of_some() {
        let all = Subscription::default().texts();
        let first: serde_json::Value = serde_json::from_str(&all[0]).unwrap();
        let options = json!({"includeRaw": false, "acknowledge": true});
        let data = json!({"type": "UPDATE", "socketOptions": options});
        assert_eq!(first, json!({"type": "ris_subscribe", "data": data}));
        assert!(all[1].contains("RIS_PEER_STATE"));
        let hosts = vec!["rrc00".to_owned(), "rrc21".to_owned()];
        let some = Subscription { hosts }.texts();
        assert_eq!(some.len(), 4);
        assert!(some[3].contains(r#""host":"rrc21""#), "{}", some[3]);
    }
}
