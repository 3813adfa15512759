//! `/taxii2/`: what an organisation blocks, as a read-only TAXII 2.1 collection
//! of STIX indicators.
//!
//! Source: OASIS, TAXII 2.1 (2021). One API root, `feeds`, with one collection,
//! whose id depends on the organisation alone. All objects are added at the
//! moment at which the list last changed: `added_after` that moment finds
//! nothing, so a client that remembers it fetches only what is new.
//!
//! `next` names the list that it continues, by a digest: when the list has changed
//! meanwhile, by whatever, the client is told to begin anew (400), since a page of another
//! list would leave gaps.

use std::{net::IpAddr, sync::Arc};

use asgard_policy::feed::{
    entry::Listing,
    format::stix::{Detail, Page, TAXII, Wanted, page},
};
use axum::{
    Extension,
    extract::{FromRequestParts, Path, RawQuery, State},
    http::{
        HeaderName, HeaderValue, StatusCode, Uri,
        header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    App,
    auth::{FeedReader, Member},
    client_address::ClientAt,
    error::ApiError,
    feeds::Listed,
    limits, representation,
};

const KIND: HeaderValue = HeaderValue::from_static(TAXII);
const ADDED_FIRST: HeaderName =
    HeaderName::from_static("x-taxii-date-added-first");
const ADDED_LAST: HeaderName =
    HeaderName::from_static("x-taxii-date-added-last");

/// The namespace of the ids of collections: made once, never changed.
const COLLECTIONS: Uuid =
    Uuid::from_u128(0x2a4e_91d7_6c05_4f38_9b1e_d7a3_50c4_8e6f);

/// Filters of a request for objects (section 3.4).
const FILTERS: [&str; 7] = [
    "added_after",
    "limit",
    "next",
    "match[id]",
    "match[type]",
    "match[version]",
    "match[spec_version]",
];

/// A request with a key of an organisation that takes TAXII 2.1.
#[derive(Debug)]
pub(crate) struct Client(Member);

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> Result<Self, ApiError> {
        let FeedReader(member) =
            FeedReader::from_request_parts(parts, state).await?;
        let accepted = parts.headers.get_all(ACCEPT).into_iter();
        let mut ranges = accepted
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
            .peekable();
        let any = ranges.peek().is_none();
        match any || ranges.any(is_ours) {
            true => Ok(Self(member)),
            false => Err(ApiError::new(
                StatusCode::NOT_ACCEPTABLE,
                "Accept must allow application/taxii+json;version=2.1",
            )),
        }
    }
}

/// Whether a media range (RFC 9110, section 12.5.1) takes TAXII 2.1.
fn is_ours(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let taken = ["application/taxii+json", "application/*", "*/*"]
        .iter()
        .any(|ours| ours.eq_ignore_ascii_case(kind));
    taken
        && parts.all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            !name.trim().eq_ignore_ascii_case("version")
                || value.trim().trim_matches('"') == "2.1"
        })
}

/// What there is (section 4.1).
pub(crate) async fn discover(_: Client, uri: Uri) -> Response {
    let root = format!("{}feeds/", uri.path());
    answer(&json!({
        "title": "asgard",
        "description": "Networks and addresses that are blocked",
        "default": root,
        "api_roots": [root],
    }))
}

/// The one API root (section 4.2).
pub(crate) async fn show_root(_: Client) -> Response {
    answer(&json!({
        "title": "Threat feeds",
        "versions": [TAXII],
        "max_content_length": limits::BODY_BYTES,
    }))
}

/// The one collection, in a list (section 5.1).
pub(crate) async fn list_collections(Client(member): Client) -> Response {
    answer(&json!({"collections": [collection(&member)]}))
}

/// The one collection (section 5.2).
pub(crate) async fn show_collection(
    Client(member): Client,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    own(&member, &id)?;
    Ok(answer(&collection(&member)))
}

