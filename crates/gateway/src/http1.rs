//! HTTP/1.1 on the wire, as strict as a gateway must be.
//!
//! Two servers that read the same bytes differently are how requests are
//! smuggled. hyper reads generously (a bare line feed ends a line, repeated
//! lengths that agree are one, a length beside chunks is dropped unseen), so
//! the gateway frames messages itself: `httparse` splits lines into names and
//! values, and what is ambiguous is refused before anybody acts on it. Nothing
//! that was read is sent on as it came: framing is written anew.

pub(crate) mod body;
pub(crate) mod buffer;
pub(crate) mod head;
pub(crate) mod response;
