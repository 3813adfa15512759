//! A rule: what an organisation blocks and allows, in the shape that public
//! clients read (arxignis/cf-integration, arxignis/lua-resty-arxignis,
//! gen0sec/synapse), plus `risk`, `lists` and `confirm_share` of ours.

use asgard_model::{Asn, CountryCode, Prefix};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    json::{Fields, MAX_NAME, MAX_TEXT},
    refusal::{Code, Refusal, shown},
    selector::{
        RiskSelector, Selector, Target, read_asn, read_country, read_prefix,
        written,
    },
    text,
};

/// Most addresses and prefixes of one side of a rule.
pub const MAX_IPS: usize = 100_000;
/// Most networks of one side of a rule.
pub const MAX_ASNS: usize = 20_000;
/// Most countries of one side of a rule; there are about 250.
pub const MAX_COUNTRIES: usize = 300;
/// Most risk selectors of a rule.
pub const MAX_RISKS: usize = 16;
/// Most threat lists of a rule.
pub const MAX_LISTS: usize = 100;

/// Something to block or to allow, as it is kept. All lists are ascending and
/// without duplicates; all moments are whole seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name for programs.
    pub id: Uuid,
    /// Its name for people; may be empty.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// A rule that is not active is kept, and selects nothing.
    pub is_active: bool,
    /// What is taken out of the organisation's own feed.
    pub allow: Allow,
    /// What is put into the feed.
    pub block: Block,
    /// From this moment on the rule selects nothing.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The share of all IPv4 addresses up to which the operator agrees, 0–1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_share: Option<f64>,
    /// Who made it; not part of the public shape.
    #[serde(default)]
    pub made_by: MadeBy,
}

/// Who made a rule: an unblock signal removes only what a signal made.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum MadeBy {
    /// Somebody who wrote the rule.
    #[default]
    Operator,
    /// An event.
    Signal,
}

/// What a rule takes out of the feed of its own organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allow {
    /// Countries.
    #[serde(default, with = "text")]
    pub country: Vec<CountryCode>,
    /// Networks.
    #[serde(default, with = "text")]
    pub asn: Vec<Asn>,
    /// Addresses and prefixes.
    #[serde(default, with = "text")]
    pub ips: Vec<Prefix>,
}

/// What a rule puts into the feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Countries.
    #[serde(default, with = "text")]
    pub country: Vec<CountryCode>,
    /// Networks.
    #[serde(default, with = "text")]
    pub asn: Vec<Asn>,
    /// Addresses and prefixes.
    #[serde(default, with = "text")]
    pub ips: Vec<Prefix>,
    /// Networks by score or level.
    #[serde(default)]
    pub risk: Vec<RiskSelector>,
    /// Threat lists by the name of their source.
    #[serde(default)]
    pub lists: Vec<Box<str>>,
}

impl Allow {
    /// Everything that is named.
    pub fn targets(&self) -> impl Iterator<Item = Target> {
        let ips = self.ips.iter().copied().map(Target::Ip);
        let asns = self.asn.iter().copied().map(Target::Asn);
        let countries = self.country.iter().copied().map(Target::Country);
        ips.chain(asns).chain(countries)
    }

    fn read(value: Option<&Value>) -> Result<Self, Refusal> {
        let Some(value) = value else { return Ok(Self::default()) };
        let fields = Fields::of(value, "allow", &["country", "asn", "ips"])?;
        Ok(Self {
            country: fields.list("country", MAX_COUNTRIES, read_country)?,
            asn: fields.list("asn", MAX_ASNS, read_asn)?,
            ips: fields.list("ips", MAX_IPS, read_prefix)?,
        })
    }
}

impl Block {
    /// Everything that is selected, by kind.
    pub fn selectors(&self) -> impl Iterator<Item = Selector> {
        let ips = self.ips.iter().copied().map(Selector::Ip);
        let lists = self.lists.iter().cloned().map(Selector::List);
        let asns = self.asn.iter().copied().map(Selector::Asn);
        let risks = self.risk.iter().cloned().map(Selector::Risk);
        let countries = self.country.iter().copied().map(Selector::Country);
        ips.chain(lists).chain(asns).chain(risks).chain(countries)
    }

    /// Selects exactly one thing.
    pub fn only(target: Target) -> Self {
        let mut block = Self::default();
        match target {
            Target::Ip(prefix) => block.ips.push(prefix),
            Target::Asn(asn) => block.asn.push(asn),
            Target::Country(country) => block.country.push(country),
        }
        block
    }

    /// The one thing that is selected; `None` if it is more or less than one.
    pub fn sole(&self) -> Option<Selector> {
        let mut selectors = self.selectors();
        let first = selectors.next()?;
        selectors.next().is_none().then_some(first)
    }

    fn read(value: Option<&Value>) -> Result<Self, Refusal> {
        let Some(value) = value else { return Ok(Self::default()) };
        let known = ["country", "asn", "ips", "risk", "lists"];
        let fields = Fields::of(value, "block", &known)?;
        Ok(Self {
            country: fields.list("country", MAX_COUNTRIES, read_country)?,
            asn: fields.list("asn", MAX_ASNS, read_asn)?,
            ips: fields.list("ips", MAX_IPS, read_prefix)?,
            risk: fields.list("risk", MAX_RISKS, RiskSelector::read)?,
            lists: fields.list("lists", MAX_LISTS, read_list_name)?,
        })
    }
}

