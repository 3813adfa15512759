//! The server, asked for the plain list.
//!
//! One conditional request, no redirect, no proxy, no compression, within
//! limits of time and size. A body is handed on only when it has the digest
//! that the server announced for it (`Repr-Digest`, RFC 9530).

use std::{fmt::Write, fs, net::IpAddr, path::PathBuf, time::Duration};

use asgard_api::install_tls;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{
        AUTHORIZATION, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, RETRY_AFTER,
    },
    redirect::Policy,
};
use sha2::{Digest, Sha256};

use super::{
    options::AgentOptions,
    trouble::{Kind, Trouble},
};
use crate::clock;

/// For a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Without data for so long, a transfer is given up.
const STALL: Duration = Duration::from_secs(30);
/// For all of an answer.
const WHOLE: Duration = Duration::from_secs(300);
/// What is read of an error, or of a manifest.
const MOST_SAID: u64 = 1 << 20;

/// A feed, and the key for it.
pub(super) struct Source {
    client: Client,
    /// Of the list.
    url: Url,
    key: Option<String>,
    key_file: Option<PathBuf>,
    max_bytes: u64,
}

/// What a poll gets.
#[derive(Debug)]
pub(super) enum Answer {
    /// The list that was named is the present one.
    Unchanged(About),
    /// A list with the digest that was announced.
    List(About, Vec<u8>),
}

/// What the server says about a list.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    pub(super) etag: Option<String>,
    /// SHA-256 of the body, as hexadecimal digits.
    pub(super) sha256: String,
    pub(super) entries: Option<usize>,
    pub(super) version: Option<u64>,
    /// Seconds since the server could make a new list.
    pub(super) stale: Option<u64>,
    /// Who answered.
    pub(super) server: Option<IpAddr>,
}

