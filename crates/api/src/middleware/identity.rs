//! Verifies the key of a request, once, for the limiter and the extractors.
//!
//! It refuses nobody: whether a key is needed is the endpoint's business.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use crate::{App, auth::Identity};

/// Says who asks.
pub(crate) async fn establish(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let identity = Identity::establish(request.headers(), &app.live, app.now());
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
