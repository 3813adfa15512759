//! `asgard feed pull`: a feed, whole or not at all.
//!
//! With `--file`, the list is checked against the digest of its manifest,
//! written under a temporary name and renamed: an empty or failed fetch never
//! replaces a list.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{remote::Server, verify};
use crate::{cli::Pull, exit::Exit, output::Out};

pub(crate) async fn run(options: &Pull, out: &mut Out) -> Result<Exit> {
    let server = Server::new(&options.remote)?;
    let path = path_of(options.format.as_deref());
    let query = options.params.join("&");
    let answer = server.get(&path, &query).await?;
    let Some(file) = &options.file else {
        out.bytes(&answer.body)?;
        return Ok(Exit::Ok);
    };
    verify::digest(&server, options, &answer.body).await?;
    replace(file, &answer.body)
        .with_context(|| format!("`{}` cannot be written", file.display()))?;
    tracing::info!(etag = answer.etag, bytes = answer.body.len(), "replaced");
    Ok(Exit::Ok)
}

/// The path of a form of the feed.
pub(super) fn path_of(format: Option<&str>) -> String {
    match format {
        None | Some("plain") => "/v1/threat/feeds".to_owned(),
        Some(format) => format!("/v1/threat/feeds/{format}"),
    }
}

fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut temporary = file.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    fs::write(temporary, bytes)?;
    fs::File::open(temporary)?.sync_all()?;
    fs::rename(temporary, file)
}
