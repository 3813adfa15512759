//! The life of a request, outermost first.
//!
//! | layer | why there |
//! |---|---|
//! | [`trace_id`] | everything below may name the request, and every answer does |
//! | [`client`] | the log and the limiter name the client, not a proxy |
//! | [`timing`] | measures all that follows, and logs the status as it is sent |
//! | [`envelope`] | writes the body of every error made below, whoever made it |
//! | [`panics`] | turns a panic below into an error before the envelope sees it |
//! | [`cors`] | a browser asks first, without key; errors are for pages too |
//! | [`identity`] | the limiter counts by key, so the key is verified first |
//! | [`rate_limit`] | refuses before anything is read, parsed or looked up |
//! | [`size`] | counted, but not looked at |
//! | [`compression`] | outside the tag, so that a 304 costs no coding |
//! | [`etag`] | sees good answers only; a 304 has been counted and timed |
//!
//! The layers wrap the fallbacks too: an unknown route or a wrong method is an
//! answer like any other.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
};

use crate::{
    App, limiter::Limiter, limits, middleware::rate_limit::RateLimit,
    middleware::trace_id::TraceIds,
};

mod client;
mod compression;
mod cors;
mod envelope;
mod etag;
mod identity;
mod panics;
mod rate_limit;
mod size;
mod timing;
mod trace_id;

pub(crate) use envelope::OwnBody;

/// Wraps a router in all layers; the last one added is the outermost.
pub(crate) fn stack(router: Router<App>, app: &App) -> Router<App> {
    let traces = TraceIds::new(app.clock.clone());
    let limit = RateLimit {
        limiter: Arc::new(Limiter::new(
            app.config.rate_limit_per_minute,
            app.config.rate_classes.clone(),
        )),
        clock: app.clock.clone(),
        metrics: Arc::clone(&app.metrics),
    };
    let metrics = || Arc::clone(&app.metrics);
    let trusted = Arc::clone(&app.config.trusted_proxies);
    router
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES))
        .layer(from_fn(etag::answer_not_modified))
        .layer(from_fn(compression::compress))
        .layer(from_fn(size::limit))
        .layer(from_fn_with_state(limit, rate_limit::limit))
        .layer(from_fn_with_state(app.clone(), identity::establish))
        .layer(from_fn_with_state(metrics(), panics::catch))
        .layer(from_fn(envelope::wrap))
        .layer(cors::layer(&app.config.cors_origins))
        .layer(from_fn_with_state(metrics(), timing::measure))
        .layer(from_fn_with_state(trusted, client::find))
        .layer(from_fn_with_state(traces, trace_id::assign))
}
