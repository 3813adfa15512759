//! What asgard enforces, in front of web applications.
//!
//! The life of a request: a [`listener`] accepts it, the [`client_address`] is
//! found, forged [`headers`] are stripped, the network is looked up and the rules
//! decide ([`decide`]), our headers are set, and it is passed on ([`forward`]).
//! All of it reads one [`generation`]. There is no path to the store: a gateway
//! must decide while every database is down.

pub mod admin;
pub mod answer;
pub mod challenge;
pub mod client_address;
pub mod config;
pub mod control;
pub mod crawler;
pub mod drain;
pub mod generation;
pub mod headers;
pub mod listener;
pub mod log;
pub mod lookup;
pub mod metrics;
pub mod proxy_protocol;
pub mod setup;
pub mod supply;
pub mod tls;
pub mod worker;

mod alarm;
mod clock;
mod decide;
mod forward;
mod http1;
mod request;
mod verdict;
mod wire;

pub use control::{FailedTests, Gateway, LoadError, listens};
pub use generation::{Data, Generation, Generations, Membership};
pub use lookup::{Facts, facts};
pub use setup::{Setup, SetupError};