fn read_list_name(value: &Value, at: &str) -> Result<Box<str>, Refusal> {
    let good = |text: &&str| {
        (1..=100).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    match value.as_str().filter(good) {
        Some(name) => Ok(name.to_ascii_lowercase().into()),
        None => Err(Refusal::new(
            Code::BadSelector,
            at,
            format!(
                "`{}` is not the name of a source, as \"spamhaus-drop\"",
                shown(&written(value))
            ),
        )),
    }
}

/// A rule as it is sent, parsed; what is left out has its default.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleDraft {
    /// See [`Rule`].
    pub name: String,
    /// See [`Rule`].
    pub description: String,
    /// See [`Rule`]; true unless said.
    pub is_active: bool,
    /// See [`Rule`].
    pub allow: Allow,
    /// See [`Rule`].
    pub block: Block,
    /// See [`Rule`].
    pub expires_at: Option<Timestamp>,
    /// See [`Rule`].
    pub confirm_share: Option<f64>,
}

/// A change of some fields of a rule; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RulePatch {
    name: Option<String>,
    description: Option<String>,
    is_active: Option<bool>,
    allow: Option<Allow>,
    block: Option<Block>,
    expires_at: Option<Option<Timestamp>>,
    confirm_share: Option<Option<f64>>,
}

const FIELDS: [&str; 7] = [
    "name",
    "description",
    "is_active",
    "allow",
    "block",
    "expires_at",
    "confirm_share",
];

/// What clients that read a rule send back with it; it is not theirs to set.
const READ_ONLY: [&str; 3] = ["id", "created_at", "updated_at"];

fn fields(value: &Value) -> Result<Fields<'_>, Refusal> {
    let known: Vec<&str> = FIELDS.into_iter().chain(READ_ONLY).collect();
    Fields::of(value, "", &known)
}

impl RuleDraft {
    /// Reads the body of a `POST` or `PUT`. `id`, `created_at` and `updated_at`
    /// may be there, as in what was read before, and are passed over.
    ///
    /// # Errors
    /// The first field that cannot be read.
    pub fn read(value: &Value, now: Timestamp) -> Result<Self, Refusal> {
        let fields = fields(value)?;
        let draft = Self {
            name: fields.text("name", MAX_NAME)?.unwrap_or_default(),
            description: fields
                .text("description", MAX_TEXT)?
                .unwrap_or_default(),
            is_active: fields.flag("is_active")?.unwrap_or(true),
            allow: Allow::read(fields.get("allow"))?,
            block: Block::read(fields.get("block"))?,
            expires_at: fields.moment_after("expires_at", now)?,
            confirm_share: fields.share("confirm_share")?,
        };
        Ok(draft)
    }

    /// The rule, made now.
    pub fn into_rule(self, id: Uuid, made_by: MadeBy, now: Timestamp) -> Rule {
        let now = super::json::whole_second(now);
        Rule {
            id,
            name: self.name,
            description: self.description,
            is_active: self.is_active,
            allow: self.allow,
            block: self.block,
            expires_at: self.expires_at,
            created_at: now,
            updated_at: now,
            confirm_share: self.confirm_share,
            made_by,
        }
    }

    /// The rule in place of an older one, whose id and birth it keeps.
    pub fn replacing(self, old: &Rule, now: Timestamp) -> Rule {
        let created_at = old.created_at;
        Rule { created_at, ..self.into_rule(old.id, old.made_by, now) }
    }
}

impl RulePatch {
    /// Reads the body of a `PATCH`: fields that are there are set, null sets
    /// the default, `allow` and `block` are replaced as a whole.
    ///
    /// # Errors
    /// The first field that cannot be read.
    pub fn read(value: &Value, now: Timestamp) -> Result<Self, Refusal> {
        let fields = fields(value)?;
        let draft = RuleDraft::read(value, now)?;
        let has = |name: &str| fields.has(name);
        Ok(Self {
            name: has("name").then_some(draft.name),
            description: has("description").then_some(draft.description),
            is_active: has("is_active").then_some(draft.is_active),
            allow: has("allow").then_some(draft.allow),
            block: has("block").then_some(draft.block),
            expires_at: has("expires_at").then_some(draft.expires_at),
            confirm_share: has("confirm_share").then_some(draft.confirm_share),
        })
    }

    /// The rule with the change.
    pub fn apply(self, rule: &Rule, now: Timestamp) -> Rule {
        let old = rule.clone();
        Rule {
            id: old.id,
            name: self.name.unwrap_or(old.name),
            description: self.description.unwrap_or(old.description),
            is_active: self.is_active.unwrap_or(old.is_active),
            allow: self.allow.unwrap_or(old.allow),
            block: self.block.unwrap_or(old.block),
            expires_at: self.expires_at.unwrap_or(old.expires_at),
            created_at: old.created_at,
            updated_at: super::json::whole_second(now),
            confirm_share: self.confirm_share.unwrap_or(old.confirm_share),
            made_by: old.made_by,
        }
    }
}

impl Rule {
    /// Whether the rule selects anything at a moment.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.is_active && self.expires_at.is_none_or(|expiry| now < expiry)
    }

    /// Its name, or its id if it has none.
    pub fn title(&self) -> String {
        match self.name.is_empty() {
            true => self.id.to_string(),
            false => format!("`{}`", self.name),
        }
    }
}
