//! `asgard feed verify`: signature of the manifest, then digest of the body.

use std::fs;

use anyhow::{Context, Result, anyhow, bail};
use asgard_api::verify_minisign;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    pull::path_of,
    remote::{Server, json},
};
use crate::{
    cli::{Pull, Verify},
    exit::{Exit, usage},
    output::Out,
};

const MANIFEST: &str = "/v1/threat/feeds/manifest";

pub(crate) async fn run(options: &Verify, out: &mut Out) -> Result<Exit> {
    let server = Server::new(&options.remote)?;
    let key = match &options.public_key {
        Some(file) => fs::read_to_string(file)
            .map_err(|error| usage(anyhow!("`{}`: {error}", file.display())))?,
        None => {
            tracing::warn!(
                "the key comes from the same server: keep it \
                 (/v1/threat/feeds/key) and give it by --public-key"
            );
            let key = server.get("/v1/threat/feeds/key", "").await?;
            String::from_utf8(key.body).context("the key is no text")?
        }
    };
    let query = query_of(options.format.as_deref(), &options.params);
    let manifest = server.get(MANIFEST, &query).await?;
    let signature =
        server.get("/v1/threat/feeds/manifest.minisig", &query).await?;
    let signature = String::from_utf8_lossy(&signature.body).into_owned();
    verify_minisign(&key, &manifest.body, &signature)
        .context("the manifest is not signed by this key")?;
    let about = json(&manifest)?;
    let body = match &options.file {
        Some(file) => {
            fs::read(file).with_context(|| format!("`{}`", file.display()))?
        }
        None => {
            let path = path_of(options.format.as_deref());
            server.get(&path, &options.params.join("&")).await?.body
        }
    };
    check(&about, &body)?;
    out.line(format!(
        "good: version {}, serial {}, {} entries, sha256 {}",
        about["version"],
        about["serial"],
        about["entries"],
        about["sha256"].as_str().unwrap_or_default()
    ))?;
    Ok(Exit::Ok)
}

/// Holds a body against its manifest.
///
/// # Errors
/// It is another one.
pub(super) async fn digest(
    server: &Server,
    options: &Pull,
    body: &[u8],
) -> Result<()> {
    let query = query_of(options.format.as_deref(), &options.params);
    check(&json(&server.get(MANIFEST, &query).await?)?, body)
}

fn query_of(format: Option<&str>, params: &[String]) -> String {
    let format = format.map(|format| format!("format={format}"));
    let all: Vec<String> =
        format.into_iter().chain(params.iter().cloned()).collect();
    all.join("&")
}

fn check(about: &Value, body: &[u8]) -> Result<()> {
    use std::fmt::Write;
    let mut found = String::new();
    for byte in Sha256::digest(body) {
        write!(found, "{byte:02x}")?;
    }
    let wanted = about["sha256"].as_str().unwrap_or_default();
    if found != wanted {
        bail!(
            "the body has SHA-256 {found} and not {wanted}: it changed \
             meanwhile, or somebody changed it; try again"
        );
    }
    Ok(())
}
