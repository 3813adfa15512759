//! Who was seen doing what, when, and by which list: the abuse population, the
//! noise of large networks, and what lists say wrongly.
//!
//! The densities follow the scoring model: a rate counts per /24, grows with
//! the months in which it was seen, and needs two independent publishers.

mod innocent;

use asgard_model::{Day, Prefix};

use crate::{
    Plan,
    network::{Network, Plant, Trade},
    random::Random,
    space::Table,
    truth::FalseReason,
};

/// A published list of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    ThreatFox,
    C2Tracker,
    /// Everything that blocklist.de reports, its mail sources included.
    BlocklistDe,
    BlocklistDeMail,
    Ipsum3,
    TorExits,
}

/// One address in the versions of one list from a day to a day, both included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting {
    pub(crate) address: u32,
    pub(crate) list: List,
    pub(crate) from: Day,
    pub(crate) to: Day,
}

/// One network in ASN-DROP, from a day to a day.
pub(crate) struct AsnListing {
    pub(crate) network: usize,
    pub(crate) from: Day,
    pub(crate) to: Day,
}

/// All evidence, true and false.
#[derive(Default)]
pub(crate) struct Abuse {
    pub(crate) sightings: Vec<Sighting>,
    pub(crate) asn_drop: Vec<AsnListing>,
    /// Prefixes in DROP, in feed order.
    pub(crate) drop: Vec<Prefix>,
    /// Addresses of public resolvers.
    pub(crate) resolvers: Vec<u32>,
    /// Listed, and yet innocent.
    pub(crate) falsehoods: Vec<(u32, FalseReason)>,
}

impl Abuse {
    pub(crate) fn of(plan: &Plan, networks: &[Network], table: &Table) -> Self {
        let mut reporter = Reporter {
            plan,
            networks,
            table,
            random: Random::stream(plan.seed, "abuse"),
            abuse: Self::default(),
        };
        for index in 0..networks.len() {
            reporter.visit(index);
        }
        reporter.famous_falsehoods();
        reporter.abuse.drop.sort_unstable();
        reporter.abuse.resolvers.sort_unstable();
        reporter.abuse
    }
}

struct Reporter<'a> {
    plan: &'a Plan,
    networks: &'a [Network],
    table: &'a Table,
    random: Random,
    abuse: Abuse,
}

