//! `asgard mmdb build`: an ASN database of the routing table, for every reader
//! of MaxMind DB files.
//!
//! The file is replaced whole: written beside, synced, renamed.

use std::{fs::File, io::Write, path::Path};

use anyhow::{Context, Result};
use asgard_model::{
    NetworkTable,
    mmdb::{Field, asn_database},
};

use crate::{
    cli::{MmdbAction, MmdbBuild},
    config::Config,
    exit::Exit,
    local,
    output::Out,
};

pub(crate) async fn run(
    config: &Config,
    action: MmdbAction,
    out: &mut Out,
) -> Result<Exit> {
    match action {
        MmdbAction::Build(build) => self::build(config, &build, out).await,
    }
}

async fn build(
    config: &Config,
    build: &MmdbBuild,
    out: &mut Out,
) -> Result<Exit> {
    let snapshot = local::snapshot(config).await?;
    let (fields, kind) = (build.fields.clone(), build.database_type.clone());
    let path = build.out.clone();
    let networks = tokio::task::spawn_blocking(move || {
        let bytes = asn_database(&snapshot, &fields, &kind)?;
        // Nobody gets a file that our own gateway would refuse.
        let networks = match fields.contains(&Field::Number) {
            true => NetworkTable::from_mmdb(&bytes)?.networks(),
            false => u32::try_from(snapshot.world.table.len())?,
        };
        replace(&path, &bytes)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        anyhow::Ok(networks)
    });
    let networks = networks.await??;
    out.line(format!("{networks} networks in {}", build.out.display()))?;
    Ok(Exit::Ok)
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut beside = tempfile::NamedTempFile::new_in(directory)?;
    beside.write_all(bytes)?;
    beside.as_file().sync_all()?;
    // Readers of other users are the point of the file.
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    beside.as_file().set_permissions(everybody)?;
    beside.persist(path)?;
    File::open(directory)?.sync_all()
}