impl Source {
    /// The feed that the options name.
    ///
    /// # Errors
    /// The URL is none, or of no plain list; there is no key.
    pub(super) fn new(options: &AgentOptions) -> Result<Self, Trouble> {
        let url = feed_url(&options.url, &options.params)?;
        let has_key = options.key.is_some() || options.key_file.is_some();
        if !has_key && !options.remove {
            return Err(Trouble::usage(
                "set ASGARD_API_KEY, or give --key-file or --key",
            ));
        }
        install_tls();
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .read_timeout(STALL)
            .timeout(WHOLE)
            .user_agent(concat!("asgard-agent/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Trouble::machine(error.to_string()))?;
        Ok(Self {
            client,
            url,
            key: options.key.clone(),
            key_file: options.key_file.clone(),
            max_bytes: u64::from(options.max_size) << 20,
        })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Asks for the list, unless it is the one of a tag.
    ///
    /// # Errors
    /// The server is away, refuses, or sends what is not the list.
    pub(super) async fn poll(
        &self,
        etag: Option<&str>,
    ) -> Result<Answer, Trouble> {
        let mut response = self.get(self.url.clone(), etag).await?;
        let mut about = about(&response);
        if response.status() == StatusCode::NOT_MODIFIED {
            return match etag {
                Some(_) => Ok(Answer::Unchanged(about)),
                None => Err(Trouble::away("304 without a question")),
            };
        }
        let wanted = digest(response.headers())?;
        let bytes = body(&mut response, self.max_bytes).await?;
        let found = Sha256::digest(&bytes);
        if found[..] != wanted[..] {
            return Err(Trouble::refused(
                "the list has not the digest that the server announced",
            ));
        }
        about.sha256 = hexadecimal(&found);
        Ok(Answer::List(about, bytes))
    }

    /// A small answer that must be 200.
    ///
    /// # Errors
    /// As above.
    pub(super) async fn fetch(&self, url: Url) -> Result<Vec<u8>, Trouble> {
        let mut response = self.get(url, None).await?;
        if response.status() != StatusCode::OK {
            return Err(Trouble::away("304 without a question"));
        }
        body(&mut response, MOST_SAID).await
    }

    /// A 200 or 304.
    async fn get(
        &self,
        url: Url,
        etag: Option<&str>,
    ) -> Result<Response, Trouble> {
        let mut key = HeaderValue::from_str(&format!("Bearer {}", self.key()?))
            .map_err(|_| Trouble::usage("the key is not of plain letters"))?;
        key.set_sensitive(true);
        let mut request = self.client.get(url).header(AUTHORIZATION, key);
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request.send().await.map_err(|error| {
            let text = format!("{}: {}", self.host(), deepest(&error));
            Trouble::away(text)
        })?;
        match response.status() {
            StatusCode::OK | StatusCode::NOT_MODIFIED => Ok(response),
            status => Err(self.refusal(status, response).await),
        }
    }

    /// The key; a file is read each time, so that it can be changed.
    fn key(&self) -> Result<String, Trouble> {
        let Some(file) = &self.key_file else {
            return Ok(self.key.clone().unwrap_or_default());
        };
        let name = file.display();
        let text = fs::read_to_string(file)
            .map_err(|error| Trouble::usage(format!("`{name}`: {error}")))?;
        match text.trim() {
            "" => Err(Trouble::usage(format!("`{name}` is empty"))),
            key => Ok(key.to_owned()),
        }
    }

    fn host(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// What an answer that is no list means.
    async fn refusal(
        &self,
        status: StatusCode,
        mut response: Response,
    ) -> Trouble {
        let kind = match status {
            // A key of no organisation.
            StatusCode::BAD_REQUEST
            | StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN => Kind::Key,
            StatusCode::NOT_FOUND | StatusCode::GONE => Kind::NotFound,
            StatusCode::UNPROCESSABLE_ENTITY => Kind::Usage,
            StatusCode::TOO_MANY_REQUESTS => Kind::Limited,
            _ => Kind::Away,
        };
        let retry_after = retry_after(response.headers(), clock::now());
        let said = body(&mut response, MOST_SAID).await.unwrap_or_default();
        let said = said_of(&said);
        let text =
            format!("{} answered {}{said}", self.host(), status.as_u16());
        Trouble::new(kind, text).after(retry_after)
    }
}

/// The URL of a plain list.
///
/// # Errors
/// It is none, or a form that is not plain.
fn feed_url(text: &str, params: &[String]) -> Result<Url, Trouble> {
    let wrong = |why: &str| Trouble::usage(format!("--url `{text}`: {why}"));
    let mut url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| wrong("http:// or https:// is expected"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("a key belongs into --key-file"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let form = path.rsplit_once("/threat/feeds").map(|(_, form)| form);
    match form {
        Some("" | "/plain" | "/plain.txt") => {}
        Some(_) => {
            return Err(wrong(
                "the agent reads the plain list, and writes the commands \
                 itself; leave the form out",
            ));
        }
        None if path.ends_with("/feeds/edl") => {}
        None => url.set_path(&format!("{path}/v1/threat/feeds")),
    }
    for param in params {
        let (name, value) = param.split_once('=').unwrap_or((param, "true"));
        url.query_pairs_mut().append_pair(name, value);
    }
    Ok(url)
}

fn about(response: &Response) -> About {
    let headers = response.headers();
    let number = |name: &str| -> Option<u64> {
        headers.get(name)?.to_str().ok()?.parse().ok()
    };
    let etag = headers.get(ETAG).and_then(|tag| tag.to_str().ok());
    About {
        etag: etag.map(str::to_owned),
        sha256: String::new(),
        entries: number("x-feed-entries")
            .map(|entries| usize::try_from(entries).unwrap_or(usize::MAX)),
        version: number("x-feed-version"),
        stale: number("x-feed-stale"),
        server: response.remote_addr().map(|at| at.ip().to_canonical()),
    }
}

/// The SHA-256 of `Repr-Digest`.
fn digest(headers: &HeaderMap) -> Result<Vec<u8>, Trouble> {
    let text = headers.get("repr-digest").and_then(|text| text.to_str().ok());
    let member = text.into_iter().flat_map(|text| text.split(','));
    let value = member
        .filter_map(|member| member.trim().strip_prefix("sha-256=:"))
        .find_map(|value| STANDARD.decode(value.strip_suffix(':')?).ok());
    value.ok_or_else(|| {
        Trouble::refused("the answer has no digest (Repr-Digest: sha-256)")
    })
}

/// A body within a limit.
async fn body(response: &mut Response, most: u64) -> Result<Vec<u8>, Trouble> {
    let too_large = || {
        Trouble::refused(format!(
            "the answer is larger than {} MiB (--max-size)",
            most >> 20
        ))
    };
    if response.content_length().is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    loop {
        let chunk = response.chunk().await.map_err(|error| {
            Trouble::away(format!("the answer broke off: {}", deepest(&error)))
        })?;
        let Some(chunk) = chunk else { return Ok(bytes) };
        let length = bytes.len() + chunk.len();
        if u64::try_from(length).unwrap_or(u64::MAX) > most {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTimeParser::new().parse_timestamp(text).ok()?;
    u64::try_from(at.duration_since(now).as_secs())
        .ok()
        .map(Duration::from_secs)
}

/// The server's words, if they are those of asgard.
fn said_of(body: &[u8]) -> String {
    let said: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let error = said.as_ref().and_then(|said| said["error"].as_str());
    error.map_or_else(String::new, |error| {
        let start: String = error.chars().take(200).collect();
        format!(": {}", start.escape_debug())
    })
}

/// The cause below all others; it names no URL.
fn deepest(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str, params: &[&str]) -> Result<String, Trouble> {
        let params: Vec<String> =
            params.iter().map(ToString::to_string).collect();
        feed_url(text, &params).map(String::from)
    }

    #[test]
    fn a_base_and_a_whole_url_name_the_same_feed() {
        let feed = "https://a.example/v1/threat/feeds";
        for text in ["https://a.example", "https://a.example/", feed] {
            assert_eq!(url(text, &[]).as_deref(), Ok(feed), "{text}");
        }
        let below = url("https://a.example/asgard/", &[]);
        let below = below.unwrap();
        assert_eq!(below, "https://a.example/asgard/v1/threat/feeds");
        let plain = "http://[::1]:1/api/v1/threat/feeds/plain.txt?n=5";
        assert_eq!(url(plain, &[]).as_deref(), Ok(plain));
    }

    #[test]
    fn parameters_are_encoded() {
        let url = url("http://a.example", &["country=NL", "ipv4only"]);
        let query = "country=NL&ipv4only=true";
        assert!(url.unwrap().ends_with(query));
    }

    #[test]
    fn commands_of_a_server_are_never_read() {
        for form in ["nft", "ipset", "json", "manifest"] {
            let text = format!("https://a.example/v1/threat/feeds/{form}");
            let said = url(&text, &[]).unwrap_err().to_string();
            assert!(said.contains("plain"), "{said}");
        }
        for bad in ["", "a.example", "ftp://a", "https://api:k@a.example"] {
            assert!(url(bad, &[]).is_err(), "{bad}");
        }
    }

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn the_digest_is_found_among_others() {
        let one = "sha-512=:AA==:, sha-256=:AQID:";
        assert_eq!(digest(&headers("repr-digest", one)).unwrap(), [1, 2, 3]);
        for bad in ["", "sha-256=AQID", "sha-256=:AQID", "sha-256=:!!!!:"] {
            assert!(digest(&headers("repr-digest", bad)).is_err(), "{bad}");
        }
        assert!(digest(&HeaderMap::new()).is_err());
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp::from_second(784_111_777).unwrap();
        let wait = |value| retry_after(&headers("retry-after", value), now);
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        let date = "Sun, 06 Nov 1994 08:50:07 GMT";
        assert_eq!(wait(date), Some(Duration::from_secs(30)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:07 GMT"), None);
        assert_eq!(wait("soon"), None);
    }
}
