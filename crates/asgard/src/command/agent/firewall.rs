//! nftables and ipset: the same promises for both.
//!
//! A plan is what shall be in force; applying one replaces what was, so that no
//! packet meets an empty or half-filled set. Nothing is changed that the agent
//! has not made: see [`Standing`].

mod ipset;
mod nft;
mod program;

use std::net::IpAddr;

use asgard_model::Prefix;
use asgard_policy::AddressSet;
use sha2::{Digest, Sha256};

use super::{feed::hexadecimal, trouble::Trouble};

pub(super) use self::{ipset::Ipset, nft::Nft, program::Program};

/// A firewall and the names that an agent has in it.
#[derive(Clone, Debug)]
pub(super) enum Firewall {
    Nft(Nft),
    Ipset(Ipset),
}

/// What shall be in force.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The commands, as far as they depend on the list alone.
    script: Vec<u8>,
    /// Of the script.
    pub(super) digest: String,
    /// Prefixes of IPv4 and IPv6.
    pub(super) counts: [usize; 2],
    /// An address of each family that must be found in its set.
    samples: [Option<IpAddr>; 2],
}

/// What the kernel has under our names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Absent,
    /// What the plan says.
    AsPlanned,
    /// Something else.
    Other,
}

impl Firewall {
    /// A name for files, logs and metrics.
    pub(super) fn target(&self) -> String {
        match self {
            Self::Nft(nft) => format!("nft-{}", nft.table.as_str()),
            Self::Ipset(ipset) => format!("ipset-{}", ipset.set.as_str()),
        }
    }

    /// What puts a set of addresses in force.
    pub(super) fn plan(&self, set: &AddressSet) -> Plan {
        let script = match self {
            Self::Nft(nft) => nft.script(set),
            Self::Ipset(ipset) => ipset.script(set),
        };
        let family = |v4: bool| {
            let mut prefixes = set.prefixes().filter(move |p| is_v4(*p) == v4);
            let first = prefixes.next();
            (usize::from(first.is_some()) + prefixes.count(), first)
        };
        let [(v4, first4), (v6, first6)] = [family(true), family(false)];
        Plan {
            digest: hexadecimal(&Sha256::digest(&script)),
            script,
            counts: [v4, v6],
            samples: [first4, first6].map(|p| p.map(Prefix::network)),
        }
    }

    /// What is in the kernel, held against a plan.
    ///
    /// # Errors
    /// The kernel does not let us look.
    pub(super) fn standing(
        &self,
        plan: Option<&Plan>,
    ) -> Result<Standing, Trouble> {
        match self {
            Self::Nft(nft) => nft.standing(plan),
            Self::Ipset(ipset) => ipset.standing(plan),
        }
    }

    /// Puts a plan in force, whole or not at all.
    ///
    /// # Errors
    /// The program refuses; what was in force stays.
    pub(super) fn apply(&self, plan: &Plan) -> Result<(), Trouble> {
        match self {
            Self::Nft(nft) => nft.apply(plan),
            Self::Ipset(ipset) => ipset.apply(plan),
        }
    }

    /// Takes away what is ours.
    ///
    /// # Errors
    /// Something that is not ours is in it, or uses it.
    pub(super) fn remove(&self) -> Result<(), Trouble> {
        match self {
            Self::Nft(nft) => nft.remove(),
            Self::Ipset(ipset) => ipset.remove(),
        }
    }
}

fn is_v4(prefix: Prefix) -> bool {
    matches!(prefix, Prefix::V4(..))
}
