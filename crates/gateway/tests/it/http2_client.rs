//! A client of HTTP/2 from the library, and what it sends.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    body::{Body, Bytes, Frame},
    client::conn::http2::{SendRequest, handshake},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

pub(crate) async fn client<B>(address: SocketAddr) -> SendRequest<B>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync>
        + Send
        + Unpin
        + 'static,
{
    let stream = TcpStream::connect(address).await.unwrap();
    let io = TokioIo::new(stream);
    let (sender, connection) =
        handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub(crate) type Sent = BoxBody<Bytes, Infallible>;

/// A body that sends a piece now and then.
pub(crate) struct Drip {
    pieces: usize,
    size: usize,
    every: Duration,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl Drip {
    pub(crate) fn of(pieces: usize, size: usize, every: Duration) -> Sent {
        let sleep = Box::pin(tokio::time::sleep(Duration::ZERO));
        BoxBody::new(Self { pieces, size, every, sleep })
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.pieces == 0 {
            return Poll::Ready(None);
        }
        std::task::ready!(self.sleep.as_mut().poll(cx));
        let next = tokio::time::Instant::now() + self.every;
        self.sleep.as_mut().reset(next);
        self.pieces -= 1;
        let piece = Bytes::from(vec![b'x'; self.size]);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

pub(crate) fn post(path: &str, body: Sent) -> Request<Sent> {
    let uri = format!("http://shop.example{path}");
    Request::builder().method("POST").uri(uri).body(body).unwrap()
}

pub(crate) fn get(path: &str) -> Request<Sent> {
    let uri = format!("http://shop.example{path}");
    Request::builder().uri(uri).body(Full::default().boxed()).unwrap()
}

/// The status, and the body if it was whole.
pub(crate) async fn outcome(
    sender: &mut SendRequest<Sent>,
    request: Request<Sent>,
) -> (u16, Option<Bytes>) {
    sender.ready().await.unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await;
    (status, body.ok().map(http_body_util::Collected::to_bytes))
}
