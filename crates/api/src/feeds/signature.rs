//! Signatures of manifests: Ed25519 (RFC 8032), raw and in the form of
//! minisign (<https://jedisct1.github.io/minisign/>), which Debian has as a
//! package.
//!
//! The form of minisign is the present one, in which the hash of the file is
//! signed. The number of the key comes from the key, so that it needs no place
//! of its own.

use asgard_store::SigningSeed;
use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use blake2::{Blake2b512, Digest};
use jiff::Timestamp;
use sha2::Sha256;

/// Signs with a key to which clients can hold us.
pub struct Signer {
    pair: Ed25519KeyPair,
    number: [u8; 8],
}

/// A signature of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Over the bytes themselves.
    pub raw: [u8; 64],
    /// A file for `minisign -V`.
    pub minisign: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.name())
    }
}

impl Signer {
    /// The key of a seed.
    pub fn new(seed: SigningSeed) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.reveal())
            .expect("any 32 bytes are a seed (RFC 8032, section 5.1.5)");
        let digest = Sha256::digest(pair.public_key());
        let mut number = [0; 8];
        number.copy_from_slice(&digest[..8]);
        Self { pair, number }
    }

    /// The public key as `minisign -P` takes it.
    pub fn public_key(&self) -> String {
        let key = self.pair.public_key().as_ref();
        STANDARD.encode([b"Ed", &self.number[..], key].concat())
    }

    /// The public key as a file for `minisign -p`.
    pub fn public_key_file(&self) -> String {
        let (name, key) = (self.name(), self.public_key());
        format!("untrusted comment: minisign public key {name}\n{key}\n")
    }

    /// Signs a file of a name, at a moment.
    pub fn sign(&self, file: &str, bytes: &[u8], now: Timestamp) -> Signature {
        let digest = Blake2b512::digest(bytes);
        let signature = self.bytes(&digest);
        let head = [b"ED", &self.number[..], &signature].concat();
        let second = now.as_second();
        let comment = format!("timestamp:{second}\tfile:{file}\thashed");
        let global = [&signature[..], comment.as_bytes()].concat();
        let minisign = format!(
            "untrusted comment: signature of asgard, key {}\n{}\n\
             trusted comment: {comment}\n{}\n",
            self.name(),
            STANDARD.encode(head),
            STANDARD.encode(self.bytes(&global)),
        );
        Signature { raw: self.bytes(bytes), minisign }
    }

    fn bytes(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.pair.sign(message);
        let mut bytes = [0; 64];
        bytes.copy_from_slice(signature.as_ref());
        bytes
    }

    /// The number of the key as minisign shows it.
    fn name(&self) -> String {
        format!("{:016X}", u64::from_le_bytes(self.number))
    }
}

/// Why a signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A file that minisign would not take.
    #[error("the {0} is not of minisign's form")]
    Form(&'static str),
    /// Signed by somebody else.
    #[error("another key has signed")]
    OtherKey,
    /// The bytes, or the comment, are not what was signed.
    #[error("the signature does not fit")]
    Wrong,
}

