//! gzip without a clock, and fields of CSV.

use std::{borrow::Cow, io::Write};

use flate2::{Compression, GzBuilder};

/// The gzip form of a text; the header holds no time and no name.
pub(super) fn gz(text: &str) -> Vec<u8> {
    let mut encoder =
        GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(4));
    encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish())
        .expect("writing to memory does not fail")
}

/// A CSV field, quoted where RFC 4180 asks for it.
pub(super) fn field(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n']) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_what_must_be_quoted() {
        assert_eq!(field("Google LLC"), "Google LLC");
        assert_eq!(field("Google, LLC"), "\"Google, LLC\"");
        assert_eq!(field("the \"best\""), "\"the \"\"best\"\"\"");
    }

    #[test]
    fn the_header_holds_no_time() {
        assert_eq!(gz("x")[4..8], [0; 4]);
    }
}
