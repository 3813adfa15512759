//! The environment and flags, laid over the tree of the file.
//!
//! `ASGARD_GATEWAY__FEATURES__ASN__ENABLED=true` is `features.asn.enabled`: two
//! underscores separate keys, case does not matter, `_` also stands for `-`, a
//! number picks an item of a list. The value is YAML. A fault in it is shown
//! with the name of the variable.

use asgard_policy::{
    Diagnostic, Sources,
    diagnostic::Place,
    gate::Written,
    yaml::{self, Node, Reading, Value},
};

use super::Overrides;

const PREFIX: &str = "ASGARD_GATEWAY__";

/// Lays `overrides` over `root`; flags last.
pub(super) fn apply(
    mut root: Node,
    overrides: &Overrides,
    sources: &mut Sources,
    reading: &mut Reading,
) -> Node {
    let mut environment: Vec<(&str, &str)> = overrides
        .environment
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    environment.sort_unstable();
    for (name, value) in environment {
        let path: Vec<&str> = name[PREFIX.len()..].split("__").collect();
        set(&mut root, name, &path, value, sources, reading);
    }
    for (name, value) in &overrides.flags {
        let path: Vec<&str> = name.split('.').collect();
        let shown = format!("flag {name}");
        set(&mut root, &shown, &path, value, sources, reading);
    }
    root
}

fn set(
    root: &mut Node,
    name: &str,
    path: &[&str],
    value: &str,
    sources: &mut Sources,
    reading: &mut Reading,
) {
    let file = sources.add(name, value);
    let place = Place { file, start: 0, end: value.len() };
    let node = match yaml::parse(file, value) {
        // Empty text is empty, not an empty mapping.
        Ok(_) if value.trim().is_empty() => scalar(String::new(), false, place),
        Ok(node) => node,
        Err(fault) => return reading.note(fault),
    };
    if let Err(why) = put(root, path, node, place) {
        let message = format!("`{name}` fits no key: {why}");
        reading.note(Diagnostic::error("E007", message).at(place));
    }
}

fn scalar(text: String, plain: bool, place: Place) -> Node {
    Node { place, value: Value::Scalar { text, plain, map: None } }
}

fn put(
    node: &mut Node,
    path: &[&str],
    value: Node,
    place: Place,
) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else {
        *node = value;
        return Ok(());
    };
    if first.is_empty() {
        return Err("a key is empty".into());
    }
    if node.is_null() {
        node.value = Value::Map(Vec::new());
    }
    match &mut node.value {
        Value::Map(entries) => {
            let known = entries
                .iter()
                .position(|(key, _)| fold(&key.value) == fold(first));
            let index = known.unwrap_or_else(|| {
                let key = first.to_ascii_lowercase();
                let key = Written { value: key, place, map: None };
                let empty = scalar(String::new(), true, place);
                entries.push((key, empty));
                entries.len() - 1
            });
            put(&mut entries[index].1, rest, value, place)
        }
        Value::List(items) => {
            let count = items.len();
            let item = first
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get_mut(index));
            match item {
                Some(item) => put(item, rest, value, place),
                None => Err(format!("the list has {count} items, from 0")),
            }
        }
        Value::Scalar { .. } => Err(format!("nothing is below `{first}`")),
    }
}

fn fold(key: &str) -> String {
    key.to_ascii_lowercase().replace('-', "_")
}
