//! Messages of gRPC in the body of a request: a flag, four bytes of length, the
//! message.
//!
//! A unary call has exactly one. Nothing is kept of one that announces more than
//! is allowed.

use std::{future::poll_fn, pin::Pin};

use hyper::body::{Body, Bytes, Incoming};

use super::status::{Code, Status};

/// Flag and length.
const PREFIX: usize = 5;

/// Why there is no message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It announces more bytes than are read.
    TooLong,
    /// The call ends with this.
    Refused(Status),
}

impl From<Status> for Unread {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

/// Reads the one message of a unary call, of at most `max` bytes.
pub(super) async fn read(
    mut body: Incoming,
    max: usize,
) -> Result<Bytes, Unread> {
    let mut bytes = Vec::new();
    let mut whole = None;
    while let Some(frame) =
        poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
    {
        let frame = frame.map_err(|error| {
            Status::new(Code::Cancelled, format!("the call broke: {error}"))
        })?;
        let Ok(part) = frame.into_data() else { continue };
        bytes.extend_from_slice(&part);
        whole = match whole {
            None => end(&bytes, max)?,
            known => known,
        };
        if whole.is_some_and(|end| bytes.len() > end) {
            let message = "one call has one message".to_owned();
            return Err(Status::new(Code::Unimplemented, message).into());
        }
    }
    match whole {
        Some(end) if bytes.len() == end => {
            Ok(Bytes::from(bytes).slice(PREFIX..))
        }
        _ => {
            let message = "the message was cut off".to_owned();
            Err(Status::new(Code::Internal, message).into())
        }
    }
}

/// Where the message ends, once its prefix is there.
fn end(bytes: &[u8], max: usize) -> Result<Option<usize>, Unread> {
    let Some((&[flag, length @ ..], _)) = bytes.split_first_chunk::<PREFIX>()
    else {
        return Ok(None);
    };
    match flag {
        0 => {}
        1 => {
            let message = "messages must not be compressed".to_owned();
            return Err(Status::new(Code::Unimplemented, message).into());
        }
        _ => {
            let message = format!("no message begins with {flag}");
            return Err(Status::new(Code::Internal, message).into());
        }
    }
    let length = u32::from_be_bytes(length);
    match usize::try_from(length) {
        Ok(length) if length <= max => Ok(Some(PREFIX + length)),
        _ => Err(Unread::TooLong),
    }
}

/// A message with its prefix.
pub(super) fn of(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len())
        .expect("our answers are shorter than the questions");
    let mut bytes = Vec::with_capacity(PREFIX + message.len());
    bytes.push(0);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(message);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(bytes: &[u8]) -> Option<Code> {
        match end(bytes, 1000) {
            Err(Unread::Refused(status)) => Some(status.code),
            _ => None,
        }
    }

    #[test]
    fn a_message_ends_where_its_prefix_says() {
        assert_eq!(end(b"", 1000), Ok(None));
        assert_eq!(end(&[0, 0, 0, 1], 1000), Ok(None), "torn");
        assert_eq!(end(&[0, 0, 0, 1, 2, 9], 1000), Ok(Some(263)));
        assert_eq!(end(&[0, 0, 0, 3, 232], 1000), Ok(Some(1005)));
        assert_eq!(end(&[0, 0, 0, 3, 233], 1000), Err(Unread::TooLong));
        assert_eq!(end(&[0, 255, 255, 255, 255], 1000), Err(Unread::TooLong));
    }

    #[test]
    fn compressed_messages_and_other_flags_are_refused() {
        assert_eq!(code(&[1, 0, 0, 0, 0]), Some(Code::Unimplemented));
        assert_eq!(code(&[2, 0, 0, 0, 0]), Some(Code::Internal));
        assert_eq!(&*of(b"ab"), [0, 0, 0, 0, 2, b'a', b'b']);
    }
}
