//! The path that rules see: one spelling for one resource.
//!
//! Percent-decoded once, repeated slashes merged, dot segments removed, `%2F`
//! kept encoded, since it is no separator. What is forwarded is the path as it
//! was sent. A malformed escape or a NUL is refused: decoders disagree there.

use std::borrow::Cow;

use crate::http1::head::Refusal;

/// The normal form of a raw path. Bytes that are not UTF-8 become U+FFFD.
pub(crate) fn normal(raw: &str) -> Result<Cow<'_, str>, Refusal> {
    if is_normal(raw.as_bytes()) {
        return Ok(Cow::Borrowed(raw));
    }
    let decoded = decoded(raw.as_bytes())?;
    if !decoded.starts_with(b"/") {
        return Ok(Cow::Borrowed(raw)); // the asterisk
    }
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut ends_open = false;
    for segment in decoded.split(|&byte| byte == b'/') {
        ends_open = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    let mut normal = Vec::with_capacity(decoded.len());
    for segment in &segments {
        normal.push(b'/');
        normal.extend_from_slice(segment);
    }
    // `/a/`, `/a/.` and `/a/b/..` are all the folder.
    if ends_open || normal.is_empty() {
        normal.push(b'/');
    }
    Ok(Cow::Owned(match String::from_utf8(normal) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }))
}

/// Nothing to decode, merge or remove.
fn is_normal(raw: &[u8]) -> bool {
    let mut before = 0;
    for &byte in raw {
        match byte {
            b'%' | 0 => return false,
            b'/' | b'.' if before == b'/' => return false,
            _ => {}
        }
        before = byte;
    }
    true
}

fn decoded(raw: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let value = match byte {
            b'%' => {
                let (digits, after) = rest
                    .split_first_chunk::<2>()
                    .ok_or(Refusal::bad("malformed escape in the path"))?;
                rest = after;
                escaped(*digits)
                    .ok_or(Refusal::bad("malformed escape in the path"))?
            }
            byte => byte,
        };
        match value {
            0 => return Err(Refusal::bad("NUL in the path")),
            b'/' if byte == b'%' => out.extend_from_slice(b"%2F"),
            value => out.push(value),
        }
    }
    Ok(out)
}

fn escaped(digits: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digit(digits[0])? << 4 | digit(digits[1])?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn many_spellings_have_one_normal_form() {
        for (raw, expected) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("//a///b", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/../../etc", "/etc"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/%61dmin", "/admin"),
            ("/a/%2e%2E/b", "/b"),
            ("/a%2Fb", "/a%2Fb"),
            ("/a%2fb", "/a%2Fb"),
            ("/a%2f..%2fb", "/a%2F..%2Fb"),
            ("/%2561", "/%61"),
            ("/...", "/..."),
            ("/.well-known/x", "/.well-known/x"),
            ("/%C3%BC", "/ü"),
            ("/%ff", "/\u{fffd}"),
            ("/a%20b", "/a b"),
            ("*", "*"),
        ] {
            assert_eq!(normal(raw).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn a_malformed_escape_or_a_nul_is_refused() {
        for raw in ["/%", "/%2", "/%zz", "/%+1", "/a%00b", "/%u0041"] {
            assert_eq!(normal(raw).map_err(|r| r.status), Err(400), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn a_normal_form_has_no_dot_segments_and_no_double_slash(
            raw in "/[a./%2Fe]{0,20}",
        ) {
            if let Ok(path) = normal(&raw) {
                prop_assert!(path.starts_with('/'));
                prop_assert!(!path.contains("//"), "{path}");
                let dots = path.split('/').any(|s| s == "." || s == "..");
                prop_assert!(!dots, "{}", path);
            }
        }
    }
}
