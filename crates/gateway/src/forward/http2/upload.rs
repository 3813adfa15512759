//! The body of a request on its way to a server of HTTP/2, and the tasks of
//! hyper's that send it.

use std::{
    cell::RefCell,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::{
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    rt::Executor,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    forward::progress::Progress,
    headers::{self, Strip},
};

/// Closed when an exchange is over: its upload is no longer wanted.
pub(crate) type Over = oneshot::Receiver<Infallible>;

tokio::task_local! {
    /// Of the exchange whose upload this task of hyper's sends.
    static OVER: RefCell<Option<Over>>;
}

/// Runs what hyper does beside a connection. A task that sends an upload ends
/// with its exchange, whether or not the server makes room for more: that drops
/// what hyper holds of both streams, which resets them.
#[derive(Clone, Debug)]
pub(super) struct Tasks;

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        tokio::spawn(OVER.scope(RefCell::default(), async move {
            let mut task = std::pin::pin!(task);
            std::future::poll_fn(|cx| {
                if task.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                OVER.with(|over| match over.borrow_mut().as_mut() {
                    Some(over) => Pin::new(over).poll(cx).map(|_| ()),
                    None => Poll::Pending,
                })
            })
            .await;
        }));
    }
}

/// The body of a request on its way to the server.
#[derive(Debug)]
pub(crate) enum Upload {
    /// None.
    Empty,
    /// A stream of the client's connection, as it is.
    Stream {
        body: Incoming,
        strip: Arc<Strip>,
        limit: u64,
        moved: u64,
        progress: Arc<Progress>,
        /// Left to the task that sends it, once there is one.
        over: Option<Over>,
    },
    /// What somebody else reads. Without a [`Part::End`] it is not whole.
    Parts { parts: mpsc::Receiver<Part>, length: Option<u64> },
}

/// Of a body that somebody else reads.
#[derive(Debug)]
pub(crate) enum Part {
    Frame(Frame<Bytes>),
    End,
}

/// A body that is longer than allowed, or whose client has gone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("body too large")]
    TooLarge,
    #[error("body not whole")]
    Cut,
    #[error(transparent)]
    Client(hyper::Error),
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Parts { parts, .. } => {
                parts.poll_recv(cx).map(|part| match part {
                    Some(Part::Frame(frame)) => Some(Ok(frame)),
                    Some(Part::End) => None,
                    None => Some(Err(UploadError::Cut)),
                })
            }
            Self::Stream { body, strip, limit, moved, progress, over } => {
                if over.is_some() {
                    // hyper begins to send in the task of the connection.
                    let _ = OVER.try_with(|of_task| {
                        *of_task.borrow_mut() = over.take();
                    });
                }
                let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else {
                    progress.upload_waits();
                    return Poll::Pending;
                };
                let data = frame.as_ref().and_then(|f| f.as_ref().ok());
                let length = data.and_then(|frame| frame.data_ref());
                let length = length.map_or(0, Bytes::len);
                progress.uploaded(length);
                Poll::Ready(frame.map(|frame| {
                    let frame = frame.map_err(UploadError::Client)?;
                    *moved += length as u64;
                    if *limit > 0 && *moved > *limit {
                        progress.is_too_large();
                        return Err(UploadError::TooLarge);
                    }
                    Ok(filtered(frame, strip))
                }))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stream { body, .. } => body.is_end_stream(),
            Self::Parts { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Stream { body, .. } => body.size_hint(),
            Self::Parts { length, .. } => {
                length.map_or_else(SizeHint::default, SizeHint::with_exact)
            }
        }
    }
}

/// A frame whose trailers say only what trailers may.
pub(crate) fn filtered(frame: Frame<Bytes>, strip: &Strip) -> Frame<Bytes> {
    match frame.into_trailers() {
        Err(data) => data,
        Ok(trailers) => {
            let allowed = trailers
                .iter()
                .filter(|(name, _)| headers::may_trail(strip, name.as_str()))
                .map(|(name, value)| (name.clone(), value.clone()));
            Frame::trailers(allowed.collect())
        }
    }
}

/// Whether a frame is a piece of a body.
pub(crate) fn has_data(frame: &Frame<Bytes>) -> bool {
    frame.data_ref().is_some_and(|data| !data.is_empty())
}
