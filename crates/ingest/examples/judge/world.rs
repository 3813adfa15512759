//! What a directory of `asgard synth` says besides BGP: links, organisations,
//! route servers, RPKI.

use std::{
    collections::HashMap,
    error::Error,
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use asgard_ingest::format::relations::as_relations;
use asgard_model::{
    Asn,
    aspa::AspaSet,
    graph::Relationship,
    rpki::{Rpki, Vrp, VrpSet},
};
use flate2::read::MultiGzDecoder;
use rustc_hash::FxHashSet;
use serde::Deserialize;

/// Everything but BGP.
pub(crate) struct World {
    pub(crate) dir: PathBuf,
    pub(crate) links: Vec<(Asn, Asn, Relationship)>,
    pub(crate) organisations: Vec<(Asn, u32)>,
    pub(crate) route_servers: FxHashSet<Asn>,
    pub(crate) rpki: Rpki,
}

impl World {
    pub(crate) fn read(dir: &Path) -> Result<Self, Box<dyn Error>> {
        let mut links = Vec::new();
        for file in files(&dir.join("relations"), "")? {
            let mut input = BufReader::new(File::open(file)?);
            as_relations(&mut input, &mut |row| {
                links.push((row.a, row.b, row.relationship));
            })?;
        }
        Ok(Self {
            dir: dir.to_owned(),
            links,
            organisations: organisations(&dir.join("names"))?,
            route_servers: route_servers(&dir.join("peeringdb"))?,
            rpki: rpki(&dir.join("rpki"))?,
        })
    }
}

/// Files of a folder whose names begin so, in order of their names.
pub(crate) fn files(
    folder: &Path,
    begin: &str,
) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(begin) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// A compressed file.
pub(crate) fn unpacked(file: &Path) -> Result<impl BufRead, Box<dyn Error>> {
    let packed = MultiGzDecoder::new(File::open(file)?);
    Ok(BufReader::with_capacity(1 << 18, packed))
}

/// Networks of one company have the same number.
fn organisations(names: &Path) -> Result<Vec<(Asn, u32)>, Box<dyn Error>> {
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut found = Vec::new();
    for file in files(names, "as-info-")? {
        let mut rows = csv::Reader::from_reader(unpacked(&file)?);
        for row in rows.records() {
            let row = row?;
            let company = row.get(2).unwrap_or_default();
            if !company.is_empty() {
                let next = u32::try_from(numbers.len())?;
                let number = *numbers.entry(company.to_owned()).or_insert(next);
                found.push((row[0].parse()?, number));
            }
        }
    }
    Ok(found)
}

fn route_servers(folder: &Path) -> Result<FxHashSet<Asn>, Box<dyn Error>> {
    let mut found = FxHashSet::default();
    for file in files(folder, "asn_network_types")? {
        let mut rows = csv::Reader::from_reader(unpacked(&file)?);
        for row in rows.records() {
            let row = row?;
            if row.get(1) == Some("Route Server") {
                found.insert(row[0].parse()?);
            }
        }
    }
    Ok(found)
}

#[derive(Deserialize)]
struct Payloads {
    roas: Vec<Roa>,
    aspas: Vec<Aspa>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Roa {
    asn: u32,
    prefix: String,
    max_length: u8,
}

#[derive(Deserialize)]
struct Aspa {
    customer_asid: u32,
    providers: Vec<u32>,
}

fn rpki(folder: &Path) -> Result<Rpki, Box<dyn Error>> {
    let (mut vrps, mut aspas) = (Vec::new(), Vec::new());
    for file in files(folder, "vrps-")? {
        let mut text = String::new();
        unpacked(&file)?.read_to_string(&mut text)?;
        let payloads: Payloads = serde_json::from_str(&text)?;
        for roa in payloads.roas {
            vrps.push(Vrp {
                asn: Asn(roa.asn),
                prefix: roa.prefix.parse()?,
                max_len: roa.max_length,
            });
        }
        for aspa in payloads.aspas {
            let providers = aspa.providers.into_iter().map(Asn).collect();
            aspas.push((Asn(aspa.customer_asid), providers));
        }
    }
    Ok(Rpki {
        known: true,
        vrps: VrpSet::new(vrps),
        aspas: AspaSet::new(aspas),
    })
}
