//! What a gateway does with one visitor: rules, and the verdict.
//!
//! A [`Policy`] is compiled once from what a person wrote ([`PolicySource`]) and
//! what the gateway offers ([`Offered`]); a fault refuses it whole, with every
//! fault named. A decision is a pure function of a [`Visit`]: it waits for
//! nobody, cannot fail, and returns a [`Decision`], never a response. What is not
//! known is neither clean nor bad: it matches nothing.

mod compile;
mod decide;
mod dispatch;
mod known_lists;
mod lint;
mod matching;

pub mod case;
pub mod expression;
pub mod hidden;
pub mod path;
pub mod pattern;
mod pattern_set;
pub mod policy;
pub mod read;
pub mod rule;
pub mod told;
pub mod trace;
pub mod visit;

pub use case::{Databases, HeaderMap, NetworkFacts, NoDatabases};
pub use hidden::HiddenFields;
pub use policy::{Decision, Feature, Needs, Offered, Policy, RequestLimits};
pub use rule::{
    Action, AutoChallenge, ChallengeKind, ChallengeSpec, DenyResponse, Effect,
    ExpressionSource, Mode, OnError, PolicySource, RuleSource, Strings,
    TestCase, Threshold, Written,
};
pub use told::Told;
pub use trace::{Said, Step, Trace};
pub use visit::{
    Counts, Crawler, FeedIndex, Headers, ListIndex, Lists, NoCounts,
    ReverseName, ReverseNames, RuleIndex, Visit,
};
