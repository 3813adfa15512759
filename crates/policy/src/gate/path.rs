//! What `path` is: percent-decoded once, `//` merged, dot segments removed,
//! `%2F` kept as it is, so that two spellings of a path are one to a rule.
//!
//! The original is what is forwarded, so no server behind may resolve it to
//! something else. Servers differ about what separates segments: nginx takes
//! `%2F` for a slash, IIS `\`, and Tomcat cuts `;x` off before it looks for dots.
//! Where dot segments would depend on that, the path is refused, as are a
//! malformed `%` and a NUL; bytes that are not UTF-8 after decoding become U+FFFD
//! (RFC 3986 sections 2.1 and 5.2.4).

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
    /// `..` or `.` in a path with `%2F`, `%5C`, a backslash or a segment `;x`,
    /// or with `;` behind the dots.
    #[error("servers read its dot segments in different ways")]
    Ambiguous,
    /// A `#`, which no client may send (RFC 9110, section 7.1).
    #[error("it contains a `#`")]
    Fragment,
}

/// A target in origin form, as rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts<'t> {
    /// The normalised form of the path.
    pub path: Cow<'t, str>,
    /// The path as it was told.
    pub raw_path: &'t str,
    /// After `?`; empty if nothing is.
    pub query: &'t str,
}

/// A target that somebody tells, as the gateway would take it.
///
/// # Errors
/// A target that the gateway answers with 400.
pub fn parts(target: &str) -> Result<Parts<'_>, PathError> {
    if target.contains('#') {
        return Err(PathError::Fragment);
    }
    let (raw_path, query) = split(target);
    Ok(Parts { path: normalise(raw_path)?, raw_path, query })
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
            b'%' | b'\\' | 0 => return false,
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
    let mut readings = Readings::default();
    let mut at = 0;
    while at < bytes.len() {
        let (byte, length) = match bytes[at] {
            b'%' => (escaped(bytes, at)?, 3),
            byte => (byte, 1),
        };
        match byte {
            0 => return Err(PathError::Nul),
            // A slash inside a segment stays what it was.
            b'/' if length == 3 => {
                readings.doubtful_slash();
                out.extend_from_slice(b"%2F");
            }
            byte => {
                readings.see(byte);
                out.push(byte);
            }
        }
        at += length;
    }
    match readings.differ() {
        true => Err(PathError::Ambiguous),
        false => Ok(String::from_utf8_lossy(&out).into_owned()),
    }
}

/// The byte that the escape at a place stands for.
fn escaped(bytes: &[u8], at: usize) -> Result<u8, PathError> {
    let hex = |b: Option<&u8>| (*b? as char).to_digit(16);
    let (Some(high), Some(low)) =
        (hex(bytes.get(at + 1)), hex(bytes.get(at + 2)))
    else {
        return Err(PathError::Percent);
    };
    u8::try_from(high * 16 + low).map_err(|_| PathError::Percent)
}

/// Whether servers could resolve dot segments in different ways.
///
/// Any dot segment beside any doubtful segment counts, though some would not
/// change: whether `/a/%2F../b` does depends on who merges slashes. Clients
/// resolve dot segments before they send (RFC 3986, section 5.2.4).
#[derive(Default)]
struct Readings {
    segment: Segment,
    dots: bool,
    /// Not all servers count the same segments.
    doubt: bool,
    dots_with_parameters: bool,
}

/// What a segment is, as far as it was read, every slash being one.
#[derive(Clone, Copy, Default)]
enum Segment {
    #[default]
    Empty,
    Dot,
    TwoDots,
    /// `..;x` (Tomcat and Jetty take it for `..`).
    DotsWithParameters,
    /// `;x` (they take it for an empty one).
    Parameters,
    Other,
}

impl Readings {
    fn see(&mut self, byte: u8) {
        use Segment::{
            Dot, DotsWithParameters, Empty, Other, Parameters, TwoDots,
        };
        self.segment = match (self.segment, byte) {
            (_, b'/') => return self.end_segment(),
            (_, b'\\') => return self.doubtful_slash(),
            (Empty, b'.') => Dot,
            (Dot, b'.') => TwoDots,
            (Dot | TwoDots, b';') => DotsWithParameters,
            (DotsWithParameters, _) => DotsWithParameters,
            (Empty | Parameters, b';') | (Parameters, _) => Parameters,
            _ => Other,
        };
    }

    fn doubtful_slash(&mut self) {
        self.doubt = true;
        self.end_segment();
    }

