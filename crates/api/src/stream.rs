//! The live stream: score changes, as they are published, to whoever watches.
//!
//! ```text
//! Live::publish ──▶ hub ──▶ queue of a watcher (100) ──▶ WebSocket or SSE
//!                   │ log of the newest events, for who comes back
//! ```
//!
//! - Events are released in portions, and the next portion waits until those
//!   who read have read: a cycle of ten thousand changes drowns nobody.
//! - Who does not read is waited for once, briefly; when 100 messages wait for
//!   him he is closed (1008), and the others never notice.
//! - An event is written as text once, however many watch.

mod filter;
mod hub;
mod message;
mod queue;

pub(crate) use filter::Filter;
pub(crate) use hub::{CaughtUp, Hub, Kind, Watching};
pub(crate) use message::Message;
pub(crate) use queue::Farewell;
