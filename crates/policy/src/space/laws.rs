//! Tests: the algebra against a naive bitmap, and its laws.
//!
//! A universe of 2⁹ addresses is laid into both families at places where
//! arithmetic can go wrong: at the lowest address, at the highest, across the
//! middle, and in IPv6 across a /64. Each case checks every address of it.

use proptest::prelude::*;

use super::{AddressSet, blocks::Split, interval::Address, split_prefix};
use asgard_model::Prefix;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses of a universe.
const SIZE: usize = 512;

/// One bit an address.
type Bits = [u64; SIZE / 64];

/// First addresses of the universes of both families.
const PLACES: [(u32, u128); 4] = [
    (0, 0),
    (u32::MAX - 511, u128::MAX - 511),
    (0x7fff_ff00, (1 << 127) - 256),
    (0x0a00_0000, (0x2a00_u128 << 112) + (1 << 64) - 256),
];

fn bit(bits: &Bits, at: usize) -> bool {
    (bits[at / 64] >> (at % 64)) & 1 == 1
}

/// Both families at a place; IPv6 has the bits in reverse order.
fn build(bits: &Bits, place: usize, as_ranges: bool) -> AddressSet {
    let (base4, base6) = PLACES[place];
    let on = (0..SIZE).filter(|&at| bit(bits, at));
    let v4 = on.clone().map(|at| {
        let address = base4 + u32::try_from(at).unwrap();
        (address, address)
    });
    let v6 = on.map(|at| {
        let address = base6 + u128::try_from(SIZE - 1 - at).unwrap();
        (address, address)
    });
    if as_ranges {
        return AddressSet::from_ranges(v4.collect(), v6.collect());
    }
    let hosts4 = v4.map(|(address, _)| Prefix::V4(address, 32));
    let hosts6 = v6.map(|(address, _)| Prefix::V6(address, 128));
    AddressSet::from_prefixes(hosts6.chain(hosts4))
}

/// Reads a set back, asking for every address.
fn bits_of(set: &AddressSet, place: usize) -> (Bits, Bits) {
    let (base4, base6) = PLACES[place];
    let (mut v4, mut v6) = ([0; SIZE / 64], [0; SIZE / 64]);
    for at in 0..SIZE {
        let host4 = Ipv4Addr::from_bits(base4 + u32::try_from(at).unwrap());
        let reverse = u128::try_from(SIZE - 1 - at).unwrap();
        let host6 = Ipv6Addr::from_bits(base6 + reverse);
        let one = 1u64 << (at % 64);
        v4[at / 64] |= one * u64::from(set.contains(IpAddr::V4(host4)));
        v6[at / 64] |= one * u64::from(set.contains(IpAddr::V6(host6)));
    }
    (v4, v6)
}

fn zip(a: &Bits, b: &Bits, f: impl Fn(u64, u64) -> u64) -> Bits {
    std::array::from_fn(|at| f(a[at], b[at]))
}

/// Runs of set and unset bits of every scale, rather than noise alone.
fn bits() -> impl Strategy<Value = Bits> {
    let noise = prop::array::uniform8(any::<u64>());
    let runs = prop::collection::vec((0..SIZE, 0..SIZE), 0..12);
    (noise, runs, 0u8..4).prop_map(|(noise, runs, style)| {
        let mut bits = match style {
            0 => noise,
            1 => zip(&noise, &noise, |a, _| a & a.rotate_left(9) & (a >> 3)),
            _ => [0; SIZE / 64],
        };
        for (at, (a, b)) in runs.into_iter().enumerate() {
            for place in a.min(b)..=a.max(b) {
                let one = 1u64 << (place % 64);
                if at % 3 == 2 {
                    bits[place / 64] &= !one;
                } else {
                    bits[place / 64] |= one;
                }
            }
        }
        bits
    })
}

/// The fewest aligned blocks of a bitmap, by trying every aligned block from
/// the largest down.
fn naive_blocks(bits: &Bits, base: u32) -> usize {
    let mut left = *bits;
    let mut count = 0;
    for scale in (0..=9).rev() {
        let size = 1usize << scale;
        for start in 0..=SIZE - size {
            let aligned =
                (base + u32::try_from(start).unwrap()).trailing_zeros();
            let whole = (start..start + size).all(|at| bit(&left, at));
            if aligned >= scale && whole {
                count += 1;
                for at in start..start + size {
                    left[at / 64] &= !(1 << (at % 64));
                }
            }
        }
    }
    count
}

