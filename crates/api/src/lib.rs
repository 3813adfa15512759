//! What asgard tells: the HTTP API.
//!
//! | to find | look in |
//! |---|---|
//! | every endpoint | `router.rs` |
//! | one endpoint | `resource/<name>.rs` |
//! | a JSON shape | `view/<name>.rs` |
//! | the life of a request | `middleware.rs` |
//! | what is asked of others | [`Lookups`] |
//! | a size, a default, a time-out | [`limits`] |
//! | what is published now | [`Live`] |
//!
//! Reads load one `Arc` and answer from it; they take no lock but the rate
//! limiter's and wait for nobody but the store (history, whitelist) and whoever
//! must be asked (domains, PeeringDB profiles). It knows nothing of sources:
//! the binary publishes Snapshots, keys and source states through [`Live`]. Its
//! only tasks are connections, owned by [`serve`].

mod app;
mod auth;
mod client_address;
mod coding;
#[cfg(feature = "echo")]
pub mod echo;
mod error;
pub mod feeds;
mod header_number;
mod http_date;
mod limiter;
pub mod limits;
mod live;
mod lookup;
mod metrics;
mod middleware;
mod openapi;
mod published;
mod representation;
mod request;
mod resource;
mod router;
mod server;
mod stream;
mod table_history;
pub mod view;

pub use app::{ApiConfig, App, Clock, EdlAuth, Republish, RepublishError};
pub use feeds::{FeedConfig, Feeds, Signer, verify_minisign};
pub use live::Live;
pub use lookup::{Dns, LookupConfig, Lookups, PeeringdbUrl, PeeringdbUrlError};
pub use metrics::Metrics;

/// Makes sure that the process has a provider for TLS. Another part of it may
/// have installed one already: either way there is one then.
pub fn install_tls() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The whole API as one service.
///
/// Serve it by [`serve`]: it tells the peer's address, without which all
/// clients without a key share one rate limit, and runs the live stream.
pub fn router(app: App) -> axum::Router {
    router::build(&middleware::Life::new(app))
}

/// Answers on a listener until `stop` resolves and the answers under way are
/// finished; streams are ended then.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    server::run(listener, app, stop).await
}