impl Reporter<'_> {
    fn visit(&mut self, index: usize) {
        let Network { trade, plant, .. } = self.networks[index];
        self.spamhaus(index);
        match (plant, trade) {
            (Plant::Bulletproof { .. }, _) => self.bulletproof(index),
            (Plant::High, _) => self.hoster(index, (24, 30), 300),
            (Plant::Medium, _) => self.hoster(index, (11, 13), 170),
            (Plant::Victim, _) => self.victim(index),
            (Plant::Scanner, _) => self.scanner(index),
            (Plant::Relay, _) => self.relay(index),
            (Plant::Resolver, _) => self.resolver(index),
            (Plant::Ordinary, Trade::Cloud) => self.cloud(index),
            (Plant::Ordinary, Trade::Access) => self.eyeballs(index),
            (Plant::Ordinary, Trade::Hoster) => {
                let count = self.random.below(3);
                self.strays(index, count);
            }
            _ => {}
        }
    }

    fn spamhaus(&mut self, index: usize) {
        let Network { plant, ref blocks, .. } = self.networks[index];
        if plant.in_asn_drop() || plant == Plant::Delisted {
            let to = if plant == Plant::Delisted { 45 } else { 0 };
            // Half of them were listed within the window of the files.
            let from = self.random.days(60, 120);
            self.abuse.asn_drop.push(AsnListing {
                network: index,
                from: self.plan.back(from),
                to: self.plan.back(to),
            });
        }
        if plant.in_drop() {
            self.abuse.drop.extend(blocks);
        }
    }

    /// About 46 C2 servers in each /24 at any time, each for some months, all
    /// of them at abuse.ch and most in C2-Tracker; scans and spam besides.
    fn bulletproof(&mut self, index: usize) {
        let today = self.plan.as_of;
        let starts: Vec<u32> = self.slash24s(index);
        for start in starts {
            for slot in 0..48 {
                self.c2_slot(start + 4 + slot * 5);
            }
            for _ in 0..100 {
                let address = start + self.random.between(1, 254);
                let from = self.plan.back(self.random.days(10, 60));
                self.report(address, List::BlocklistDe, from, today);
                if self.random.chance(600) {
                    self.report(address, List::Ipsum3, from, today);
                }
                if self.random.chance(700) {
                    self.report(address, List::BlocklistDeMail, from, today);
                }
            }
        }
    }

    /// Five addresses that serve as C2 one after the other.
    fn c2_slot(&mut self, first: u32) {
        let mut day = self.plan.back(self.random.days(370, 430));
        for turn in 0..8 {
            let end = after(day, self.random.days(60, 150));
            let address = first + turn % 5;
            self.report(address, List::ThreatFox, day, end);
            if self.random.chance(800) {
                self.report(address, List::C2Tracker, day, end);
            }
            day = after(end, self.random.days(1, 10));
            if day > self.plan.as_of {
                break;
            }
        }
    }

    /// C2 servers of a hoster that is slow: all still alive, the oldest for
    /// exactly `age` days.
    fn hoster(&mut self, index: usize, (low, high): (u32, u32), age: u16) {
        let today = self.plan.as_of;
        for nth in 0..self.random.between(low, high) {
            let Some(address) = self.fresh_host(index) else { continue };
            let days = if nth == 0 { age } else { self.random.days(10, age) };
            let from = self.plan.back(days);
            self.report(address, List::ThreatFox, from, today);
            if nth % 2 == 0 {
                self.report(address, List::C2Tracker, from, today);
            }
        }
    }

    fn victim(&mut self, index: usize) {
        self.strays(index, 3);
        for _ in 0..40 {
            self.attacker(index);
        }
    }

    /// Thousands of reports in the largest, and a tiny rate in all of them.
    fn cloud(&mut self, index: usize) {
        let size = self.networks[index].slash24s();
        let cap = u32::try_from(self.plan.size()).unwrap_or(u32::MAX);
        self.strays(index, (size / 30).min(cap * 3 / 4));
        for _ in 0..(size / 12).min(cap * 2) {
            self.attacker(index);
        }
    }

    fn eyeballs(&mut self, index: usize) {
        let size = self.networks[index].slash24s();
        for _ in 0..(size / 40).min(120) {
            self.attacker(index);
        }
        let strays = u32::from(self.random.chance(300));
        self.strays(index, strays);
    }

    /// Hacked machines: a C2 server each, for some weeks of the year.
    fn strays(&mut self, index: usize, count: u32) {
        for _ in 0..count {
            let Some(address) = self.host(index) else { continue };
            let from = self.plan.back(self.random.days(0, 360));
            let to = after(from, self.random.days(14, 90));
            self.report(address, List::ThreatFox, from, to);
            if self.random.chance(300) {
                self.report(address, List::C2Tracker, from, to);
            }
        }
    }

    /// An infected machine that scans for some days, and now and then spams.
    fn attacker(&mut self, index: usize) {
        let Some(address) = self.host(index) else { return };
        let from = self.plan.back(self.random.days(0, 60));
        let to = after(from, self.random.days(1, 30));
        self.report(address, List::BlocklistDe, from, to);
        if self.random.chance(500) {
            self.report(address, List::Ipsum3, from, to);
        }
        if self.random.chance(250) {
            self.report(address, List::BlocklistDeMail, from, to);
        }
    }

    fn report(&mut self, address: u32, list: List, from: Day, to: Day) {
        self.abuse.sightings.push(Sighting { address, list, from, to });
    }

    /// First addresses of all /24s of a network's blocks.
    fn slash24s(&self, index: usize) -> Vec<u32> {
        let parts = |(bits, len): (u32, u8)| {
            (0..1u32 << 24u8.saturating_sub(len)).map(move |n| bits + (n << 8))
        };
        self.networks[index].v4().flat_map(parts).collect()
    }

    /// A random address of the network; `None` if others announce what was
    /// drawn, several times in a row.
    fn host(&mut self, index: usize) -> Option<u32> {
        let size = self.networks[index].slash24s();
        (0..8).find_map(|_| {
            let nth = self.random.below(size);
            let start = nth_slash24(&self.networks[index], nth)?;
            let address = start + self.random.between(1, 254);
            (self.table.origins(address) == [index]).then_some(address)
        })
    }

    /// As [`Self::host`], and in no list so far.
    fn fresh_host(&mut self, index: usize) -> Option<u32> {
        let is_new = |abuse: &Abuse, address| {
            abuse.sightings.iter().rev().take(100).all(|s| s.address != address)
        };
        (0..8).find_map(|_| {
            self.host(index).filter(|host| is_new(&self.abuse, *host))
        })
    }
}

fn after(day: Day, days: u16) -> Day {
    Day(day.0.saturating_add(days))
}

fn nth_slash24(network: &Network, mut nth: u32) -> Option<u32> {
    for (bits, len) in network.v4() {
        let size = 1u32 << 24u8.saturating_sub(len);
        if nth < size {
            return Some(bits + (nth << 8));
        }
        nth -= size;
    }
    None
}