/// Verifies what `minisign -V` would: bytes, by the texts of a public key and
/// of a signature.
///
/// # Errors
/// See [`SignatureError`].
pub fn verify_minisign(
    key: &str,
    bytes: &[u8],
    signature: &str,
) -> Result<(), SignatureError> {
    let form = |what| move || SignatureError::Form(what);
    let line = |text: &str, at: usize| {
        let line = text.lines().nth(at)?.trim();
        STANDARD.decode(line).ok()
    };
    let of_key = line(key, 1).or_else(|| line(key, 0));
    let of_key = of_key.filter(|key| key.len() == 42 && key[..2] == *b"Ed");
    let of_key = of_key.ok_or_else(form("key"))?;
    let fits = |bytes: &Vec<u8>| bytes.len() == 74 && bytes[..2] == *b"ED";
    let head = line(signature, 1).filter(fits);
    let head = head.ok_or_else(form("signature"))?;
    let comment = signature
        .lines()
        .nth(2)
        .and_then(|line| line.strip_prefix("trusted comment: "));
    let comment = comment.ok_or_else(form("signature"))?;
    let global = line(signature, 3).ok_or_else(form("signature"))?;
    if head[2..10] != of_key[2..10] {
        return Err(SignatureError::OtherKey);
    }
    let public = UnparsedPublicKey::new(&ED25519, &of_key[10..]);
    let both = [&head[10..], comment.as_bytes()].concat();
    public
        .verify(&Blake2b512::digest(bytes), &head[10..])
        .and_then(|()| public.verify(&both, &global))
        .map_err(|_| SignatureError::Wrong)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};

    use tempfile::TempDir;

    use super::*;

    fn signer() -> Signer {
        Signer::new(SigningSeed::new([7; 32]))
    }

    fn sign(bytes: &[u8]) -> Signature {
        let now = Timestamp::from_second(1_774_778_400).unwrap();
        signer().sign("manifest", bytes, now)
    }

    #[test]
    fn the_raw_signature_is_of_the_bytes() {
        let signer = signer();
        let key = UnparsedPublicKey::new(&ED25519, signer.pair.public_key());
        let raw = sign(b"{}").raw;
        assert!(key.verify(b"{}", &raw).is_ok());
        assert!(key.verify(b"{ }", &raw).is_err());
    }

    #[test]
    fn another_seed_is_another_key() {
        let other = Signer::new(SigningSeed::new([8; 32]));
        assert_ne!(other.public_key(), signer().public_key());
        assert_ne!(other.name(), signer().name());
    }

    #[test]
    fn our_own_check_takes_what_minisign_takes_and_nothing_else() {
        let signer = signer();
        let text = sign(b"{}").minisign;
        let verify = |key: &str, bytes: &[u8], text: &str| {
            verify_minisign(key, bytes, text)
        };
        let file = signer.public_key_file();
        assert_eq!(verify(&file, b"{}", &text), Ok(()));
        assert_eq!(verify(&signer.public_key(), b"{}", &text), Ok(()));
        let wrong = Err(SignatureError::Wrong);
        assert_eq!(verify(&file, b"{ }", &text), wrong);
        let forged = text.replace("file:manifest", "file:manifesT");
        assert_eq!(verify(&file, b"{}", &forged), wrong);
        let other = Signer::new(SigningSeed::new([8; 32])).public_key();
        let answer = verify(&other, b"{}", &text);
        assert_eq!(answer, Err(SignatureError::OtherKey));
        for (key, text) in [("", &*text), (&*file, ""), (&*file, "a\nb\nc\nd")]
        {
            let answer = verify(key, b"{}", text);
            assert!(matches!(answer, Err(SignatureError::Form(_))));
        }
    }

    fn minisign(dir: &TempDir, key: &str) -> std::io::Result<Output> {
        let mut command = Command::new("minisign");
        command.args(["-V", "-m", "manifest", "-P", key]);
        command.current_dir(dir.path()).output()
    }

    #[test]
    fn minisign_verifies_and_refuses_a_changed_byte() {
        let dir = TempDir::new().unwrap();
        let signed = b"{\"format\":\"plain\"}";
        let signature = sign(signed).minisign;
        std::fs::write(dir.path().join("manifest"), signed).unwrap();
        let place = dir.path().join("manifest.minisig");
        std::fs::write(&place, &signature).unwrap();
        let key = signer().public_key();
        let Ok(good) = minisign(&dir, &key) else {
            println!("SKIP minisign: not installed");
            return;
        };
        assert!(good.status.success(), "{good:?}");
        let said = String::from_utf8_lossy(&good.stdout).into_owned();
        assert!(said.contains("file:manifest"), "{said}");
        std::fs::write(dir.path().join("manifest"), b"{\"format\":\"nft\"}")
            .unwrap();
        assert!(!minisign(&dir, &key).unwrap().status.success());
        std::fs::write(dir.path().join("manifest"), signed).unwrap();
        let other = signature.replace("file:manifest", "file:manifesT");
        std::fs::write(&place, other).unwrap();
        let forged = minisign(&dir, &key).unwrap();
        assert!(!forged.status.success(), "the comment is signed too");
    }
}
