//! Challenges: a page that asks for patience or work, and the pass it earns.
//!
//! Nothing is stored for a visitor. A *seed* says which challenge was set, when
//! and for whom, under a MAC (HMAC-SHA256); a *pass* is a cookie of the same
//! make. Only redeemed seeds are remembered, in a bounded set, so that none
//! counts twice. Keys come from a file: the first signs, the second still
//! verifies, so that keys can be changed without asking everybody again.
//!
//! Refused: anything whose MAC is wrong (compared in constant time), that is
//! bound to another network or user agent, too old, or redeemed too soon; and
//! return paths that lead to another host (open redirects).

mod cookie;
mod keys;
mod page;
mod redeemed;
mod seed;

use std::net::IpAddr;

use asgard_policy::gate::{ChallengeKind, ChallengeSpec};

pub use keys::{KeyError, Keys};

use crate::config::{Binding, ChallengeConfig};
use redeemed::Redeemed;

/// Where challenges are redeemed.
pub const PATH: &str = "/.asgard/challenge";
/// How long a seed may be redeemed, in milliseconds: half an hour.
const SEED_LIFE: u64 = 30 * 60 * 1000;
/// Longest return path, in bytes; a longer one leads to `/`.
const LONGEST_RETURN: usize = 2048;

/// Sets challenges, redeems them, and reads passes.
#[derive(Debug)]
pub struct Challenger {
    keys: Keys,
    cookie: String,
    /// How long a pass counts, in seconds.
    ttl: u64,
    bind: Vec<Binding>,
    status: u16,
    redeemed: Redeemed,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// The client.
    pub address: IpAddr,
    /// Its `User-Agent`; empty if there is none.
    pub user_agent: &'a str,
}

/// A complete response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Names in lower case; `content-length` is left to the server.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// How a challenge is to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Which challenge.
    pub spec: ChallengeSpec,
    /// Path and query that the visitor wanted.
    pub path: &'a str,
    /// Value of `Accept`; a page is shown to who takes HTML, JSON to others.
    pub accept: &'a str,
}

/// Why a challenge was not passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The query is not what our page sends.
    Malformed,
    /// Not made by us, or for another visitor.
    Forged,
    /// Too late.
    Expired,
    /// Before the time was over.
    TooSoon,
    /// The work was not done.
    NoWork,
    /// It has been redeemed before.
    Replayed,
}

/// What came of the answer to a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Of the challenge; `None` if it was not ours.
    pub kind: Option<ChallengeKind>,
    /// What was passed, or why not.
    pub result: Result<ChallengeSpec, Failure>,
}

impl Failure {
    /// Every failure with its label in metrics.
    pub const VALUES: [(Self, &'static str); 6] = [
        (Self::Malformed, "malformed"),
        (Self::Forged, "forged"),
        (Self::Expired, "expired"),
        (Self::TooSoon, "too_soon"),
        (Self::NoWork, "no_work"),
        (Self::Replayed, "replayed"),
    ];

    /// The label in metrics.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }
}

impl Challenger {
    /// A challenger that has redeemed nothing yet.
    pub fn new(config: &ChallengeConfig, keys: Keys) -> Self {
        Self {
            keys,
            cookie: config.cookie.clone(),
            ttl: config.ttl.as_secs(),
            bind: config.bind.clone(),
            status: config.status,
            redeemed: Redeemed::default(),
        }
    }

    /// The same with another configuration; what was redeemed stays redeemed.
    #[must_use]
    pub fn reloaded(&self, config: &ChallengeConfig, keys: Keys) -> Self {
        let redeemed = self.redeemed.clone();
        Self { redeemed, ..Self::new(config, keys) }
    }

    /// The challenge that a visitor has passed, by the cookies of the request
    /// (the value of `Cookie`). Of several passes the strongest.
    pub fn pass(
        &self,
        cookies: &str,
        visitor: Visitor<'_>,
        now_ms: u64,
    ) -> Option<ChallengeSpec> {
        let binding = self.binding(visitor);
        cookie::values(cookies, &self.cookie)
            .take(4)
            .filter_map(|value| {
                cookie::verify(&self.keys, value, &binding, now_ms / 1000)
            })
            .max()
    }

    /// The cookies that the backend may see: without passes. `None` if nothing
    /// is left.
    pub fn without_pass(&self, cookies: &str) -> Option<String> {
        cookie::without(cookies, &self.cookie)
    }

    /// Whether a request carries a pass, valid or not.
    pub fn has_pass(&self, cookies: &str) -> bool {
        cookie::values(cookies, &self.cookie).next().is_some()
    }

    /// The page (or JSON) that sets a challenge.
    pub fn ask(
        &self,
        asked: &Asked<'_>,
        visitor: Visitor<'_>,
        now_ms: u64,
    ) -> Answer {
        let spec = normal(asked.spec);
        let seed = seed::make(&self.keys, spec, &self.binding(visitor), now_ms);
        let back = local(asked.path);
        if takes_html(asked.accept) {
            page::html(self.status, spec, &seed, back)
        } else {
            page::json(self.status, spec, &seed, back)
        }
    }

