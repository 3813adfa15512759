//! Which networks are providers of which, by the customer's own signature:
//! Autonomous System Provider Authorizations (draft-ietf-sidrops-aspa-profile).
//!
//! A customer that signs an ASPA names all its providers, and thereby denies
//! all others. One that signs none has said nothing. Whether a path is plausible
//! under these statements is for the readers of paths to tell.

use serde::{Deserialize, Serialize};

use crate::Asn;

/// Every customer with its providers, in flat arrays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AspaSet {
    /// Ascending.
    customers: Vec<Asn>,
    /// Where the providers of each customer start; one more than customers.
    starts: Vec<u32>,
    /// Providers, ascending within a customer.
    providers: Vec<Asn>,
}

impl AspaSet {
    /// Collects (customer, providers) in any order.
    ///
    /// Several ASPAs of one customer are united, as relying parties must
    /// (draft-ietf-sidrops-aspa-verification, section 4). AS0 as only provider
    /// says that the customer has none; beside others it says nothing.
    pub fn new(rows: impl IntoIterator<Item = (Asn, Vec<Asn>)>) -> Self {
        let mut pairs: Vec<(Asn, Asn)> = rows
            .into_iter()
            .flat_map(|(customer, providers)| {
                let said = match providers.is_empty() {
                    true => vec![Asn(0)],
                    false => providers,
                };
                said.into_iter().map(move |provider| (customer, provider))
            })
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut set = Self::default();
        for same in pairs.chunk_by(|a, b| a.0 == b.0) {
            set.customers.push(same[0].0);
            set.starts.push(index32(set.providers.len()));
            let named = same.iter().map(|(_, provider)| *provider);
            let alone = same.len() == 1;
            set.providers.extend(named.filter(|p| alone || *p != Asn(0)));
        }
        set.starts.push(index32(set.providers.len()));
        set
    }

    /// The providers that a customer names, ascending; `None` if it has signed
    /// nothing. One that has signed that it has no provider names AS0.
    pub fn providers_of(&self, customer: Asn) -> Option<&[Asn]> {
        let at = self.customers.binary_search(&customer).ok()?;
        let (from, until) = (self.starts.get(at)?, self.starts.get(at + 1)?);
        self.providers.get(*from as usize..*until as usize)
    }

    /// Every customer with its providers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (Asn, &[Asn])> {
        self.customers
            .iter()
            .filter_map(|&asn| Some((asn, self.providers_of(asn)?)))
    }

    /// Number of customers.
    pub fn len(&self) -> usize {
        self.customers.len()
    }

    /// Whether nobody has signed anything.
    pub fn is_empty(&self) -> bool {
        self.customers.is_empty()
    }
}

fn index32(len: usize) -> u32 {
    u32::try_from(len).expect("2³² authorizations do not fit in memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(rows: &[(u32, &[u32])]) -> AspaSet {
        AspaSet::new(rows.iter().map(|&(customer, providers)| {
            let providers = providers.iter().map(|&p| Asn(p)).collect();
            (Asn(customer), providers)
        }))
    }

    fn providers(set: &AspaSet, customer: u32) -> Option<Vec<u32>> {
        let found = set.providers_of(Asn(customer))?;
        Some(found.iter().map(|p| p.0).collect())
    }

    #[test]
    fn providers_are_found_by_customer_and_silence_is_not_a_denial() {
        let set = set(&[(9, &[3, 1]), (2, &[7])]);
        assert_eq!(providers(&set, 9), Some(vec![1, 3]));
        assert_eq!(providers(&set, 2), Some(vec![7]));
        assert_eq!(providers(&set, 1), None);
        assert_eq!(set.len(), 2);
        assert_eq!(providers(&AspaSet::default(), 1), None);
    }

    #[test]
    fn several_statements_of_one_customer_are_united() {
        let set = set(&[(9, &[3]), (9, &[1, 3]), (9, &[0])]);
        assert_eq!(providers(&set, 9), Some(vec![1, 3]));
        assert_eq!(set.len(), 1);
    }

    #[test]
    fn whoever_has_no_provider_names_as0() {
        let set = set(&[(9, &[0]), (8, &[])]);
        assert_eq!(providers(&set, 9), Some(vec![0]));
        assert_eq!(providers(&set, 8), Some(vec![0]));
    }

    #[test]
    fn all_are_listed_ascending() {
        let set = set(&[(9, &[3]), (2, &[7, 4])]);
        let all: Vec<(u32, usize)> =
            set.iter().map(|(asn, p)| (asn.0, p.len())).collect();
        assert_eq!(all, [(2, 2), (9, 1)]);
    }
}
