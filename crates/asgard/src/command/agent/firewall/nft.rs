//! nftables: a table of our own with two sets, and chains if asked for.
//!
//! One script is one transaction, which the kernel takes whole or not at all
//! (nft(8), "-f"). A set of marks beside the two sets holds the digest of what
//! was applied: when somebody flushes the rules, it is gone as well.
//!
//! Rounds in which nothing changes must cost nothing. nft 1.0.6 reads every
//! element of every set for `list tables`, `list table` and `get element`, which
//! takes seconds with 100,000 prefixes; `-t list ruleset` and the listing of one
//! small set do not (measured: 1.4 s of CPU time against 0.01 s).

use std::fmt::Write;

use asgard_policy::{AddressSet, space::text::push_prefix};

use super::{Plan, Program, Standing, is_v4};
use crate::command::agent::{
    options::{Hook, Name},
    trouble::Trouble,
};

/// The set that holds the digest of what was applied.
const MARK: &str = "agent_applied";
/// Counters of dropped packets, kept over changes of the list.
const DROPPED: [&str; 2] = ["agent_dropped4", "agent_dropped6"];

/// The table of an agent.
#[derive(Clone, Debug)]
pub(in super::super) struct Nft {
    pub(in super::super) program: Program,
    pub(in super::super) table: Name,
    pub(in super::super) set: Name,
    pub(in super::super) hooks: Vec<Hook>,
}

impl Nft {
    /// Everything that depends on the list alone.
    pub(super) fn script(&self, set: &AddressSet) -> Vec<u8> {
        let table = self.table.as_str();
        let mut head = format!("add table inet {table}\n");
        for (name, kind) in self.sets().iter().zip(["ipv4_addr", "ipv6_addr"]) {
            // Writing into a String cannot fail.
            let _ = write!(
                head,
                "add set inet {table} {name} {{ type {kind}; flags interval; \
                 auto-merge; }}\nflush set inet {table} {name}\n"
            );
        }
        let _ = write!(
            head,
            "add set inet {table} {MARK} {{ type mark; }}\n\
             flush set inet {table} {MARK}\n"
        );
        for hook in Hook::ALL.into_iter().filter(|h| self.hooks.contains(h)) {
            self.chain(&mut head, hook);
        }
        let mut script = head.into_bytes();
        for (name, v4) in self.sets().iter().zip([true, false]) {
            let prefixes = set.prefixes().filter(|p| is_v4(*p) == v4);
            let mut begun = false;
            for prefix in prefixes {
                if begun {
                    script.extend_from_slice(b",\n");
                } else {
                    let head = format!("add element inet {table} {name} {{\n");
                    script.extend_from_slice(head.as_bytes());
                }
                push_prefix(&mut script, prefix);
                begun = true;
            }
            if begun {
                script.extend_from_slice(b"\n}\n");
            }
        }
        script
    }

    /// A chain that drops; what the host says to itself is left alone.
    fn chain(&self, script: &mut String, hook: Hook) {
        let table = self.table.as_str();
        let (word, priority) = hook.word();
        let chain = chain_of(hook);
        // Writing into a String cannot fail.
        let _ = write!(
            script,
            "add chain inet {table} {chain} {{ type filter hook {word} \
             priority {priority}; policy accept; }}\n\
             flush chain inet {table} {chain}\n\
             add rule inet {table} {chain} iif \"lo\" accept\n"
        );
        let families = ["ip", "ip6"].into_iter().zip(self.sets()).zip(DROPPED);
        for ((family, set), counter) in families {
            let _ = write!(
                script,
                "add counter inet {table} {counter}\n\
                 add rule inet {table} {chain} {family} saddr @{set} counter \
                 name {counter} drop\n"
            );
        }
    }

