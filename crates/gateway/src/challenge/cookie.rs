//! Passes: cookies that prove a passed challenge, `v1.<payload>.<mac>`.

use std::iter;

use asgard_policy::gate::ChallengeSpec;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    Keys,
    seed::{code, kind},
};

/// Kind, difficulty, issued, expires (seconds), binding.
const PAYLOAD: usize = 1 + 1 + 8 + 8 + 16;

/// A pass for `life` = (now, how long), in seconds.
pub(super) fn make(
    keys: &Keys,
    spec: ChallengeSpec,
    binding: &[u8; 16],
    life: (u64, u64),
) -> String {
    let (now, ttl) = life;
    let mut payload = Vec::with_capacity(PAYLOAD);
    payload.extend_from_slice(&[code(spec.kind), spec.difficulty]);
    payload.extend_from_slice(&now.to_be_bytes());
    payload.extend_from_slice(&now.saturating_add(ttl).to_be_bytes());
    payload.extend_from_slice(binding);
    let mac = keys.sign(&[b"pass", &payload]);
    format!(
        "v1.{}.{}",
        URL_SAFE_NO_PAD.encode(payload),
        URL_SAFE_NO_PAD.encode(mac)
    )
}

/// What a pass proves; `None` if it proves nothing here and now.
pub(super) fn verify(
    keys: &Keys,
    value: &str,
    binding: &[u8; 16],
    now: u64,
) -> Option<ChallengeSpec> {
    let (payload, mac) = value.strip_prefix("v1.")?.split_once('.')?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
    if payload.len() != PAYLOAD || !keys.verify(&[b"pass", &payload], &mac) {
        return None;
    }
    let moment = |at: usize| {
        Some(u64::from_be_bytes(payload.get(at..at + 8)?.try_into().ok()?))
    };
    let (issued, expires) = (moment(2)?, moment(10)?);
    let ours = payload.get(18..)? == binding;
    (ours && issued <= now && now < expires).then_some(ChallengeSpec {
        kind: kind(payload[0])?,
        difficulty: payload[1],
    })
}

/// The value of `Set-Cookie`.
pub(super) fn header(
    name: &str,
    value: &str,
    ttl: u64,
    secure: bool,
) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!(
        "{name}={value}; Path=/; Max-Age={ttl}; HttpOnly; SameSite=Lax{secure}"
    )
}

/// The values of every cookie of a name (RFC 6265, section 5.4).
pub(super) fn values<'a>(
    cookies: &'a str,
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    // Everybody's cookies are looked through with every request.
    let mut rest = Some(cookies);
    let pairs = iter::from_fn(move || {
        let all = rest?;
        let end = memchr::memchr(b';', all.as_bytes());
        rest = end.map(|end| &all[end + 1..]);
        Some(&all[..end.unwrap_or(all.len())])
    });
    pairs.filter_map(move |pair| {
        let value = pair.trim_ascii_start().strip_prefix(name)?;
        let value = value.trim_ascii_start().strip_prefix('=')?;
        Some(value.trim_ascii_end())
    })
}

/// All cookies but those of a name; `None` if none is left.
pub(super) fn without(cookies: &str, name: &str) -> Option<String> {
    let kept: Vec<&str> = cookies
        .split(';')
        .map(str::trim)
        .filter(|pair| {
            let found = pair.split_once('=').map_or(*pair, |(found, _)| found);
            !pair.is_empty() && found.trim_end() != name
        })
        .collect();
    (!kept.is_empty()).then(|| kept.join("; "))
}
