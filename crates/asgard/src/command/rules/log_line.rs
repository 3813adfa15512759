//! One line of an access log: the combined form of nginx and Apache, or a JSON
//! object with the usual names.

use std::{borrow::Cow, net::IpAddr};

use serde_json::Value;

/// What a line says about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogLine<'l> {
    pub(super) address: IpAddr,
    pub(super) method: Cow<'l, str>,
    pub(super) target: Cow<'l, str>,
    pub(super) host: Cow<'l, str>,
    pub(super) user_agent: Cow<'l, str>,
    pub(super) referer: Cow<'l, str>,
}

/// Reads a line; `None` if it is neither form.
pub(super) fn parse(line: &str) -> Option<LogLine<'_>> {
    match line.trim_start().starts_with('{') {
        true => json(line),
        false => combined(line),
    }
}

/// `1.2.3.4 - - [date] "GET / HTTP/1.1" 200 5 "referer" "user agent"`, also
/// without the last two.
fn combined(line: &str) -> Option<LogLine<'_>> {
    let (first, rest) = line.split_once(' ')?;
    let address = first.parse::<IpAddr>().ok()?.to_canonical();
    let (request, rest) = quoted(rest)?;
    let (method, target) = request_line(request)?;
    let (referer, user_agent) = match quoted(rest) {
        Some((referer, rest)) => {
            let agent = quoted(rest).map_or("-", |(agent, _)| agent);
            (referer, agent)
        }
        None => ("-", "-"),
    };
    Some(LogLine {
        address,
        method: method.into(),
        target: unescape(target),
        host: Cow::Borrowed(""),
        user_agent: unescape(dash(user_agent)),
        referer: unescape(dash(referer)),
    })
}

fn dash(text: &str) -> &str {
    if text == "-" { "" } else { text }
}

/// Text between quotes, and what follows; `\"` is a quote inside.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let start = text.find('"')? + 1;
    let bytes = text.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'"' => return Some((&text[start..at], &text[at + 1..])),
            _ => {}
        }
        at += 1;
    }
    None
}

fn request_line(text: &str) -> Option<(&str, &str)> {
    let (method, rest) = text.split_once(' ')?;
    let target = rest.rsplit_once(" HTTP/").map_or(rest, |(target, _)| target);
    Some((method, target))
}

/// `\x22` of nginx, `\"` and `\\` of Apache.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |n: usize| {
            text.get(n..n + 2).and_then(|h| u8::from_str_radix(h, 16).ok())
        };
        match (bytes[at], bytes.get(at + 1)) {
            (b'\\', Some(b'x')) if hex(at + 2).is_some() => {
                out.extend(hex(at + 2));
                at += 4;
            }
            (b'\\', Some(&next)) => {
                out.push(next);
                at += 2;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// One object a line: nginx and Apache as people set them up, Caddy, Traefik.
fn json(line: &str) -> Option<LogLine<'static>> {
    let object: Value = serde_json::from_str(line).ok()?;
    // JSON pointers (RFC 6901); the first that leads to a text counts.
    let text = |pointers: &[&str]| -> Option<String> {
        pointers
            .iter()
            .find_map(|pointer| Some(object.pointer(pointer)?.as_str()?.into()))
    };
    let address = text(&[
        "/client_ip",
        "/remote_addr",
        "/remote_ip",
        "/request/client_ip",
        "/request/remote_ip",
        "/ClientHost",
        "/ip",
    ])?;
    let address = address.parse::<IpAddr>().ok()?.to_canonical();
    let line = text(&["/request"]);
    let (line_method, line_target) = line
        .as_deref()
        .and_then(request_line)
        .map_or((None, None), |(m, t)| (Some(m), Some(t)));
    let method = text(&[
        "/method",
        "/request_method",
        "/request/method",
        "/RequestMethod",
    ])
    .or_else(|| line_method.map(str::to_owned));
    let target = text(&[
        "/request_uri",
        "/uri",
        "/path",
        "/request/uri",
        "/RequestPath",
    ])
    .or_else(|| line_target.map(str::to_owned));
    let or_empty =
        |pointers: &[&str]| Cow::Owned(text(pointers).unwrap_or_default());
    Some(LogLine {
        address,
        method: method.unwrap_or_else(|| "GET".into()).into(),
        target: target?.into(),
        host: or_empty(&[
            "/host",
            "/http_host",
            "/request/host",
            "/RequestHost",
        ]),
        user_agent: or_empty(&[
            "/user_agent",
            "/http_user_agent",
            "/request/headers/User-Agent/0",
            "/request_User-Agent",
        ]),
        referer: or_empty(&[
            "/referer",
            "/http_referer",
            "/request/headers/Referer/0",
            "/request_Referer",
        ]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Caddy 2.6 writes it.
    const CADDY: &str = r#"{"level":"info","ts":1795698822.3785884,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"192.0.2.7","remote_port":"40978","proto":"HTTP/1.1","method":"PUT","host":"shop.example","uri":"/x","headers":{"User-Agent":["u"],"Accept":["*/*"],"Referer":["r"]}},"user_id":"","duration":0.000020316,"size":2,"status":200,"resp_headers":{"Server":["Caddy"]}}"#;

    #[test]
    fn the_combined_form_is_read() {
        let line = parse(
            "192.0.2.7 - alice [10/Oct/2026:13:55:36 +0000] \"GET /a?b=1 \
             HTTP/1.1\" 200 2326 \"https://x.example/\" \"Moz \\\"q\\\" \
             \\x22r\"",
        )
        .unwrap();
        assert_eq!(line.address, "192.0.2.7".parse::<IpAddr>().unwrap());
        assert_eq!((&*line.method, &*line.target), ("GET", "/a?b=1"));
        assert_eq!(line.user_agent, "Moz \"q\" \"r");
        assert_eq!(line.referer, "https://x.example/");
        let common = parse("::1 - - [x] \"POST / HTTP/2.0\" 200 1").unwrap();
        assert_eq!((&*common.method, &*common.user_agent), ("POST", ""));
    }

    #[test]
    fn json_lines_are_read_by_the_usual_names() {
        for line in [
            r#"{"remote_addr":"192.0.2.7","request":"GET /x HTTP/1.1","http_user_agent":"u"}"#,
            r#"{"client_ip":"192.0.2.7","method":"GET","path":"/x","user_agent":"u"}"#,
            r#"{"ip":"::ffff:192.0.2.7","request_uri":"/x","user_agent":"u"}"#,
            r#"{"ClientHost":"192.0.2.7","RequestPath":"/x","request_User-Agent":"u"}"#,
            CADDY,
        ] {
            let line = parse(line).unwrap();
            assert_eq!(line.address, "192.0.2.7".parse::<IpAddr>().unwrap());
            assert_eq!(&*line.target, "/x");
            assert_eq!(&*line.user_agent, "u");
        }
        let line = parse(CADDY).unwrap();
        assert_eq!((&*line.method, &*line.host), ("PUT", "shop.example"));
        assert_eq!(&*line.referer, "r");
    }

    #[test]
    fn what_is_no_log_line_is_refused_without_a_panic() {
        for bad in
            ["", "x", "1.2.3.4", "1.2.3.4 \"", "{", "{}", "\\x", "{\"ip\":1}"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