    pub(super) fn standing(
        &self,
        plan: Option<&Plan>,
    ) -> Result<Standing, Trouble> {
        let Some(members) = self.members()? else {
            return Ok(Standing::Absent);
        };
        let Some(plan) = plan else { return Ok(Standing::Other) };
        let is_there = |kind: &str, name: &str| {
            members.iter().any(|(k, n)| k == kind && n == name)
        };
        let [set4, set6] = self.sets();
        let sets = [&*set4, &*set6, MARK];
        let whole = sets.iter().all(|set| is_there("set", set))
            && self.hooks.iter().all(|&h| is_there("chain", &chain_of(h)))
            && self.left_over(&members).is_empty();
        match whole && self.is_marked(plan)? {
            true => Ok(Standing::AsPlanned),
            false => Ok(Standing::Other),
        }
    }

    pub(super) fn apply(&self, plan: &Plan) -> Result<(), Trouble> {
        let table = self.table.as_str();
        let members = self.members()?.unwrap_or_default();
        let mut tail =
            format!("add element inet {table} {MARK} {{ {} }}\n", mark(plan));
        for chain in self.left_over(&members) {
            // Writing into a String cannot fail.
            let _ = writeln!(tail, "delete chain inet {table} {chain}");
        }
        let input = [&plan.script[..], tail.as_bytes()];
        self.program.run(&["-c", "-f", "-"], &input)?;
        self.program.run(&["-f", "-"], &input)?;
        Ok(())
    }

    pub(super) fn remove(&self) -> Result<(), Trouble> {
        let table = self.table.as_str();
        let Some(members) = self.members()? else { return Ok(()) };
        let foreign: Vec<String> = members
            .iter()
            .filter(|(kind, name)| !self.is_ours(kind, name))
            .map(|(kind, name)| format!("{kind} {name}"))
            .collect();
        if !foreign.is_empty() {
            return Err(Trouble::machine(format!(
                "the table inet {table} holds what the agent has not made: {}; \
                 `nft delete table inet {table}` takes away all of it",
                foreign.join(", ")
            )));
        }
        let script = format!("delete table inet {table}\n");
        self.program.run(&["-f", "-"], &[script.as_bytes()])?;
        Ok(())
    }

    fn sets(&self) -> [String; 2] {
        ["4", "6"].map(|digit| format!("{}{digit}", self.set.as_str()))
    }

    /// What is in the table, as kind and name; `None` if there is none.
    fn members(&self) -> Result<Option<Vec<(String, String)>>, Trouble> {
        let args = ["-t", "list", "ruleset", "inet"];
        let listing = self.program.run(&args, &[])?;
        Ok(members(&listing, self.table.as_str()))
    }

    /// Whether the set of marks holds the digest of a plan.
    fn is_marked(&self, plan: &Plan) -> Result<bool, Trouble> {
        let table = self.table.as_str();
        let args = ["list", "set", "inet", table, MARK];
        // Shown with eight digits, as we write it.
        Ok(self.program.run(&args, &[])?.contains(&mark(plan)))
    }

    /// Chains that we have made and that are not wanted any more.
    fn left_over(&self, members: &[(String, String)]) -> Vec<String> {
        let unwanted =
            Hook::ALL.into_iter().filter(|h| !self.hooks.contains(h));
        unwanted
            .map(chain_of)
            .filter(|chain| {
                members
                    .iter()
                    .any(|(kind, name)| kind == "chain" && name == chain)
            })
            .collect()
    }

    fn is_ours(&self, kind: &str, name: &str) -> bool {
        match kind {
            "set" => name == MARK || self.sets().iter().any(|set| set == name),
            "chain" => Hook::ALL.into_iter().any(|hook| chain_of(hook) == name),
            "counter" => DROPPED.contains(&name),
            _ => false,
        }
    }
}

fn chain_of(hook: Hook) -> String {
    format!("agent_{}", hook.word().0)
}

/// The first 32 bits of the digest, as an element.
fn mark(plan: &Plan) -> String {
    format!("0x{}", &plan.digest[..8])
}

