//! Layer: finds the address of the client, once a request.

use std::sync::Arc;

use asgard_model::Prefix;
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use crate::client_address::ClientAddress;

/// Finds the client behind the operator's proxies.
pub(crate) async fn find(
    State(trusted): State<Arc<[Prefix]>>,
    mut request: Request,
    next: Next,
) -> Response {
    let client =
        ClientAddress::find(request.extensions(), request.headers(), &trusted);
    request.extensions_mut().insert(client);
    next.run(request).await
}
