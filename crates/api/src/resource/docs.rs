//! `/openapi.json`, `/docs` (Swagger UI) and `/redoc`: the reference, with all
//! that its pages need, so that they work where there is no Internet.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{
        HeaderName, HeaderValue,
        header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY},
    },
    response::Response,
};

use crate::{coding::Effort, error::ApiError, openapi, representation::Kept};

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Nothing from elsewhere. Both viewers write styles into the page, and `ReDoc`
/// searches in a worker that it makes itself.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; worker-src blob:; object-src 'none'; \
     base-uri 'none'; frame-ancestors 'none'",
);

struct Page {
    name: &'static str,
    kind: &'static str,
    kept: Kept,
}

/// The pages and what they load; addresses in them are relative, so they work
/// under every mount.
static PAGES: LazyLock<[Page; 6]> = LazyLock::new(|| {
    let page = |name, kind, text: &'static [u8]| Page {
        name,
        kind,
        kept: Kept::new(text.into(), Effort::Kept),
    };
    [
        page(
            "swagger-ui.html",
            HTML,
            include_bytes!("../../assets/swagger-ui/index.html"),
        ),
        page(
            "redoc.html",
            HTML,
            include_bytes!("../../assets/redoc/index.html"),
        ),
        page(
            "swagger-ui-bundle.js",
            SCRIPT,
            include_bytes!("../../assets/swagger-ui/swagger-ui-bundle.js"),
        ),
        page(
            "swagger-ui.css",
            STYLE,
            include_bytes!("../../assets/swagger-ui/swagger-ui.css"),
        ),
        page(
            "start.js",
            SCRIPT,
            include_bytes!("../../assets/swagger-ui/start.js"),
        ),
        page(
            "redoc.standalone.js",
            SCRIPT,
            include_bytes!("../../assets/redoc/redoc.standalone.js"),
        ),
    ]
});

/// The OpenAPI 3.1 document.
pub(crate) async fn show_openapi() -> Response {
    let kind = HeaderValue::from_static("application/json");
    openapi::kept().public(kind)
}

/// Swagger UI.
pub(crate) async fn show_swagger_ui() -> Result<Response, ApiError> {
    show("swagger-ui.html")
}

/// `ReDoc`.
pub(crate) async fn show_redoc() -> Result<Response, ApiError> {
    show("redoc.html")
}

/// What the pages load.
pub(crate) async fn show_file(
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    show(&name)
}

fn show(name: &str) -> Result<Response, ApiError> {
    let page = PAGES.iter().find(|page| page.name == name);
    let page = page.ok_or_else(ApiError::no_endpoint)?;
    let kind = HeaderValue::from_static(page.kind);
    let mut response = page.kept.public(kind);
    let headers: [(HeaderName, HeaderValue); 2] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    response.headers_mut().extend(headers);
    Ok(response)
}
