//! Seeds: which challenge was set, when, for whom; and the work on them.

use asgard_policy::gate::{ChallengeKind, ChallengeSpec};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{Failure, Keys};

/// Kind, difficulty, moment, random bytes.
const BODY: usize = 1 + 1 + 8 + 16;

/// A seed that this gateway made for this visitor.
#[derive(Debug)]
pub(super) struct Seed {
    pub(super) spec: ChallengeSpec,
    pub(super) issued_ms: u64,
    /// What is remembered once it is redeemed.
    pub(super) id: [u8; 16],
    /// What is hashed together with the nonce.
    pub(super) work: String,
}

/// A seed in the form of the page: `<body>.<mac>`.
pub(super) struct Made {
    pub(super) text: String,
    pub(super) work: String,
}

pub(super) fn make(
    keys: &Keys,
    spec: ChallengeSpec,
    binding: &[u8; 16],
    now_ms: u64,
) -> Made {
    let mut body = [0; BODY];
    body[0] = code(spec.kind);
    body[1] = spec.difficulty;
    body[2..10].copy_from_slice(&now_ms.to_be_bytes());
    // Without random bytes two visitors of one network and moment would get
    // the same seed, and only one of them could redeem it: worse, but sound.
    if getrandom::fill(&mut body[10..]).is_err() {
        tracing::error!("no random bytes for a challenge");
    }
    let mac = keys.sign(&[b"seed", &body, binding]);
    Made {
        text: format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(body),
            URL_SAFE_NO_PAD.encode(mac)
        ),
        work: hex(&mac),
    }
}

pub(super) fn read(
    keys: &Keys,
    text: &str,
    binding: &[u8; 16],
) -> Result<Seed, Failure> {
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let (body, mac) = text.split_once('.').ok_or(Failure::Malformed)?;
    let (body, mac) =
        decode(body).zip(decode(mac)).ok_or(Failure::Malformed)?;
    let body: [u8; BODY] = body.try_into().map_err(|_| Failure::Malformed)?;
    if !keys.verify(&[b"seed", &body, binding], &mac) {
        return Err(Failure::Forged);
    }
    let kind = kind(body[0]).ok_or(Failure::Forged)?;
    let field = |range: std::ops::Range<usize>| &body[range];
    Ok(Seed {
        spec: ChallengeSpec { kind, difficulty: body[1] },
        issued_ms: u64::from_be_bytes(
            field(2..10).try_into().map_err(|_| Failure::Malformed)?,
        ),
        id: mac[..16].try_into().map_err(|_| Failure::Malformed)?,
        work: hex(&mac),
    })
}

/// Whether SHA-256 of seed and nonce begins with so many zero hex digits.
pub(super) fn has_work(work: &str, nonce: &str, difficulty: u8) -> bool {
    let mut hash = Sha256::new();
    hash.update(work);
    hash.update(nonce);
    let digest: [u8; 32] = hash.finalize().into();
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.take(usize::from(difficulty)).all(|digit| digit == 0)
}

/// The number of a kind in seeds and passes; never changed.
pub(super) fn code(kind: ChallengeKind) -> u8 {
    match kind {
        ChallengeKind::MetaRefresh => 1,
        ChallengeKind::Pow => 2,
    }
}

pub(super) fn kind(code: u8) -> Option<ChallengeKind> {
    match code {
        1 => Some(ChallengeKind::MetaRefresh),
        2 => Some(ChallengeKind::Pow),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}