/// Objects of the collection (section 5.4).
pub(crate) async fn list_objects(
    Client(member): Client,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    Extension(ClientAt(client)): Extension<ClientAt>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    own(&member, &id)?;
    pages(&app, &member, client, query, None, Detail::Object).await
}

/// What objects there are (section 5.3).
pub(crate) async fn show_manifest(
    Client(member): Client,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    Extension(ClientAt(client)): Extension<ClientAt>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    own(&member, &id)?;
    pages(&app, &member, client, query, None, Detail::Manifest).await
}

/// One object (section 5.6).
pub(crate) async fn show_object(
    Client(member): Client,
    Path((id, object)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    Extension(ClientAt(client)): Extension<ClientAt>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    own(&member, &id)?;
    pages(&app, &member, client, query, Some(object), Detail::Object).await
}

/// The versions of one object (section 5.8): the present one.
pub(crate) async fn list_versions(
    Client(member): Client,
    Path((id, object)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    Extension(ClientAt(client)): Extension<ClientAt>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    own(&member, &id)?;
    pages(&app, &member, client, query, Some(object), Detail::Version).await
}

fn answer(body: &Value) -> Response {
    send(representation::bytes(body).to_vec())
}

fn send(body: Vec<u8>) -> Response {
    let no_cache = HeaderValue::from_static("private, no-cache");
    ([(CONTENT_TYPE, KIND), (CACHE_CONTROL, no_cache)], body).into_response()
}

fn collection(member: &Member) -> Value {
    json!({
        "id": collection_id(&member.org),
        "title": format!("Blocked by {}", member.org),
        "description": "What the rules of the organisation block now",
        "can_read": true,
        "can_write": false,
        "media_types": ["application/stix+json;version=2.1"],
    })
}

fn collection_id(org: &str) -> Uuid {
    Uuid::new_v5(&COLLECTIONS, org.as_bytes())
}

/// The collection of somebody else is not found.
fn own(member: &Member, id: &str) -> Result<(), ApiError> {
    let ours = id.parse() == Ok(collection_id(&member.org));
    ours.then_some(()).ok_or_else(|| {
        ApiError::new(StatusCode::NOT_FOUND, "There is no such collection")
    })
}

async fn pages(
    app: &Arc<App>,
    member: &Member,
    client: IpAddr,
    query: Option<String>,
    object: Option<String>,
    detail: Detail,
) -> Result<Response, ApiError> {
    let mut asked = Asked::read(query.as_deref().unwrap_or_default())?;
    let one = object.is_some();
    asked.wanted.ids.extend(object);
    app.feeds.note_poll(member, client, None, app.now()).await;
    let Listed { listing, tag } = app.feeds.listing(app, &member.org).await?;
    let start = asked.start(&tag)?;
    let date = listing.built_at;
    let limit = asked.limit;
    let made =
        tokio::task::spawn_blocking(move || match asked.none(&listing) {
            true => page(
                &listing,
                &Wanted::default(),
                detail,
                usize::MAX,
                0,
                |_| String::new(),
            ),
            false => {
                page(&listing, &asked.wanted, detail, start, limit, |at| {
                    format!("{tag}.{at}")
                })
            }
        });
    let Page { bytes, count } = made.await.map_err(|_| {
        app.metrics.panicked();
        ApiError::internal()
    })?;
    if one && count == 0 {
        let missing = "There is no such object";
        return Err(ApiError::new(StatusCode::NOT_FOUND, missing));
    }
    let mut response = send(bytes);
    if count > 0 {
        let date = date.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        let date = HeaderValue::from_str(&date).expect("a date is header text");
        let headers = response.headers_mut();
        headers.insert(ADDED_FIRST, date.clone());
        headers.insert(ADDED_LAST, date);
    }
    Ok(response)
}

/// What a client asks of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    wanted: Wanted,
    added_after: Option<Timestamp>,
    limit: usize,
    next: Option<String>,
    /// `match[version]` or `match[spec_version]` names only others.
    other_version: bool,
}

impl Asked {
    fn read(query: &str) -> Result<Self, ApiError> {
        let mut asked = Self {
            wanted: Wanted::default(),
            added_after: None,
            limit: limits::TAXII_PAGE,
            next: None,
            other_version: false,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let words = || value.split(',').map(ToOwned::to_owned);
            match &*name {
                "added_after" => {
                    let moment = value.parse().ok();
                    asked.added_after = Some(moment.ok_or_else(|| {
                        misfit("added_after", "a moment (RFC 3339)")
                    })?);
                }
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| *limit > 0);
                    let limit: usize = limit.ok_or_else(|| {
                        misfit("limit", "a whole number above 0")
                    })?;
                    asked.limit = limit.min(limits::TAXII_PAGE);
                }
                "next" => asked.next = Some(value.into_owned()),
                "match[id]" => asked.wanted.ids.extend(words()),
                "match[type]" => asked.wanted.types.extend(words()),
                // There is one version of each object: the first is the last.
                "match[version]" => {
                    asked.other_version |= !words().any(|version| {
                        matches!(&*version, "all" | "first" | "last")
                    });
                }
                "match[spec_version]" => {
                    asked.other_version |= !words().any(|v| v == "2.1");
                }
                _ => {
                    return Err(misfit("(unknown)", &FILTERS.join(", ")));
                }
            }
        }
        Ok(asked)
    }

    /// Whether nothing can be found.
    fn none(&self, listing: &Listing) -> bool {
        let seen = self.added_after.is_some_and(|at| at >= listing.built_at);
        seen || self.other_version
    }

    /// The number of the first object of the page.
    fn start(&self, tag: &str) -> Result<usize, ApiError> {
        let Some(next) = &self.next else { return Ok(0) };
        let at = next.strip_prefix(tag).and_then(|at| at.strip_prefix('.'));
        at.and_then(|at| at.parse().ok()).ok_or_else(|| {
            ApiError::new(
                StatusCode::BAD_REQUEST,
                "The list has changed: begin anew, without next",
            )
        })
    }
}