/// The members of a table in what `nft -t list ruleset` shows: one tab, a kind, a
/// name, a brace. `None` if the table is not there.
fn members(listing: &str, table: &str) -> Option<Vec<(String, String)>> {
    let head = format!("table inet {table} {{");
    let mut lines = listing.lines().skip_while(|line| *line != head);
    lines.next()?;
    let member = |line: &str| {
        let rest = line.strip_prefix('\t')?;
        let mut words = rest.split(' ');
        let (kind, name) = (words.next()?, words.next()?);
        let sound = !kind.starts_with('\t') && words.next() == Some("{");
        sound.then(|| (kind.to_owned(), name.to_owned()))
    };
    let own = lines.take_while(|line| *line != "}");
    Some(own.filter_map(member).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nft(hooks: &[Hook]) -> Nft {
        Nft {
            program: Program::find("sh", None).unwrap(),
            table: "asgard".parse().unwrap(),
            set: "block".parse().unwrap(),
            hooks: hooks.to_vec(),
        }
    }

    fn script(hooks: &[Hook], prefixes: &[&str]) -> String {
        let prefixes = prefixes.iter().map(|p| p.parse().unwrap());
        let set = AddressSet::from_prefixes(prefixes);
        String::from_utf8(nft(hooks).script(&set)).unwrap()
    }

    #[test]
    fn a_script_fills_both_sets_and_touches_nothing_else() {
        let text = script(&[], &["1.10.16.0/20", "9.9.9.0/24", "2602::/32"]);
        assert_eq!(
            text,
            "add table inet asgard\n\
             add set inet asgard block4 { type ipv4_addr; flags interval; \
             auto-merge; }\nflush set inet asgard block4\n\
             add set inet asgard block6 { type ipv6_addr; flags interval; \
             auto-merge; }\nflush set inet asgard block6\n\
             add set inet asgard agent_applied { type mark; }\n\
             flush set inet asgard agent_applied\n\
             add element inet asgard block4 {\n1.10.16.0/20,\n9.9.9.0/24\n}\n\
             add element inet asgard block6 {\n2602::/32\n}\n"
        );
    }

    #[test]
    fn an_empty_family_has_no_elements() {
        let text = script(&[], &["1.10.16.0/20"]);
        assert!(!text.contains("add element inet asgard block6"), "{text}");
    }

    #[test]
    fn a_chain_is_made_once_however_often_it_was_asked_for() {
        let text = script(&[Hook::Forward, Hook::Input, Hook::Input], &[]);
        assert_eq!(text.matches("add chain").count(), 2, "{text}");
        assert!(text.contains("hook input priority -10;"), "{text}");
        assert_eq!(text.matches(" drop\n").count(), 4, "{text}");
    }

    #[test]
    fn members_of_a_table_are_found_by_kind_and_name() {
        let listing = "table inet other {\n\tset theirs {\n\t\ttype mark\n\t}\n}\n\
            table inet asgard {\n\tcounter agent_dropped4 {\n\t\tpackets 0 \
            bytes 0\n\t}\n\n\tset block4 {\n\t\ttype ipv4_addr\n\t\tflags \
            interval\n\t}\n\n\tchain mine {\n\t\tip saddr { 1.1.1.1 } drop\n\t\
            }\n}\ntable inet asgard2 {\n\tset block4 {\n\t}\n}\n";
        let found = members(listing, "asgard").unwrap();
        let nft = nft(&[]);
        let ours = |(kind, name): &(String, String)| nft.is_ours(kind, name);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(ours(&found[0]) && ours(&found[1]) && !ours(&found[2]));
        assert_eq!(members(listing, "asg"), None);
        assert_eq!(members("", "asgard"), None);
        let left = [("chain".to_owned(), "agent_input".to_owned())];
        assert_eq!(nft.left_over(&left), ["agent_input"]);
    }
}
