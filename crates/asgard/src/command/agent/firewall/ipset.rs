//! ipset: two sets, each filled beside the one in use and then swapped.
//!
//! `ipset restore` does one line after the other, so both sets are filled
//! before the first is swapped: what cannot be filled is not swapped.

use std::fmt::Write;

use asgard_policy::{AddressSet, space::text::push_prefix};

use super::{Plan, Program, Standing, is_v4};
use crate::command::agent::{options::Name, trouble::Trouble};

/// The limit of a set, as in the lists that the server writes for ipset. It is
/// no allocation.
const MAXELEM: usize = 1 << 22;
const TYPE: &str = "hash:net";
const FAMILIES: [&str; 2] = ["inet", "inet6"];

/// The sets of an agent.
#[derive(Clone, Debug)]
pub(in super::super) struct Ipset {
    pub(in super::super) program: Program,
    pub(in super::super) set: Name,
}

/// What `ipset list -t` says about a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Head {
    kind: String,
    family: String,
    entries: usize,
}

impl Ipset {
    /// Fills the sets beside those in use.
    pub(super) fn script(&self, set: &AddressSet) -> Vec<u8> {
        let mut script = Vec::new();
        for ((name, family), v4) in
            self.sets().iter().zip(FAMILIES).zip([true, false])
        {
            let prefixes = || set.prefixes().filter(|p| is_v4(*p) == v4);
            let create =
                created(&format!("{name}_new"), family, prefixes().count());
            script.extend_from_slice(create.as_bytes());
            let add = format!("add {name}_new ");
            for prefix in prefixes() {
                script.extend_from_slice(add.as_bytes());
                push_prefix(&mut script, prefix);
                script.push(b'\n');
            }
        }
        script
    }

    pub(super) fn standing(
        &self,
        plan: Option<&Plan>,
    ) -> Result<Standing, Trouble> {
        let names = self.names()?;
        if !names.iter().any(|name| self.is_ours(name)) {
            return Ok(Standing::Absent);
        }
        let Some(plan) = plan else { return Ok(Standing::Other) };
        for ((name, family), (count, sample)) in self
            .sets()
            .iter()
            .zip(FAMILIES)
            .zip(plan.counts.iter().zip(plan.samples))
        {
            if !names.contains(name) {
                return Ok(Standing::Other);
            }
            let head = self.head(name)?;
            let same = head.kind == TYPE
                && head.family == family
                && head.entries == *count;
            let found = match sample {
                Some(address) => self.has(name, &address.to_string())?,
                None => true,
            };
            if !same || !found {
                return Ok(Standing::Other);
            }
        }
        Ok(Standing::AsPlanned)
    }

    pub(super) fn apply(&self, plan: &Plan) -> Result<(), Trouble> {
        let names = self.names()?;
        let is_there = |name: &str| names.iter().any(|n| n == name);
        // What a killed agent has left beside the sets.
        let mut before = String::new();
        let mut after = String::new();
        for (name, family) in self.sets().iter().zip(FAMILIES) {
            // Writing into a String cannot fail.
            if is_there(&format!("{name}_new")) {
                let _ = writeln!(before, "destroy {name}_new");
            }
            if !is_there(name) {
                after.push_str(&created(name, family, 0));
            }
        }
        for name in self.sets() {
            let _ = writeln!(after, "swap {name}_new {name}");
        }
        for name in self.sets() {
            let _ = writeln!(after, "destroy {name}_new");
        }
        let input = [before.as_bytes(), &plan.script, after.as_bytes()];
        self.program.run(&["restore"], &input)?;
        Ok(())
    }

    pub(super) fn remove(&self) -> Result<(), Trouble> {
        for name in self.names()?.iter().filter(|name| self.is_ours(name)) {
            self.program.run(&["destroy", name], &[]).map_err(|trouble| {
                Trouble::machine(format!(
                    "{trouble} (take away the rules that use `{name}` first)"
                ))
            })?;
        }
        Ok(())
    }

