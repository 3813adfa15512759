//! What is kept is answered before anything is routed.
//!
//! Who watches networks asks for the same profiles again and again, and every
//! firewall for the same list. Such an answer is in memory, with no handler to
//! wait for; to route the request, extend it and box its futures would be half
//! of the cost. The phases are those of every request (see [`super`]), with the
//! same code. Whatever must be made first, is not for who asks, or is no plain
//! `GET` is left to the usual way, uncounted.

use std::{mem, time::Instant};

use axum::{
    body::{Body, Bytes},
    http::{
        HeaderMap, HeaderValue, Method, Request, StatusCode, Version,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY},
    },
    response::{IntoResponse, Response},
};
use http_body_util::{Either, Full};

use self::asked::Asked;
use super::{
    Life, compression, envelope, etag, rate_limit, seal,
    timing::{self, Stopwatch},
    too_long,
};
use crate::{
    auth::Identity, client_address::ClientAddress, coding::Coding,
    header_number::header_number, metrics::Tier, representation::Kept,
    router::Family, server::Connection,
};

mod asked;
mod queries;

pub(super) use queries::Queries;

/// A kept body, or that of a refusal; what is kept needs no box.
pub(crate) type AtOnce = Either<Full<Bytes>, Body>;

impl Life {
    /// An answer that is kept (200 or, to who has it, 304), or 429 for who
    /// would get it and has used up its window.
    pub(crate) fn at_once<B>(
        &self,
        request: &mut Request<B>,
        connection: &Connection,
    ) -> Option<Response<AtOnce>> {
        let app = &*self.app;
        // A browser of another origin gets more headers.
        let plain = app.config.cors_origins.is_empty();
        if !plain || too_long(request.uri()) {
            return None;
        }
        let asked = Asked::of(request, &self.queries)?;
        let started = Instant::now();
        let published = app.live.look();
        let found = asked.find(published.as_deref()?)?;
        let headers = request.headers();
        let form = Form::of(found.kept()?, headers)?;
        let now = app.now();
        let trusted = &app.config.trusted_proxies;
        let peer = connection.peer().ip().to_canonical();
        let client = ClientAddress::find(peer, headers, trusted);
        let identity = Identity::establish(
            headers,
            None,
            Some(connection),
            client,
            &app.live,
            now,
        );
        if !asked.is_open_to(&identity, &app.config) {
            return None;
        }
        let id = self.traces.next(now);
        let turnstile =
            self.windows.turnstile(asked.endpoint, &identity, client, now);
        let verdict = turnstile.count();
        let response = if verdict.allowed {
            app.metrics.cache_hit(Tier::L1);
            // The answer has the request's map: it is large enough, and the
            // connection reads the next head into it.
            let mut headers = mem::take(request.headers_mut());
            headers.clear();
            found.describe(&mut headers);
            form.into_response(request.version(), found.kind(), headers)
        } else {
            app.metrics.rate_limited();
            let refusal = rate_limit::refusal(verdict, now).into_response();
            envelope::wrap(refusal, Family::Asn, &id).map(Either::Right)
        };
        let (method, route) = (&Method::GET, asked.route);
        let key = timing::key_of(&identity);
        let watch = Stopwatch { started, id: &id, method, route, client, key };
        Some(seal(app, &turnstile, verdict, &watch, response))
    }
}

/// What is sent of a kept body.
enum Form<'a> {
    /// Nothing: the client has it. Its length, coded or not.
    Unchanged(usize),
    /// All of it, coded or not.
    Whole(&'a Bytes, Option<Coding>),
}

impl<'a> Form<'a> {
    /// By tag and codings of a request; `None` if it has to be coded first.
    fn of(kept: &'a Kept, headers: &HeaderMap) -> Option<Self> {
        let body = kept.body();
        let plain = body.plain();
        let coding = Coding::accepted(headers);
        let coding = coding.filter(|_| compression::pays(plain.len() as u64));
        let coded = match coding {
            None => None,
            Some(coding) => body.made(coding)?.map(|coded| (coded, coding)),
        };
        let (bytes, coding) = match coded {
            None => (plain, None),
            Some((coded, coding)) => (coded, Some(coding)),
        };
        Some(match etag::names(headers, kept.etag()) {
            true => Self::Unchanged(bytes.len()),
            false => Self::Whole(bytes, coding),
        })
    }

    fn into_response(
        self,
        version: Version,
        kind: HeaderValue,
        mut headers: HeaderMap,
    ) -> Response<AtOnce> {
        headers.insert(VARY, compression::ACCEPT_ENCODING);
        let (status, body) = match self {
            Self::Unchanged(length) => {
                // hyper leaves it out of HTTP/1.
                if version == Version::HTTP_2 {
                    headers.insert(CONTENT_LENGTH, header_number(length));
                }
                (StatusCode::NOT_MODIFIED, Full::default())
            }
            Self::Whole(bytes, coding) => {
                headers.insert(CONTENT_TYPE, kind);
                if let Some(coding) = coding {
                    let name = HeaderValue::from_static(coding.as_str());
                    headers.insert(CONTENT_ENCODING, name);
                }
                (StatusCode::OK, Full::new(bytes.clone()))
            }
        };
        let mut response = Response::new(Either::Left(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}
