//! The signed manifest of a list: who says that this is the list.
//!
//! With a public key, a list is taken only if a manifest that this key has
//! signed names its digest. Between the two requests the list may change, so
//! they are made again a few times before that is an error.

use std::{fs, path::Path};

use asgard_api::verify_minisign;
use reqwest::Url;
use serde::Deserialize;

use super::{
    feed::{About, Source},
    trouble::Trouble,
};

/// The part of a manifest that a list is held against.
#[derive(Debug, Deserialize)]
struct Manifest {
    sha256: String,
    version: u64,
}

/// Whoever must have signed.
#[derive(Clone, Debug)]
pub(super) struct PublicKey(String);

/// How a list stands to its manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the one that was signed, of this version.
    Signed(u64),
    /// Another one was signed: the list changed meanwhile, or was changed.
    Another,
}

impl PublicKey {
    /// Reads a file of `minisign -p`.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn read(file: &Path) -> Result<Self, Trouble> {
        let name = file.display();
        fs::read_to_string(file).map(Self).map_err(|error| {
            Trouble::usage(format!("--public-key `{name}`: {error}"))
        })
    }

    /// Asks for the manifest of a list, and holds the list against it.
    ///
    /// # Errors
    /// There is none, or somebody else has signed it.
    pub(super) async fn check(
        &self,
        source: &Source,
        about: &About,
    ) -> Result<Verdict, Trouble> {
        let text = source.fetch(beside(source.url(), "manifest")?).await?;
        let url = beside(source.url(), "manifest.minisig")?;
        let signature = source.fetch(url).await?;
        let signature = String::from_utf8_lossy(&signature);
        // A list may change between these two as well.
        verify_minisign(&self.0, &text, &signature).map_err(|error| {
            Trouble::refused(format!("the manifest of the list: {error}"))
        })?;
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| {
                Trouble::refused(format!("the manifest is none: {error}"))
            })?;
        Ok(match manifest.sha256 == about.sha256 {
            true => Verdict::Signed(manifest.version),
            false => Verdict::Another,
        })
    }
}

/// The URL of what stands beside a list, with the same parameters.
///
/// # Errors
/// Nothing stands beside `/feeds/edl`.
pub(super) fn beside(url: &Url, what: &str) -> Result<Url, Trouble> {
    let path = url.path();
    let Some((base, _)) = path.rsplit_once("/threat/feeds") else {
        return Err(Trouble::usage(
            "--public-key: only /v1/threat/feeds is signed",
        ));
    };
    let mut url = url.clone();
    url.set_path(&format!("{base}/threat/feeds/{what}"));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_stands_beside_the_list_with_its_parameters() {
        let url = |text: &str| Url::parse(text).unwrap();
        for list in ["/v1/threat/feeds?n=5", "/v1/threat/feeds/plain.txt?n=5"] {
            let list = url(&format!("http://a.example{list}"));
            assert_eq!(
                beside(&list, "manifest").unwrap().as_str(),
                "http://a.example/v1/threat/feeds/manifest?n=5"
            );
        }
        let edl = url("http://a.example/feeds/edl?expand=prefixes");
        assert!(beside(&edl, "manifest").is_err());
    }
}