    fn sets(&self) -> [String; 2] {
        ["4", "6"].map(|digit| format!("{}{digit}", self.set.as_str()))
    }

    fn is_ours(&self, name: &str) -> bool {
        let bare = name.strip_suffix("_new").unwrap_or(name);
        self.sets().iter().any(|set| set == bare)
    }

    /// All sets of the machine.
    fn names(&self) -> Result<Vec<String>, Trouble> {
        let said = self.program.run(&["list", "-n"], &[])?;
        Ok(said.lines().map(|line| line.trim().to_owned()).collect())
    }

    fn head(&self, name: &str) -> Result<Head, Trouble> {
        Ok(head(&self.program.run(&["list", "-t", name], &[])?))
    }

    fn has(&self, name: &str, address: &str) -> Result<bool, Trouble> {
        Ok(self.program.ask(&["test", name, address], &[])?.succeeded())
    }
}

/// The line that makes a set with room for so many entries.
fn created(name: &str, family: &str, count: usize) -> String {
    let hashsize = count.next_power_of_two().clamp(1024, 1 << 20);
    let maxelem = MAXELEM.max((2 * count).next_power_of_two());
    format!(
        "create {name} {TYPE} family {family} hashsize {hashsize} maxelem \
         {maxelem}\n"
    )
}

fn head(text: &str) -> Head {
    let mut head = Head::default();
    for line in text.lines() {
        let Some((name, value)) = line.split_once(": ") else { continue };
        match name {
            "Type" => value.clone_into(&mut head.kind),
            "Header" => {
                let mut words = value.split(' ');
                let family =
                    words.find(|&w| w == "family").and_then(|_| words.next());
                head.family = family.unwrap_or_default().to_owned();
            }
            "Number of entries" => {
                head.entries = value.trim().parse().unwrap_or(usize::MAX);
            }
            _ => {}
        }
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipset() -> Ipset {
        let program = Program::find("sh", None).unwrap();
        Ipset { program, set: "asgard".parse().unwrap() }
    }

    #[test]
    fn a_script_fills_the_sets_beside_those_in_use() {
        let prefixes = ["1.10.16.0/20", "2602::/32"];
        let prefixes = prefixes.iter().map(|p| p.parse().unwrap());
        let script = ipset().script(&AddressSet::from_prefixes(prefixes));
        assert_eq!(
            String::from_utf8(script).unwrap(),
            "create asgard4_new hash:net family inet hashsize 1024 maxelem \
             4194304\nadd asgard4_new 1.10.16.0/20\n\
             create asgard6_new hash:net family inet6 hashsize 1024 maxelem \
             4194304\nadd asgard6_new 2602::/32\n"
        );
    }

    #[test]
    fn only_four_names_are_ours() {
        let ours = ["asgard4", "asgard6", "asgard4_new", "asgard6_new"];
        assert!(ours.iter().all(|name| ipset().is_ours(name)));
        for other in ["asgard", "asgard5", "asgard4_old", "xasgard4", "4"] {
            assert!(!ipset().is_ours(other), "{other}");
        }
    }

    #[test]
    fn the_head_of_a_listing_is_read() {
        let text = "Name: asgard6\nType: hash:net\nRevision: 7\nHeader: family \
            inet6 hashsize 1024 maxelem 65536 bucketsize 12\nSize in memory: \
            456\nReferences: 0\nNumber of entries: 12\nMembers:\n";
        let found = head(text);
        let (kind, family) = (TYPE.to_owned(), "inet6".to_owned());
        assert_eq!(found, Head { kind, family, entries: 12 });
    }

    #[test]
    fn a_long_list_has_room() {
        assert!(created("a", "inet", 3_000_000).contains("maxelem 8388608"));
        assert!(created("a", "inet", 100_000).contains("hashsize 131072"));
    }
}
