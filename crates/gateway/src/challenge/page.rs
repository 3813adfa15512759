//! The pages: complete in themselves, allowed nothing else by their policy.
//!
//! Text and layout are in `assets/`; nothing is fetched from anywhere. They
//! may not be cached, indexed, or framed.

use asgard_policy::gate::{ChallengeKind, ChallengeSpec};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Answer, Failure, PATH, seed::Made};

const STYLE: &str = include_str!("../../assets/challenge.css");
const SCRIPT: &str = include_str!("../../assets/challenge.js");

pub(super) fn html(
    status: u16,
    spec: ChallengeSpec,
    seed: &Made,
    back: &str,
) -> Answer {
    let nonce = nonce();
    let redeem = escape(&redeem(seed, back));
    let (head, body) = match spec.kind {
        ChallengeKind::MetaRefresh => (
            format!(
                "<meta http-equiv=\"refresh\" content=\"{};url={redeem}\">\n",
                spec.difficulty
            ),
            format!(
                "<p>This takes {} second{}. Nothing is asked of you.</p>\n\
                 <p><small>If nothing happens then, \
                 <a href=\"{redeem}\">go on by hand</a>.</small></p>\n",
                spec.difficulty,
                if spec.difficulty == 1 { "" } else { "s" },
            ),
        ),
        ChallengeKind::Pow => (
            String::new(),
            format!(
                "<p>Your browser is doing a small calculation; it may take a \
                 moment.</p>\n\
                 <progress aria-label=\"Progress\" max=\"1\"></progress>\n\
                 <noscript><p><strong>This needs JavaScript.</strong> Please \
                 allow it for this site and load the page \
                 again.</p></noscript>\n\
                 <div id=\"work\" data-work=\"{}\" data-difficulty=\"{}\" \
                 data-redeem=\"{redeem}\"></div>\n\
                 <script nonce=\"{nonce}\">{SCRIPT}</script>\n",
                seed.work, spec.difficulty,
            ),
        ),
    };
    let title = "Checking your browser";
    let body = document(
        title,
        &nonce,
        &head,
        &format!(
            "<h1>{title}</h1>\n\
         <p>This site is protected against automated visits. You will be \
         taken to the page in a moment.</p>\n{body}"
        ),
    );
    answer(status, &nonce, body)
}

pub(super) fn json(
    status: u16,
    spec: ChallengeSpec,
    seed: &Made,
    back: &str,
) -> Answer {
    let body = serde_json::json!({
        "error": "challenge required",
        "challenge": {
            "kind": spec.kind.as_str(),
            "difficulty": spec.difficulty,
            "seed": seed.work,
            "redeem": redeem(seed, back),
        },
    });
    let mut answer = answer(status, "", body.to_string());
    answer.headers[0].1 = "application/json".into();
    answer
}

pub(super) fn passed(back: &str, cookie: String) -> Answer {
    let mut answer = answer(303, "", String::new());
    answer.headers.push(("location", back.into()));
    answer.headers.push(("set-cookie", cookie));
    answer
}

pub(super) fn failed(status: u16, failure: Failure, back: &str) -> Answer {
    let why = match failure {
        Failure::Expired => "It took too long.",
        Failure::TooSoon => "It was answered too soon.",
        Failure::Replayed => "This answer was used before.",
        Failure::Forged => {
            "It was set for another network or browser, or has been changed."
        }
        Failure::NoWork | Failure::Malformed => "The answer is not right.",
    };
    let nonce = nonce();
    let title = "The check did not succeed";
    let body = document(
        title,
        &nonce,
        "",
        &format!(
            "<h1>{title}</h1>\n<p>{why}</p>\n\
         <p><a href=\"{}\">Try again</a></p>\n",
            escape(back)
        ),
    );
    answer(status, &nonce, body)
}

/// Where the answer is given.
fn redeem(seed: &Made, back: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("seed", &seed.text).append_pair("to", back);
    format!("{PATH}?{}", query.finish())
}

fn document(title: &str, nonce: &str, head: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"robots\" content=\"noindex\">\n{head}\
         <title>{title}</title>\n<style nonce=\"{nonce}\">{STYLE}</style>\n\
         </head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn answer(status: u16, nonce: &str, body: String) -> Answer {
    let mut policy = "default-src 'none'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'"
        .to_owned();
    if !nonce.is_empty() {
        policy.push_str(&format!(
            "; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'"
        ));
    }
    Answer {
        status,
        headers: vec![
            ("content-type", "text/html; charset=utf-8".into()),
            ("cache-control", "no-store".into()),
            ("x-robots-tag", "noindex".into()),
            ("content-security-policy", policy),
            ("referrer-policy", "same-origin".into()),
            ("x-content-type-options", "nosniff".into()),
        ],
        body,
    }
}

fn nonce() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // Then the policy allows no script of anybody.
        return "none".into();
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// For text and attributes of HTML.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
