//! Giving out address space: aligned blocks from pools of the five registries,
//! never special-purpose, never twice.
//!
//! The pools hold whole /8s without any entry of the IANA special-purpose
//! registry, without root servers and without well-known public resolvers.

use asgard_model::{
    Prefix, Rir,
    prefix::{mask4, mask6},
};

use crate::random::Random;

const RIPE: [u8; 13] = [2, 31, 37, 46, 77, 82, 86, 91, 93, 95, 109, 178, 217];
const ARIN: [u8; 10] = [12, 24, 50, 64, 68, 71, 75, 96, 98, 184];
const APNIC: [u8; 10] = [14, 27, 42, 59, 101, 110, 118, 125, 180, 220];
const LACNIC: [u8; 5] = [177, 179, 186, 190, 201];
const AFRINIC: [u8; 3] = [41, 102, 105];

/// Assigned, but announced by nobody: for every network planted as bad.
const DARK: [u8; 1] = [30];

/// IPv6 pools start here and grow upwards: (first 32 bits, pool).
const V6: [(Rir, u128); 5] = [
    (Rir::Ripe, 0x2a0c_0000),
    (Rir::Arin, 0x2604_8000),
    (Rir::Apnic, 0x2403_0000),
    (Rir::Lacnic, 0x2803_0000),
    (Rir::Afrinic, 0x2c0e_0000),
];

/// Whence an IPv4 block comes.
#[derive(Clone, Copy)]
pub(crate) enum Pool {
    Of(Rir),
    Dark,
}

/// What is still free.
pub(crate) struct Register {
    taken: Vec<Prefix>,
    /// Next free address of each /8.
    next4: [u32; 256],
    /// Next free address of each IPv6 pool.
    next6: [(Rir, u128); 5],
}

impl Register {
    /// A register in which `taken` is given out already.
    pub(crate) fn new(taken: Vec<Prefix>) -> Self {
        let first = |octet: usize| u32::try_from(octet << 24).unwrap_or(0);
        Self {
            taken,
            next4: std::array::from_fn(first),
            next6: V6.map(|(rir, bits)| (rir, bits << 96)),
        }
    }

    /// An IPv4 block of that length, or a smaller one when the pool runs dry;
    /// `None` when not even a /24 is left.
    pub(crate) fn v4(
        &mut self,
        pool: Pool,
        len: u8,
        random: &mut Random,
    ) -> Option<Prefix> {
        let mut octets = octets(pool).to_vec();
        random.shuffle(&mut octets);
        (len..=24).find_map(|len| {
            octets.iter().find_map(|&octet| self.within(octet, len))
        })
    }

    fn within(&mut self, octet: u8, len: u8) -> Option<Prefix> {
        let size = 1u32 << (32 - len);
        let mut start = self.next4[usize::from(octet)];
        loop {
            start = start.checked_add(size - 1)? & mask4(len);
            if start >> 24 != u32::from(octet) {
                return None;
            }
            let block = Prefix::V4(start, len);
            match self.taken.iter().find(|t| overlap(**t, block)) {
                Some(Prefix::V4(bits, taken)) => {
                    start = (bits | !mask4(*taken)).checked_add(1)?;
                }
                _ => {
                    self.next4[usize::from(octet)] = start.checked_add(size)?;
                    return Some(block);
                }
            }
        }
    }

    /// An IPv6 block of that length, at a random distance behind the last.
    pub(crate) fn v6(
        &mut self,
        rir: Rir,
        len: u8,
        random: &mut Random,
    ) -> Option<Prefix> {
        let gap = u128::from(random.below(8));
        let size = 1u128 << (128 - len);
        let (_, next) = self.next6.iter_mut().find(|(of, _)| *of == rir)?;
        let start = next.checked_add(size - 1)? & mask6(len);
        *next = start.checked_add(size * (gap + 1))?;
        let block = Prefix::V6(start, len);
        let free = !self.taken.iter().any(|taken| overlap(*taken, block));
        free.then_some(block)
    }
}

/// Whether an address lies in the space of networks planted as bad.
pub(crate) fn is_dark(address: u32) -> bool {
    DARK.iter().any(|&octet| address >> 24 == u32::from(octet))
}

fn octets(pool: Pool) -> &'static [u8] {
    match pool {
        Pool::Of(Rir::Ripe) => &RIPE,
        Pool::Of(Rir::Arin) => &ARIN,
        Pool::Of(Rir::Apnic) => &APNIC,
        Pool::Of(Rir::Lacnic) => &LACNIC,
        Pool::Of(Rir::Afrinic) => &AFRINIC,
        Pool::Dark => &DARK,
    }
}

fn overlap(a: Prefix, b: Prefix) -> bool {
    a.covers(b) || b.covers(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_gives_out_an_address_twice() {
        let taken: Vec<Prefix> = vec!["30.0.64.0/18".parse().unwrap()];
        let mut register = Register::new(taken.clone());
        let mut random = Random::stream(1, "test");
        let mut given = taken;
        for len in [24, 20, 24, 17, 16, 22, 23] {
            let block = register.v4(Pool::Dark, len, &mut random).unwrap();
            assert_eq!(block.len(), len);
            assert!(!given.iter().any(|other| overlap(*other, block)));
            given.push(block);
        }
    }

    #[test]
    fn a_dry_pool_gives_smaller_blocks_and_then_nothing() {
        let mut register = Register::new(Vec::new());
        let mut random = Random::stream(1, "test");
        let mut draw =
            |len| register.v4(Pool::Dark, len, &mut random).map(Prefix::len);
        assert_eq!(draw(9), Some(9));
        assert_eq!(draw(10), Some(10));
        assert_eq!(draw(9), Some(10));
        assert_eq!(draw(8), None);
    }
}