    fn end_segment(&mut self) {
        match std::mem::take(&mut self.segment) {
            Segment::Empty | Segment::Other => {}
            Segment::Dot | Segment::TwoDots => self.dots = true,
            Segment::DotsWithParameters => self.dots_with_parameters = true,
            Segment::Parameters => self.doubt = true,
        }
    }

    fn differ(mut self) -> bool {
        self.end_segment();
        self.dots_with_parameters || (self.dots && self.doubt)
    }
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
            ("/...", "/..."),
            ("/.well-known/x", "/.well-known/x"),
            ("/a%20b", "/a b"),
            ("/../../etc", "/etc"),
            ("/%61dmin", "/admin"),
            ("/a%2Fb", "/a%2Fb"),
            ("/a%2fb", "/a%2Fb"),
            ("/%2e%2e/x", "/x"),
            ("/%252e", "/%2e"),
            ("/a/%252e%252e/b", "/a/%2e%2e/b"),
            ("/a%252F..%252Fb", "/a%2F..%2Fb"),
            ("/groups/a%2Fb%2fc/x", "/groups/a%2Fb%2Fc/x"),
            ("/a%2F%2Fb", "/a%2F%2Fb"),
            ("/a%2F.b%2F..c", "/a%2F.b%2F..c"),
            ("/a\\b%5Cc", "/a\\b\\c"),
            ("/a;x/../b;..;/...;y", "/b;..;/...;y"),
            ("/a/;x/b", "/a/;x/b"),
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
            // nginx decodes `%2F` before it resolves dots.
            ("/.well-known/..%2Fsecret", PathError::Ambiguous),
            ("/x%2f..%2Fsecret", PathError::Ambiguous),
            ("/x%2F..", PathError::Ambiguous),
            ("/x%2F%2e%2E/secret", PathError::Ambiguous),
            ("/secret%2Fx/../y", PathError::Ambiguous),
            ("/a/%2F../b", PathError::Ambiguous),
            ("/a%2F./b", PathError::Ambiguous),
            ("/../a%2Fb", PathError::Ambiguous),
            // Others know a backslash for a slash.
            ("/x/..\\secret", PathError::Ambiguous),
            ("/x%5C..%5csecret", PathError::Ambiguous),
            ("/x\\..", PathError::Ambiguous),
            // Others cut parameters off first.
            ("/x/..;/secret", PathError::Ambiguous),
            ("/x/..;a=b", PathError::Ambiguous),
            ("/x/.;/secret", PathError::Ambiguous),
            ("/x/;/../secret", PathError::Ambiguous),
            ("/x/%2e.%3b/secret", PathError::Ambiguous),
        ] {
            assert_eq!(normalise(raw), Err(error), "{raw}");
        }
    }

    #[test]
    fn a_target_that_is_told_is_taken_or_refused_as_one_that_is_sent() {
        let told = parts("/a/../b%20c?d=/../e").unwrap();
        assert_eq!(told.path, "/b c");
        assert_eq!((told.raw_path, told.query), ("/a/../b%20c", "d=/../e"));
        for target in ["/admin#/../x", "/#", "/a?b#c"] {
            assert_eq!(parts(target), Err(PathError::Fragment), "{target}");
        }
        assert_eq!(parts("/a%2F..?b"), Err(PathError::Ambiguous));
    }

    /// A path as a server resolves it that takes more for slashes than we do,
    /// cuts parameters off first, or both.
    fn resolved_elsewhere(raw: &str, slashes: &[&str], cuts: bool) -> String {
        let mut text = raw.to_owned();
        for slash in slashes {
            text = text.replace(slash, "/");
        }
        let segments = text.split('/').map(|segment| match cuts {
            true => segment.split(';').next().unwrap_or_default(),
            false => segment,
        });
        merge(&segments.collect::<Vec<_>>().join("/"))
    }

    proptest! {
        #[test]
        fn no_server_leaves_the_folder_that_a_normal_form_is_in(
            rest in "([ab./;]|[.][.]|%2F|%2f|%5C|\\\\){0,12}",
        ) {
            let raw = format!("/in/{rest}");
            let inside = |path: &str| path.starts_with("/in/") || path == "/in";
            if normalise(&raw).is_ok_and(|path| inside(&path)) {
                for slashes in [
                    &["%2F", "%2f"][..],
                    &["%5C", "\\"],
                    &["%2F", "%2f", "%5C", "\\"],
                ] {
                    for cuts in [false, true] {
                        let other = resolved_elsewhere(&raw, slashes, cuts);
                        prop_assert!(inside(&other), "{raw}: {other}");
                    }
                }
            }
        }

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