    /// Redeems a seed. `query` is that of the request to [`PATH`]; `secure`
    /// whether the visitor came by TLS. If it counts, the answer sets the pass
    /// and leads back; if not, it says so and offers to try again.
    pub fn redeem(
        &self,
        query: &str,
        visitor: Visitor<'_>,
        secure: bool,
        now_ms: u64,
    ) -> (Answer, Outcome) {
        let (mut back, mut kind) = ("/".to_owned(), None);
        let known = (&mut back, &mut kind);
        let result = self.redeemable(query, visitor, now_ms, known);
        let answer = match result {
            Ok(spec) => {
                let pass = cookie::make(
                    &self.keys,
                    spec,
                    &self.binding(visitor),
                    (now_ms / 1000, self.ttl),
                );
                let cookie =
                    cookie::header(&self.cookie, &pass, self.ttl, secure);
                page::passed(&back, cookie)
            }
            Err(failure) => page::failed(self.status, failure, &back),
        };
        (answer, Outcome { kind, result })
    }

    fn redeemable(
        &self,
        query: &str,
        visitor: Visitor<'_>,
        now_ms: u64,
        (back, kind): (&mut String, &mut Option<ChallengeKind>),
    ) -> Result<ChallengeSpec, Failure> {
        let mut text = None;
        let mut nonce = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "seed" => text = Some(value),
                "nonce" => nonce = Some(value),
                "to" => local(&value).clone_into(back),
                _ => {}
            }
        }
        let text = text.ok_or(Failure::Malformed)?;
        let binding = self.binding(visitor);
        let seed = seed::read(&self.keys, &text, &binding)?;
        *kind = Some(seed.spec.kind);
        let age = now_ms.checked_sub(seed.issued_ms);
        let age = age.ok_or(Failure::Forged)?;
        if age > SEED_LIFE {
            return Err(Failure::Expired);
        }
        match seed.spec.kind {
            ChallengeKind::MetaRefresh => {
                // A browser may be a little early: timers are coarse.
                if age < u64::from(seed.spec.difficulty) * 800 {
                    return Err(Failure::TooSoon);
                }
            }
            ChallengeKind::Pow => {
                let nonce = nonce.ok_or(Failure::Malformed)?;
                if nonce.is_empty() || nonce.len() > 32 {
                    return Err(Failure::Malformed);
                }
                if !seed::has_work(&seed.work, &nonce, seed.spec.difficulty) {
                    return Err(Failure::NoWork);
                }
            }
        }
        if !self.redeemed.insert(seed.id, now_ms) {
            return Err(Failure::Replayed);
        }
        Ok(seed.spec)
    }

    /// The keys in use.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Redeemed seeds that were forgotten because the set was full.
    pub fn forgotten(&self) -> u64 {
        self.redeemed.forgotten()
    }

    /// What seeds and passes are bound to, as a digest.
    fn binding(&self, visitor: Visitor<'_>) -> [u8; 16] {
        let network = match visitor.address.to_canonical() {
            IpAddr::V4(v4) => (4, u128::from(v4.to_bits() & 0xFFFF_FF00)),
            IpAddr::V6(v6) => (6, v6.to_bits() >> 80 << 80),
        };
        let network = self.bind.contains(&Binding::Network).then_some(network);
        let agent = self
            .bind
            .contains(&Binding::UserAgent)
            .then_some(visitor.user_agent);
        keys::digest(&[
            b"binding",
            &network.map(|(family, _)| family).unwrap_or(0u8).to_be_bytes(),
            &network.map_or(0, |(_, bits)| bits).to_be_bytes(),
            agent.unwrap_or_default().as_bytes(),
        ])
    }
}

/// A meta refresh takes a second at least, and no more than half the life of
/// a seed allows.
fn normal(spec: ChallengeSpec) -> ChallengeSpec {
    let difficulty = match spec.kind {
        ChallengeKind::MetaRefresh => spec.difficulty.max(1),
        ChallengeKind::Pow => spec.difficulty.min(64),
    };
    ChallengeSpec { difficulty, ..spec }
}

/// The path if it leads to this host, else `/`.
///
/// A browser takes `//x`, `/\x` and `/<tab>/x` for another host, and `\` for
/// `/` anywhere.
pub(crate) fn local(path: &str) -> &str {
    let mut bytes = path.bytes();
    let sound = bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && path.len() <= LONGEST_RETURN
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && !path.starts_with(PATH);
    if sound { path } else { "/" }
}

fn takes_html(accept: &str) -> bool {
    accept.split(',').any(|part| {
        let kind = part.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/html")
            || kind.eq_ignore_ascii_case("application/xhtml+xml")
    })
}

#[cfg(test)]
mod tests;