proptest! {
    // Each case asks for 512 addresses of two families after each of three
    // operations: 3,072 answers, 6 million in all.
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn operations_agree_with_a_bitmap(
        a in bits(), b in bits(), place in 0usize..4, as_ranges: bool,
    ) {
        let (x, y) = (build(&a, place, as_ranges), build(&b, place, true));
        for (set, naive) in [
            (x.union(&y), zip(&a, &b, |a, b| a | b)),
            (x.intersect(&y), zip(&a, &b, |a, b| a & b)),
            (x.subtract(&y), zip(&a, &b, |a, b| a & !b)),
        ] {
            prop_assert_eq!(bits_of(&set, place), (naive, naive));
            // One set has one form, whatever it was made from.
            prop_assert_eq!(&set, &build(&naive, place, as_ranges));
            let ones: u32 = naive.iter().map(|word| word.count_ones()).sum();
            prop_assert_eq!(set.addresses_v4(), u64::from(ones));
            prop_assert_eq!(set.addresses_v6(), f64::from(ones));
        }
    }

    #[test]
    fn sets_obey_the_laws_of_sets(
        a in bits(), b in bits(), c in bits(), place in 0usize..4,
    ) {
        let [x, y, z] = [a, b, c].map(|bits| build(&bits, place, true));
        let none = AddressSet::EMPTY;
        let all = AddressSet::everything();
        prop_assert_eq!(x.union(&y), y.union(&x));
        prop_assert_eq!(x.union(&y).union(&z), x.union(&y.union(&z)));
        let many = [z.view(), x.view(), y.view(), x.view(), none.view()];
        prop_assert_eq!(
            AddressSet::union_of(many), x.union(&y).union(&z)
        );
        prop_assert_eq!(x.intersect(&y), y.intersect(&x));
        prop_assert_eq!(
            x.intersect(&y.union(&z)), x.intersect(&y).union(&x.intersect(&z))
        );
        prop_assert_eq!(
            x.subtract(&y.union(&z)), x.subtract(&y).subtract(&z)
        );
        let not = |set: &AddressSet| all.subtract(set);
        prop_assert_eq!(not(&not(&x)), x.clone());
        prop_assert_eq!(not(&x.union(&y)), not(&x).intersect(&not(&y)));
        prop_assert_eq!(x.subtract(&y), x.intersect(&not(&y)));
        prop_assert_eq!(x.subtract(&y).union(&x.intersect(&y)), x.clone());
        prop_assert_eq!(x.union(&none), x.clone());
        prop_assert_eq!(x.intersect(&all), x.clone());
    }

    #[test]
    fn prefixes_of_a_set_are_exact_ordered_and_fewest(
        a in bits(), place in 0usize..4, shortest in 24u8..=32,
    ) {
        let set = build(&a, place, true);
        let prefixes: Vec<Prefix> = set.prefixes().collect();
        prop_assert!(prefixes.is_sorted());
        prop_assert_eq!(prefixes.len(), set.prefix_count());
        prop_assert_eq!(&AddressSet::from_prefixes(prefixes.clone()), &set);
        let counts = prefixes.iter().filter(|p| p.is_v4()).count();
        prop_assert_eq!(counts, naive_blocks(&a, PLACES[place].0));
        for prefix in prefixes {
            prop_assert!(set.covers(prefix) && set.overlaps(prefix));
        }
        let view = set.view();
        let bounded = || view.prefixes_from(shortest, 96 + shortest);
        let least = |p: Prefix| shortest + if p.is_v4() { 0 } else { 96 };
        prop_assert!(bounded().all(|p| p.len() >= least(p)));
        prop_assert_eq!(&AddressSet::from_prefixes(bounded()), &set);
        let count = view.prefix_count_from(shortest, 96 + shortest);
        prop_assert_eq!(bounded().count(), count);
    }

    #[test]
    fn splitting_a_prefix_leaves_exactly_the_rest(
        a in bits(), place in 0usize..4, at in 0..SIZE, cut in 0u8..=9,
    ) {
        let minus = build(&a, place, true);
        let at4 = PLACES[place].0 + u32::try_from(at).unwrap();
        let at6 = PLACES[place].1 + u128::try_from(at).unwrap();
        for prefix in [
            Prefix::new(Ipv4Addr::from_bits(at4).into(), 32 - cut).unwrap(),
            Prefix::new(Ipv6Addr::from_bits(at6).into(), 128 - cut).unwrap(),
        ] {
            let whole = AddressSet::from_prefixes([prefix]);
            let left = whole.subtract(&minus);
            let split: Vec<Prefix> =
                split_prefix(prefix, minus.view()).collect();
            prop_assert!(left.prefixes().eq(split.iter().copied()));
            prop_assert_eq!(minus.overlaps(prefix), left != whole);
            prop_assert_eq!(minus.covers(prefix), split.is_empty());
        }
    }

    #[test]
    fn intervals_of_any_size_split_without_a_gap(
        a: u32, b: u32, c: u128, d: u128, bits in 0u32..=128,
    ) {
        exact((a.min(b), a.max(b)))?;
        let shift = |x: u128| x.checked_shr(bits).unwrap_or(0);
        exact((shift(c.min(d)), shift(c.max(d))))?;
        exact((!shift(c.max(d)), !shift(c.min(d))))?;
    }

    #[test]
    fn sorting_is_sorting(
        v4 in prop::collection::vec(any::<(u32, u32)>(), 0..3_000),
        v6 in prop::collection::vec(any::<(u128, u128)>(), 0..3_000),
        shift in 0u32..128,
    ) {
        let mut sorted = v4.clone();
        sorted.sort_unstable();
        let mut ours = v4;
        u32::sort(&mut ours);
        prop_assert!(ours.is_sorted_by_key(|range| range.0));
        ours.sort_unstable();
        prop_assert_eq!(ours, sorted);
        let v6: Vec<(u128, u128)> = v6
            .into_iter()
            .map(|(a, b)| ((a >> shift) << (shift / 2), b))
            .collect();
        let mut sorted = v6.clone();
        sorted.sort_unstable();
        let mut ours = v6;
        u128::sort(&mut ours);
        prop_assert!(ours.is_sorted_by_key(|range| range.0));
        ours.sort_unstable();
        prop_assert_eq!(ours, sorted);
    }
}

/// The blocks follow one another from end to end, and each is aligned.
fn exact<A: Address>((first, last): (A, A)) -> Result<(), TestCaseError> {
    let mut next = Some(first);
    let mut end = first;
    let mut count = 0;
    for (start, len) in Split::new((first, last)) {
        prop_assert_eq!(Some(start), next);
        let host_bits = u32::from(A::WIDTH - len);
        prop_assert_eq!(start.floor(host_bits), start);
        end = start.fill(host_bits);
        next = end.next();
        count += 1;
    }
    prop_assert_eq!(end, last);
    prop_assert!(count <= 2 * usize::from(A::WIDTH));
    Ok(())
}
