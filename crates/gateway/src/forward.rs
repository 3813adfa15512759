//! From us to the backend and back.
//!
//! A [`backend`] has servers; a [`server`] has idle connections, one list a
//! worker, so that nobody waits for a lock. One [`exchange`] sends a request and
//! passes the response on, both at once and both with back-pressure: what one
//! side does not take, is not read from the other; [`progress`] tells who is
//! late where HTTP/2 stands between. A [`tunnel`] carries bytes once both sides
//! have agreed to speak something else.

pub(crate) mod backend;
pub(crate) mod exchange;
pub(crate) mod fault;
pub(crate) mod http2;
pub(crate) mod progress;
pub(crate) mod pump;
pub(crate) mod server;
pub(crate) mod stream;
pub(crate) mod tunnel;
