//! What the configured files say about an address: databases and lists, judged
//! as a gateway judges them.
//!
//! Nothing is fetched. A list or a feed that only the network knows is unknown,
//! and rules that ask for it do not match, as in a gateway before its first
//! fetch. A file that is there and cannot be used refuses the configuration.

use std::path::Path;

use asgard_gateway::{Data, config::Loaded, supply::Unusable};
use asgard_policy::{
    Diagnostic,
    diagnostic::Place,
    yaml::{self, Node, Value},
};

use super::{Form, refused, show};
use crate::output::Out;

/// Reads what is there; if a file cannot be used, the faults are shown and the
/// exit code is 2.
pub(super) fn load(
    loaded: &Loaded,
    file: &Path,
    mmdb: Option<&Path>,
    (form, out): (Form, &mut Out),
) -> anyhow::Result<Data> {
    let (data, faults) = read(loaded, mmdb);
    if faults.is_empty() {
        return Ok(data);
    }
    show(&faults, &loaded.sources, form, out)?;
    Err(refused(file, &faults))
}

/// Reads what is there, with a fault for each file that cannot be used.
pub(super) fn read(
    loaded: &Loaded,
    mmdb: Option<&Path>,
) -> (Data, Vec<Diagnostic>) {
    let (data, unusable) = Data::on_disk(&loaded.config, mmdb);
    let faults = unusable.iter().map(|file| fault(file, loaded)).collect();
    (data, faults)
}

fn fault(unusable: &Unusable, loaded: &Loaded) -> Diagnostic {
    let Unusable { key, path, why } = unusable;
    let message = format!("`{}` cannot be used: {why}", path.display());
    let fault = Diagnostic::error("E007", message).within(key.join("."));
    if key.is_empty() {
        return fault.within("--mmdb");
    }
    fault.at_opt(place(loaded, key))
}

/// Where the first file names `path` under a key.
fn place(loaded: &Loaded, key: &[String]) -> Option<Place> {
    let root = yaml::parse(0, loaded.sources.text(0)).ok()?;
    let path = key.iter().map(String::as_str).chain(["path"]);
    let node = path.into_iter().try_fold(&root, child)?;
    Some(node.place)
}

fn child<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().find(|(own, _)| own.value == key).map(|(_, node)| node)
}

/// When the database of networks was built, in seconds since 1970.
pub(super) fn build_epoch(data: &Data) -> Option<u64> {
    data.networks.as_ref().map(|table| table.build_epoch())
}
