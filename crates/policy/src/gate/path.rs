//! What `path` is: percent-decoded once, `//` merged, dot segments removed,
//! `%2F` kept as it is, so that two spellings of a path are one to a rule.
//!
//! The original is what is forwarded. A malformed `%` and a NUL are refused;
//! bytes that are not UTF-8 after decoding become U+FFFD (RFC 3986 sections 2.1
//! and 5.2.4).

use std::borrow::Cow;

/// Why a path is refused with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// `%` without two hex digits.
    #[error("a `%` is not followed by two hex digits")]
    Percent,
    /// `%00`, or a NUL itself.
    #[error("it contains a NUL")]
    Nul,
    /// It does not begin with `/`.
    #[error("it does not begin with `/`")]
    NotAbsolute,
}

/// Path and query of a target, without the `?`.
pub fn split(target: &str) -> (&str, &str) {
    match memchr::memchr(b'?', target.as_bytes()) {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, ""),
    }
}

/// The normalised form of a path.
///
/// # Errors
/// A path that no rule could understand in one way.
pub fn normalise(raw: &str) -> Result<Cow<'_, str>, PathError> {
    // `OPTIONS *` has no path (RFC 9112 section 3.2.4).
    if raw == "*" {
        return Ok(Cow::Borrowed(raw));
    }
    if !raw.starts_with('/') {
        return Err(PathError::NotAbsolute);
    }
    if is_normal(raw.as_bytes()) {
        return Ok(Cow::Borrowed(raw));
    }
    let decoded = decode(raw)?;
    Ok(Cow::Owned(merge(&decoded)))
}

/// Nothing to decode, merge, remove or refuse: one pass, for every request.
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

fn decode(raw: &str) -> Result<String, PathError> {
    let bytes = raw.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {}
            0 => return Err(PathError::Nul),
            byte => {
                out.push(byte);
                at += 1;
                continue;
            }
        }
        let hex = |b: Option<&u8>| (*b? as char).to_digit(16);
        let (Some(high), Some(low)) =
            (hex(bytes.get(at + 1)), hex(bytes.get(at + 2)))
        else {
            return Err(PathError::Percent);
        };
        match u8::try_from(high * 16 + low) {
            Ok(0) | Err(_) => return Err(PathError::Nul),
            // A slash inside a segment stays what it was.
            Ok(b'/') => out.extend_from_slice(b"%2F"),
            Ok(byte) => out.push(byte),
        }
        at += 3;
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn merge(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut open = false;
    for segment in path.split('/') {
        open = false;
        match segment {
            "" | "." => open = true,
            ".." => {
                kept.pop();
                open = true;
            }
            segment => kept.push(segment),
        }
    }
    let mut out = String::with_capacity(path.len());
    for segment in &kept {
        out.push('/');
        out.push_str(segment);
    }
    if open || out.is_empty() {
        out.push('/');
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_a_path_become_one() {
        for (raw, normal) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("//a///b/", "/a/b/"),
            ("/a/./b/../c", "/a/c"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/a/%2e%2E/b", "/b"),
            ("/a%2f..%2fb", "/a%2F..%2Fb"),
            ("/...", "/..."),
            ("/.well-known/x", "/.well-known/x"),
            ("/a%20b", "/a b"),
            ("/../../etc", "/etc"),
            ("/%61dmin", "/admin"),
            ("/a%2Fb", "/a%2Fb"),
            ("/a%2fb", "/a%2Fb"),
            ("/%2e%2e/x", "/x"),
            ("/%252e", "/%2e"),
            ("/caf%C3%A9", "/caf\u{e9}"),
            ("/%ff", "/\u{fffd}"),
            ("*", "*"),
        ] {
            assert_eq!(normalise(raw).unwrap(), normal, "{raw}");
        }
    }

    #[test]
    fn what_has_no_one_meaning_is_refused() {
        for (raw, error) in [
            ("/%", PathError::Percent),
            ("/%4", PathError::Percent),
            ("/%zz", PathError::Percent),
            ("/%+1", PathError::Percent),
            ("/%u0041", PathError::Percent),
            ("/a\0", PathError::Nul),
            ("/a%00b", PathError::Nul),
            ("a", PathError::NotAbsolute),
            ("", PathError::NotAbsolute),
        ] {
            assert_eq!(normalise(raw), Err(error), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn a_normal_form_has_no_dot_segments_and_no_double_slash(
            raw in "/[a./%2Fe]{0,20}",
        ) {
            if let Ok(path) = normalise(&raw) {
                prop_assert!(path.starts_with('/'));
                prop_assert!(!path.contains("//"), "{path}");
                let dots = path.split('/').any(|s| s == "." || s == "..");
                prop_assert!(!dots, "{}", path);
            }
        }
    }
}
