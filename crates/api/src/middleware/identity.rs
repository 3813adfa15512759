//! Verifies the key of a request, once, for the limiter and the extractors.
//!
//! It refuses nobody: whether a key is needed is the endpoint's business.

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};

use crate::{App, auth::Identity, router};

/// Says who asks.
pub(crate) async fn establish(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let query = request.uri().query().filter(|_| takes_key_in_query(&request));
    let identity =
        Identity::establish(request.headers(), query, &app.live, app.now());
    let key = match &identity {
        Identity::Bearer(facts) => Some(facts.id),
        _ => None,
    };
    request.extensions_mut().insert(identity);
    let mut response = next.run(request).await;
    if let Some(key) = key {
        response.extensions_mut().insert(key);
    }
    response
}

fn takes_key_in_query(request: &Request) -> bool {
    request.extensions().get::<MatchedPath>().is_some_and(|path| {
        router::KEY_IN_QUERY.contains(&router::without_mount(path.as_str()))
    })
}
