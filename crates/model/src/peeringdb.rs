//! Networks as they describe themselves in `PeeringDB`
//! (<https://www.peeringdb.com/apidocs/>).
//!
//! What is kept of a network object: enough to show a profile, nothing that a
//! score depends on. About 35,000 networks have one.

use serde::{Deserialize, Serialize};

use crate::Asn;

/// What a network says about itself; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeeringdbNet {
    /// Name of the network.
    pub name: Option<Box<str>>,
    /// What kind of network it is (`NSP`, `Content`, `Cable/DSL/ISP`, …).
    pub info_type: Option<Box<str>>,
    /// Its web site.
    pub website: Option<Box<str>>,
    /// Internet exchanges it is present at.
    pub ix_count: Option<u32>,
    /// Facilities it is present at.
    pub fac_count: Option<u32>,
    /// General peering policy (`Open`, `Selective`, `Restrictive`, `No`).
    pub policy: Option<Box<str>>,
}

/// Networks by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeeringdbNets(Box<[(Asn, PeeringdbNet)]>);

impl PeeringdbNets {
    /// The profile of a network; `None` if it was not in what was loaded.
    pub fn get(&self, asn: Asn) -> Option<&PeeringdbNet> {
        let at = self.0.binary_search_by_key(&asn, |(asn, _)| *asn).ok()?;
        self.0.get(at).map(|(_, net)| net)
    }

    /// Number of networks.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<(Asn, PeeringdbNet)>> for PeeringdbNets {
    /// Of several profiles of one number the first stands.
    fn from(mut nets: Vec<(Asn, PeeringdbNet)>) -> Self {
        nets.sort_by_key(|(asn, _)| *asn);
        nets.dedup_by_key(|(asn, _)| *asn);
        Self(nets.into_boxed_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(name: &str) -> PeeringdbNet {
        PeeringdbNet { name: Some(name.into()), ..PeeringdbNet::default() }
    }

    #[test]
    fn a_network_is_found_by_its_number_and_the_first_profile_stands() {
        let rows = [(7, "seven"), (3, "three"), (7, "again")];
        let rows = rows.map(|(asn, name)| (Asn(asn), net(name))).to_vec();
        let nets = PeeringdbNets::from(rows);
        assert_eq!(nets.len(), 2);
        assert_eq!(nets.get(Asn(7)), Some(&net("seven")));
        assert_eq!(nets.get(Asn(3)), Some(&net("three")));
        assert_eq!(nets.get(Asn(5)), None);
        assert!(PeeringdbNets::default().is_empty());
    }
}
