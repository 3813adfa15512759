//! A backend of HTTP/2. It answers with what it was sent, or does what the path
//! says.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    body::{Body, Bytes, Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::{
    http2_client::{Drip, Sent},
    patience::SECOND,
};

pub(crate) async fn start() -> SocketAddr {
    start_for(200).await
}

/// Takes so many streams over one connection.
pub(crate) async fn start_for(streams: u32) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .max_concurrent_streams(streams)
                    .serve_connection(TokioIo::new(stream), service_fn(behave)),
            );
        }
    });
    address
}

/// What a backend of HTTP/2 does, by the path.
async fn behave(
    request: Request<Incoming>,
) -> Result<Response<Sent>, Infallible> {
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/hang" => {
            tokio::time::sleep(60 * SECOND).await;
        }
        "/silent" => {
            // Three seconds of a body, then none for a minute.
            let body =
                [Drip::of(6, 10, SECOND / 2), Drip::of(2, 10, 60 * SECOND)];
            let [first, second] = body;
            return Ok(Response::new(BoxBody::new(Chain(first, second))));
        }
        "/talk" => {
            // The head at once, the body when the request is whole.
            let whole = tokio::spawn(request.into_body().collect());
            return Ok(Response::new(BoxBody::new(Later(Some(whole)))));
        }
        "/held" => {
            // A large body, and what is sent is not read; until it is reset.
            let held = Held(request.into_body());
            return Ok(Response::new(BoxBody::new(held)));
        }
        "/huge" => {
            static HUGE: [u8; 8_000_000] = [b'x'; 8_000_000];
            let huge = Full::new(Bytes::from_static(&HUGE));
            return Ok(Response::new(huge.boxed()));
        }
        "/big" => {
            let large = Full::new(Bytes::from(vec![b'x'; 3_000_000]));
            return Ok(Response::new(large.boxed()));
        }
        "/count" => {}
        _ => return Ok(repeat(request).await),
    }
    let body = request.into_body().collect().await;
    CUT.fetch_add(usize::from(body.is_err()), Relaxed);
    let length = body.map_or(0, |body| body.to_bytes().len());
    let count = Full::new(Bytes::from(length.to_string()));
    Ok(Response::new(count.boxed()))
}

/// All that it was sent.
async fn repeat(request: Request<Incoming>) -> Response<Sent> {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        let value = value.to_str().unwrap();
        text.push_str(&format!("{name}: {value}\n"));
    }
    let body = request.into_body().collect().await.unwrap();
    let trailers = body.trailers().cloned();
    text.push_str(&format!("{trailers:?}\n"));
    text.push_str(&String::from_utf8_lossy(&body.to_bytes()));
    let body = Full::new(Bytes::from(text)).boxed();
    Response::builder().header("x-two", "2").body(body).unwrap()
}

/// Requests for `/count` that did not come to their end.
pub(crate) static CUT: AtomicUsize = AtomicUsize::new(0);

/// Without an end, and what is sent meanwhile is left where it is.
struct Held(Incoming);

/// Of those, how many are there no longer.
pub(crate) static LET_GO: AtomicUsize = AtomicUsize::new(0);

impl Drop for Held {
    fn drop(&mut self) {
        LET_GO.fetch_add(1, Relaxed);
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        assert!(!self.0.is_end_stream(), "the request is never whole");
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; 16_000])))))
    }
}

/// One body after the other.
struct Chain(Sent, Sent);

impl Body for Chain {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let first = std::task::ready!(Pin::new(&mut self.0).poll_frame(cx));
        match first {
            Some(piece) => Poll::Ready(Some(piece)),
            None => Pin::new(&mut self.1).poll_frame(cx),
        }
    }
}

type Collected = http_body_util::Collected<Bytes>;

/// The length of a request, once it is there.
struct Later(Option<tokio::task::JoinHandle<Result<Collected, hyper::Error>>>);

impl Body for Later {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(whole) = &mut self.0 else { return Poll::Ready(None) };
        let whole = std::task::ready!(Pin::new(whole).poll(cx)).unwrap();
        self.0 = None;
        let length = whole.map_or(0, |body| body.to_bytes().len());
        let piece = Frame::data(Bytes::from(length.to_string()));
        Poll::Ready(Some(Ok(piece)))
    }
}
