//! `POST /tools/bulk-risk-check`: scores of up to 1,000 networks.

use std::sync::Arc;

use asgard_model::Asn;
use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;
use utoipa::{
    ToSchema,
    openapi::schema::{Array, ArrayBuilder, ObjectBuilder, Type},
};

use crate::{
    App,
    auth::Tools,
    error::ApiError,
    limits, representation,
    request::{Expected, JsonBody, Whole},
    view::BulkView,
};

/// Whom to check.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct BulkRequest {
    #[schema(schema_with = asn_list)]
    asns: Vec<Whole>,
}

fn asn_list() -> Array {
    ArrayBuilder::new()
        .items(
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(1))
                .maximum(Some(u32::MAX)),
        )
        .max_items(Some(limits::BULK_ASNS))
        .build()
}

impl Expected for BulkRequest {
    const EXPECTED: &'static str = "the body must be {\"asns\": a list of at \
         most 1000 integers from 1 to 4294967295}";
}

impl BulkRequest {
    fn check(self) -> Result<Vec<Asn>, ApiError> {
        let fits = self.asns.len() <= limits::BULK_ASNS
            && !self.asns.contains(&Whole(0));
        fits.then(|| self.asns.into_iter().map(|Whole(n)| Asn(n)).collect())
            .ok_or_else(|| ApiError::validation(Self::EXPECTED))
    }
}

/// Results stand in the order of the request, duplicates included.
#[utoipa::path(
    post,
    path = "/tools/bulk-risk-check",
    summary = "Scores of up to 1,000 networks",
    tag = "tools",
    request_body = BulkRequest,
    responses((
        status = 200,
        description = "Scores in the order of the request",
        body = BulkView<'_>,
    )),
    security(("key" = [])),
)]
pub(crate) async fn check_many(
    _: Tools,
    State(app): State<Arc<App>>,
    JsonBody(request): JsonBody<BulkRequest>,
) -> Result<Response, ApiError> {
    let asns = request.check()?;
    let snapshot = app.snapshot()?;
    let view = BulkView::new(&snapshot, &asns);
    Ok(representation::json(StatusCode::OK, &view))
}
