//! What lists say wrongly: resolvers, a crawler, a scanner, relays and private
//! space, each with the file that excuses it.

use asgard_model::Prefix;

use crate::{famous, truth::FalseReason};

use super::{List, Reporter};

/// Well-known public resolvers inside famous networks.
const RESOLVERS: [u32; 4] =
    [0x0808_0808, 0x0808_0404, 0x0101_0101, 0x0100_0001];

/// An address of RFC 1918, as careless lists contain them.
const PRIVATE: u32 = 0x0a00_0001;

impl Reporter<'_> {
    /// A research scanner: the lists take it for an attacker.
    pub(super) fn scanner(&mut self, index: usize) {
        for start in self.slash24s(index) {
            for host in 1..=200 {
                let lists = [List::BlocklistDe, List::Ipsum3];
                self.falsely(start + host, FalseReason::Scanner, 200, &lists);
            }
        }
    }

    /// Exits of an anonymity network: others' attacks bear their address.
    pub(super) fn relay(&mut self, index: usize) {
        for start in self.slash24s(index) {
            for host in 10..50 {
                let lists = [
                    List::TorExits,
                    List::BlocklistDe,
                    List::BlocklistDeMail,
                    List::Ipsum3,
                ];
                self.falsely(start + host, FalseReason::Relay, 200, &lists);
            }
        }
    }

    /// Malware asks public resolvers, and sandboxes take them for its C2.
    pub(super) fn resolver(&mut self, index: usize) {
        for start in self.slash24s(index) {
            for host in 1..13 {
                let lists = [List::ThreatFox, List::C2Tracker];
                self.abuse.resolvers.push(start + host);
                self.falsely(start + host, FalseReason::Resolver, 300, &lists);
            }
        }
    }

    pub(super) fn famous_falsehoods(&mut self) {
        self.abuse.resolvers.extend(RESOLVERS);
        let lists = [List::ThreatFox, List::BlocklistDe, List::Ipsum3];
        self.falsely(RESOLVERS[0], FalseReason::Resolver, 200, &lists);
        let crawler: Prefix =
            famous::CRAWLER.parse().expect("a literal of this crate");
        if let Prefix::V4(first, _) = crawler {
            for host in 3..7 {
                let lists = [List::BlocklistDe, List::Ipsum3];
                self.falsely(first + host, FalseReason::Crawler, 90, &lists);
            }
        }
        self.falsely(PRIVATE, FalseReason::Private, 30, &[List::ThreatFox]);
    }

    fn falsely(
        &mut self,
        address: u32,
        reason: FalseReason,
        age: u16,
        lists: &[List],
    ) {
        self.abuse.falsehoods.push((address, reason));
        for &list in lists {
            let from = self.plan.back(age);
            self.report(address, list, from, self.plan.as_of);
        }
    }
}
