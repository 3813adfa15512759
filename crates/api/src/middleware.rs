//! The life of a request, phase by phase, in one place: [`live`].
//!
//! | phase | why there |
//! |---|---|
//! | [`trace_id`] | everything below may name the request, and every answer does |
//! | [`ClientAddress`] | the log and the limiter name the client, not a proxy |
//! | [`Identity`] | the limiter counts by key, so the key is verified first |
//! | [`rate_limit`] | refuses before anything is read, parsed or looked up |
//! | [`too_long`] | counted, but not looked at |
//! | [`panics`] | the handler; a panic in it is an error like others |
//! | [`etag`] | sees good answers only |
//! | [`compression`] | after the tag, so that a 304 costs no coding |
//! | [`envelope`] | writes the body of every error made above, whoever made it |
//! | [`timing`] | measures all of that, counts it, and logs the final status |
//!
//! It is one layer and not ten: each layer of the framework clones all those
//! below it for every request, which was most of what a request cost. It wraps
//! the fallbacks too: an unknown route or a wrong method is an answer like any
//! other. [`cors`] stands outside, and only if it is configured: a browser asks
//! first, without a key. What needs no handler is answered before all routing,
//! by the same phases ([`at_once`]).

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use tower::{Service, layer::layer_fn};

use self::{
    at_once::Queries,
    etag::Held,
    rate_limit::{Turnstile, Windows},
    timing::Stopwatch,
    trace_id::TraceIds,
};
use crate::{
    App,
    auth::Identity,
    client_address::{self, ClientAddress, ClientAt},
    coding::Coding,
    error::ApiError,
    limiter::Verdict,
    limits,
    router::{self, Family},
    server::Connection,
};

mod at_once;
mod compression;
mod cors;
mod envelope;
mod etag;
mod panics;
mod rate_limit;
mod timing;
mod trace_id;

pub(crate) use envelope::OwnBody;

/// What requests share.
pub(crate) struct Life {
    app: Arc<App>,
    traces: TraceIds,
    windows: Windows,
    queries: Queries,
}

impl Life {
    pub(crate) fn new(app: App) -> Arc<Self> {
        Arc::new(Self {
            traces: TraceIds::new(app.now()),
            windows: Windows::new(&app.config),
            queries: Queries::new(),
            app: Arc::new(app),
        })
    }

    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }
}

/// Wraps a router in the life of a request.
pub(crate) fn stack(
    router: Router<Arc<App>>,
    life: &Arc<Life>,
) -> Router<Arc<App>> {
    let shared = Arc::clone(life);
    let router = router.layer(layer_fn(move |handler| Living {
        life: Arc::clone(&shared),
        handler,
    }));
    cors::around(router, &life.app.config.cors_origins)
}

/// A handler in the life of its requests.
#[derive(Clone)]
struct Living<H> {
    life: Arc<Life>,
    handler: H,
}

impl<H> Service<Request> for Living<H>
where
    H: Service<Request, Response = Response, Error = Infallible>,
    H: Clone + Send + 'static,
    H::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future =
        Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Infallible>> {
        self.handler.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let life = Arc::clone(&self.life);
        // The clone becomes the handler of the next request: this one is the
        // one that was asked whether it is ready.
        let next = self.handler.clone();
        let mut handler = std::mem::replace(&mut self.handler, next);
        Box::pin(async move { Ok(live(&life, request, &mut handler).await) })
    }
}

/// From the head of a request to the head of its answer.
async fn live(
    life: &Life,
    mut request: Request,
    handler: &mut impl Service<
        Request,
        Response = Response,
        Error = Infallible,
        Future: Send,
    >,
) -> Response {
    let Life { app, traces, windows, .. } = life;
    let started = Instant::now();
    let now = app.now();
    let id = traces.next(now);
    let client = ClientAddress::find(
        client_address::peer(request.extensions()),
        request.headers(),
        &app.config.trusted_proxies,
    );
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unknown", |path| path.as_str());
    let endpoint = router::without_mount(route);
    let query = request.uri().query().filter(|_| has_key_in_query(endpoint));
    let identity = Identity::establish(
        request.headers(),
        query,
        request.extensions().get::<Connection>(),
        client,
        &app.live,
        now,
    );
    let who = identity.clone();
    let turnstile = windows.turnstile(endpoint, &who, client, now);
    let verdict = turnstile.count();
    let family = Family::of(request.uri().path());
    let method = request.method().clone();
    let held = Held::of(&method, request.headers());
    let coding = Coding::accepted(request.headers());
    let key = timing::key_of(&identity);

    let mut response = if !verdict.allowed {
        app.metrics.rate_limited();
        rate_limit::refusal(verdict, now).into_response()
    } else if too_long(request.uri()) {
        ApiError::of(StatusCode::URI_TOO_LONG).into_response()
    } else {
        request.extensions_mut().insert(identity);
        let polls =
            matches!(family, Family::Threat | Family::Bouncers | Family::Taxii);
        if polls {
            request.extensions_mut().insert(ClientAt(client));
        }
        panics::catch(&app.metrics, handler.call(request)).await
    };

    response = held.spare(response);
    response = compression::compress(coding, response).await;
    response = envelope::wrap(response, family, &id);
    let watch =
        Stopwatch { started, id: &id, method: &method, route, client, key };
    seal(app, &turnstile, verdict, &watch, response)
}

/// The last phases, in which every answer gets the headers of all.
fn seal<B>(
    app: &App,
    turnstile: &Turnstile<'_>,
    verdict: Verdict,
    watch: &Stopwatch<'_>,
    mut response: Response<B>,
) -> Response<B> {
    let verdict = turnstile.after(verdict, response.status());
    rate_limit::stamp(response.headers_mut(), verdict);
    watch.stop(&app.metrics, &mut response);
    trace_id::stamp(response.headers_mut(), watch.id);
    response
}

fn has_key_in_query(endpoint: &str) -> bool {
    router::KEY_IN_QUERY.contains(&endpoint)
}

/// A path with query beyond [`limits::URI_BYTES`] is not meant seriously.
fn too_long(uri: &Uri) -> bool {
    let path = uri.path_and_query();
    path.is_some_and(|path| path.as_str().len() > limits::URI_BYTES)
}
