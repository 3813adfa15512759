//! One AS: its registration, its trade, and what is planted in it.

use asgard_model::{Asn, Day, Prefix, Rir};

/// One AS.
pub(crate) struct Network {
    pub(crate) asn: Asn,
    /// AS name, upper case where it is invented.
    pub(crate) handle: String,
    /// Organisation; empty where the registration names none.
    pub(crate) company: String,
    pub(crate) domain: String,
    pub(crate) rir: Rir,
    pub(crate) country: &'static str,
    /// Day of delegation; 1970-01-01 when nobody delegated it.
    pub(crate) registered: Day,
    pub(crate) trade: Trade,
    pub(crate) plant: Plant,
    /// Has a profile at PeeringDB.
    pub(crate) peeringdb: bool,
    /// Its own blocks have ROAs.
    pub(crate) signed: bool,
    /// Space that it holds, own or leased from its provider.
    pub(crate) blocks: Vec<Prefix>,
}

impl Network {
    /// IPv4 space in /24s, by its blocks; famous more-specifics included.
    pub(crate) fn slash24s(&self) -> u32 {
        let size = |prefix: &Prefix| match prefix {
            Prefix::V4(_, len) => 1 << 24u8.saturating_sub(*len),
            Prefix::V6(..) => 0,
        };
        self.blocks.iter().map(size).sum()
    }

    /// The IPv4 blocks as (first address, length).
    pub(crate) fn v4(&self) -> impl Iterator<Item = (u32, u8)> {
        self.blocks.iter().filter_map(|prefix| match prefix {
            Prefix::V4(bits, len) => Some((*bits, *len)),
            Prefix::V6(..) => None,
        })
    }

    /// Lives in space that nobody announces in the real Internet.
    pub(crate) fn is_dark(&self) -> bool {
        matches!(
            self.plant,
            Plant::Bulletproof { .. }
                | Plant::High
                | Plant::Medium
                | Plant::Delisted
                | Plant::Dormant
        )
    }

    /// Whether it takes part in routing at all.
    pub(crate) fn is_routed(&self) -> bool {
        self.plant != Plant::Dormant
            && !matches!(self.trade, Trade::Internal | Trade::Exchange)
    }
}

/// What a network does; decides its size, its neighbours and its noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trade {
    /// Provider-free.
    Tier1,
    Transit,
    /// Eyeballs: cable, DSL, mobile.
    Access,
    Cloud,
    Content,
    University,
    Hoster,
    NonProfit,
    Stub,
    /// The route server of an exchange: it announces nothing, and stands in
    /// paths between those who peer over it.
    Exchange,
    /// A private number that is never announced.
    Internal,
}

impl Trade {
    /// Category in the AS information file, `PeeringDB` `info_type`, tier.
    pub(crate) fn labels(self) -> (&'static str, &'static str, u8) {
        match self {
            Self::Tier1 => ("transit", "NSP", 1),
            Self::Transit => ("transit", "NSP", 2),
            Self::Access => ("residential", "Cable/DSL/ISP", 2),
            Self::Cloud => ("hosting", "Content", 2),
            Self::Content => ("content", "Content", 3),
            Self::University => ("education", "Educational/Research", 3),
            Self::Hoster => ("hosting", "Content", 3),
            Self::NonProfit => ("non-profit", "Non-Profit", 2),
            Self::Stub => ("business", "Enterprise", 3),
            Self::Exchange => ("", "Route Server", 0),
            Self::Internal => ("", "", 0),
        }
    }
}

/// What is planted in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plant {
    /// Nothing.
    Ordinary,
    /// Small space, dense C2 of two families over twelve months.
    Bulletproof {
        /// Position among its kind: who is in which Spamhaus list.
        rank: usize,
    },
    /// A hoster that looks away: HIGH.
    High,
    /// A hoster with a problem: MEDIUM.
    Medium,
    /// Attacked and here and there compromised, never guilty.
    Victim,
    /// Registered days ago, no data.
    Newcomer,
    /// Scans the Internet and says so.
    Scanner,
    /// Hosts exits of an anonymity network.
    Relay,
    /// Operates public DNS resolvers.
    Resolver,
    /// Was in ASN-DROP until six weeks ago.
    Delisted,
    /// In ASN-DROP, announces nothing.
    Dormant,
    /// Announces a /24 of a stranger who signed his block.
    Squatter,
}

impl Plant {
    /// Whether ASN-DROP lists it today: every second bulletproof hoster.
    pub(crate) fn in_asn_drop(self) -> bool {
        match self {
            Self::Bulletproof { rank } => rank % 2 == 0,
            Self::Dormant => true,
            _ => false,
        }
    }

    /// Whether DROP lists its space: two of every four bulletproof hosters.
    pub(crate) fn in_drop(self) -> bool {
        matches!(self, Self::Bulletproof { rank } if rank % 4 < 2)
    }

    /// Whether its space is a part of its provider's block: one of every three
    /// bulletproof hosters, beginning with an invented one.
    pub(crate) fn is_tenant(self) -> bool {
        matches!(self, Self::Bulletproof { rank } if rank % 3 == 2)
    }
}
