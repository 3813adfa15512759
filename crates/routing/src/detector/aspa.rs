//! Paths that signed statements exclude
//! (draft-ietf-sidrops-aspa-verification, section 6: the downstream algorithm).
//!
//! A collector is nobody's provider, so a path may have a way up and a way
//! down. It is Invalid when one of its hops is certainly not upwards and a later
//! one certainly not downwards. Who is at fault stands between them; where
//! there are several, relationships decide, and if they cannot, nobody is
//! blamed. Hops without statements make a path Unknown, which is no fault, and
//! so does an AS set.

use asgard_model::{Asn, Subtype, aspa::AspaSet};

use crate::relationships::{Relation, Relationships};

use super::valley::{Leak, certain, is_not_down};

/// What a network says about another as its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Provider,
    NotProvider,
}

fn said(customer: Asn, provider: Asn, aspas: &AspaSet) -> Said {
    match aspas.providers_of(customer) {
        None => Said::Nothing,
        Some(all) if all.binary_search(&provider).is_ok() => Said::Provider,
        Some(_) => Said::NotProvider,
    }
}

/// The verdict about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing excludes it.
    Possible,
    /// It is excluded, by the fault of one, if that is certain.
    Invalid(Option<Leak>),
}

/// Verifies a path (the peer first).
pub(super) fn verify(
    hops: &[Asn],
    aspas: &AspaSet,
    relations: &Relationships,
) -> Verdict {
    if aspas.is_empty() || hops.len() < 3 {
        return Verdict::Possible;
    }
    // Hop i leads from `hops[i + 1]` to `hops[i]`.
    let not_up =
        |i: usize| said(hops[i + 1], hops[i], aspas) == Said::NotProvider;
    let not_down =
        |i: usize| said(hops[i], hops[i + 1], aspas) == Said::NotProvider;
    let mut top = None;
    for i in (0..hops.len() - 1).rev() {
        if let Some(top) = top
            && not_down(i)
        {
            return Verdict::Invalid(fault(hops, top, i, aspas, relations));
        }
        if not_up(i) {
            top = Some(i);
        }
    }
    Verdict::Possible
}

/// Who, of those between a hop that is not upwards and one that is not
/// downwards, first sent the route elsewhere than down.
fn fault(
    hops: &[Asn],
    not_up: usize,
    not_down: usize,
    aspas: &AspaSet,
    relations: &Relationships,
) -> Option<Leak> {
    for at in (not_down + 1..=not_up).rev() {
        let (by, to) = (hops[at], hops[at - 1]);
        let upwards = said(by, to, aspas) == Said::Provider
            || said(to, by, aspas) == Said::NotProvider
            || is_not_down(by, to, relations);
        if upwards {
            let from = hops[at + 1];
            return Some(Leak { by, from, to, subtype: Subtype::Aspa });
        }
        let down = said(to, by, aspas) == Said::Provider
            || certain(by, to, relations) == Some(Relation::Customer);
        if !down {
            return None;
        }
    }
    None
}
