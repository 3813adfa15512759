//! What lists say of one address or prefix, beside its network: a clean
//! network may have a bad address, and a bad list a good one.

use asgard_model::{
    Class, Prefix, Snapshot,
    landmark::ClassSet,
    named::{Block, Mention, Namer, Said},
};
use serde_json::{Value, json};

use super::super::target::Target;

/// Listed blocks inside a prefix that are shown.
const BLOCKS: usize = 5;

/// What lists say of a target.
pub(super) struct Listed<'a> {
    /// Listed blocks that hold all of it.
    around: Vec<&'a Block>,
    /// Listed blocks inside a prefix.
    within: Vec<&'a Block>,
    /// Lists that name the address, or a block around it.
    mentions: Vec<Mention<'a>>,
    /// Named addresses inside a prefix.
    named_within: usize,
    classes: ClassSet,
}

impl<'a> Listed<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, target: Target) -> Option<Self> {
        let world = &snapshot.world;
        let address = target.address()?;
        let classes = world.landmarks.classes(address);
        let (prefix, alone) = match target {
            Target::Prefix(prefix) => (prefix, false),
            _ => (Prefix::host(address.to_canonical()), true),
        };
        let within = world.named.blocks_within(prefix);
        let mentions = match alone {
            true => world.named.mentions(address),
            false => Vec::new(),
        };
        Some(Self {
            around: world.named.blocks_around(prefix).collect(),
            within: within.filter(|block| block.prefix != prefix).collect(),
            mentions,
            named_within: match alone {
                true => 0,
                false => world.named.count_within(prefix),
            },
            classes,
        })
    }

    /// Whether the range explains what a list says.
    fn excuse(&self, namer: Namer) -> Option<Class> {
        let false_entry = |class: &Class| class.is_false_entry();
        let explains = |class: &Class| class.explains(namer.category);
        let mut classes = self.classes.iter();
        classes.find(|class| false_entry(class) || explains(class))
    }

    fn excuses(&self) -> Vec<&'static str> {
        let said = self.mentions.iter().flat_map(|m| m.said);
        let mut names: Vec<&str> = said
            .filter_map(|said| self.excuse(said.namer))
            .map(Class::as_str)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// In a few words, for a cell.
    pub(super) fn cell(&self, snapshot: &Snapshot) -> String {
        let name = |block: &Block| snapshot.world.source_name(block.source);
        let mut words: Vec<String> = self
            .around
            .iter()
            .map(|block| format!("{} {}", name(block), block.prefix))
            .collect();
        if !self.within.is_empty() {
            words.push(format!("{} blocks inside", self.within.len()));
        }
        words.extend(self.mentions.iter().map(|m| namers(snapshot, m)));
        if self.named_within > 0 {
            words.push(format!("{} addresses inside", self.named_within));
        }
        let excuses = self.excuses();
        if !excuses.is_empty() {
            words.push(format!("excused as {}", excuses.join(", ")));
        }
        words.join("; ")
    }

    /// Whole sentences, for people.
    pub(super) fn sentences(&self, snapshot: &Snapshot) -> Vec<String> {
        let name = |block: &Block| snapshot.world.source_name(block.source);
        let mut lines: Vec<String> = Vec::new();
        lines.extend(self.around.iter().map(|block| {
            let (list, since) = (name(block), block.since);
            format!("{list} lists {} now, seen since {since}", block.prefix)
        }));
        if !self.within.is_empty() {
            let shown: Vec<String> = self
                .within
                .iter()
                .take(BLOCKS)
                .map(|block| block.prefix.to_string())
                .collect();
            let more = if self.within.len() > BLOCKS { ", …" } else { "" };
            lines.push(format!(
                "blocks inside it that are listed now: {} ({}{more})",
                self.within.len(),
                shown.join(", ")
            ));
        }
        lines.extend(self.mentions.iter().map(|mention| {
            let lists: Vec<String> = mention
                .said
                .iter()
                .map(|said| {
                    let list = name_of(snapshot, said);
                    format!("{list} (last on {})", said.last)
                })
                .collect();
            format!("{} named by {}", mention.prefix, lists.join(", "))
        }));
        if self.named_within > 0 {
            let count = self.named_within;
            lines.push(format!("addresses inside it on lists: {count}"));
        }
        let excuses = self.excuses();
        if !excuses.is_empty() {
            lines.push(format!(
                "excused: a {} is named by mistake, or does what it is for",
                excuses.join(", ")
            ));
        }
        lines
    }

    /// The same for programs.
    pub(super) fn json(&self, snapshot: &Snapshot) -> Value {
        let name = |source| snapshot.world.source_name(source);
        let blocks = |blocks: &[&Block]| -> Vec<Value> {
            let one = |block: &&Block| {
                json!({
                    "prefix": block.prefix.to_string(),
                    "source": name(block.source),
                    "since": block.since.to_string(),
                })
            };
            blocks.iter().map(one).collect()
        };
        let named_by: Vec<Value> = self
            .mentions
            .iter()
            .flat_map(|mention| {
                mention.said.iter().map(|said| {
                    let Said { namer, last } = said;
                    json!({
                        "prefix": mention.prefix.to_string(),
                        "source": name(namer.source),
                        "category": namer.category.as_str(),
                        "last_seen": last.to_string(),
                        "excused_by": self.excuse(*namer).map(Class::as_str),
                    })
                })
            })
            .collect();
        let last = self.mentions.iter().map(Mention::last_seen).max();
        json!({
            "blocks": blocks(&self.around),
            "blocks_inside": blocks(&self.within),
            "named_by": named_by,
            "last_seen": last.map(|day| day.to_string()),
            "named_inside": self.named_within,
        })
    }
}

/// `threatfox c2, ipsum attack`.
fn namers(snapshot: &Snapshot, mention: &Mention<'_>) -> String {
    let names = mention.said.iter().map(|said| name_of(snapshot, said));
    names.collect::<Vec<_>>().join(", ")
}

/// `threatfox c2`.
fn name_of(snapshot: &Snapshot, said: &Said) -> String {
    let list = snapshot.world.source_name(said.namer.source);
    format!("{list} {}", said.namer.category)
}