/// 400, as TAXII wants it for parameters, which names the parameter.
fn misfit(name: &str, expected: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "A parameter does not fit")
        .with_detail("parameter", name)
        .with_detail("expected", expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_takes_ours_if_it_says_so_or_nothing_else() {
        for range in [
            "application/taxii+json;version=2.1",
            "application/taxii+json; version=2.1",
            "application/taxii+json",
            "Application/TAXII+JSON",
            "*/*",
            "application/*;q=0.5",
        ] {
            assert!(is_ours(range), "{range}");
        }
        for range in [
            "application/taxii+json;version=2.0",
            "application/json",
            "text/html",
            "",
        ] {
            assert!(!is_ours(range), "{range}");
        }
    }

    #[test]
    fn filters_are_read_and_unknown_ones_refused() {
        let asked = Asked::read(
            "limit=5&match%5Btype%5D=indicator,identity&match[version]=last\
             &added_after=2026-01-01T00:00:00.000Z",
        )
        .unwrap();
        assert_eq!(asked.limit, 5);
        assert_eq!(asked.wanted.types, ["indicator", "identity"]);
        assert!(!asked.other_version);
        assert!(asked.added_after.is_some());
        let all = Asked::read("limit=99999999").unwrap();
        assert_eq!(all.limit, limits::TAXII_PAGE);
        assert!(
            Asked::read("match[version]=2020-01-01").unwrap().other_version
        );
        for bad in ["limit=0", "limit=x", "added_after=x", "match[x]=1", "x"] {
            let error = Asked::read(bad).unwrap_err();
            assert_eq!(error.status, StatusCode::BAD_REQUEST, "{bad}");
        }
    }

    #[test]
    fn the_collection_of_an_organisation_is_always_the_same() {
        assert_eq!(collection_id("acme"), collection_id("acme"));
        assert_ne!(collection_id("acme"), collection_id("other"));
    }
}
