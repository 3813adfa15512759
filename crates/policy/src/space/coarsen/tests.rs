//! Coarsening against what it promises, measured by hand on small universes.

use asgard_model::Prefix;
use proptest::prelude::*;

use super::*;
use crate::space::SpaceView;

fn set(texts: &[&str]) -> AddressSet {
    AddressSet::from_prefixes(texts.iter().map(|t| t.parse().unwrap()))
}

fn limits(max_extra: f64) -> Limits {
    Limits { min_prefix4: 8, min_prefix6: 19, max_extra }
}

fn text(set: &AddressSet) -> Vec<String> {
    set.prefixes().map(|prefix| prefix.to_string()).collect()
}

#[test]
fn the_cheapest_neighbours_are_joined_first() {
    let sparse = set(&[
        "10.0.0.0/24",
        "10.0.2.0/23",
        "10.9.0.0/32",
        "10.9.0.2/31",
        "10.200.0.0/16",
        "2001:db8:0:1::/64",
        "2001:db8:0:2::/64",
    ]);
    let coarse = |budget| {
        let none = AddressSet::EMPTY;
        coarsen(&sparse, EntryForm::Prefixes, budget, &none, limits(1e9))
            .unwrap()
    };
    let six = coarse(6);
    assert_eq!((six.entries, six.extra), (6, Extra { v4: 1, v6_64: 0 }));
    let five = coarse(5);
    assert_eq!(five.extra, Extra { v4: 1, v6_64: 2 });
    let four = coarse(4);
    assert_eq!(
        text(&four.set),
        ["10.0.0.0/22", "10.9.0.0/30", "10.200.0.0/16", "2001:db8::/62"]
    );
    assert_eq!(four.extra, Extra { v4: 257, v6_64: 2 });
    assert_eq!(four.extra.to_string(), "v4=257;v6_64=2");
    assert_eq!(coarse(7).set, sparse);
}

#[test]
fn ranges_close_the_smallest_gaps() {
    let sparse = set(&["10.0.0.0/24", "10.0.2.0/23", "10.0.9.0/24", "::1:0"]);
    let none = AddressSet::EMPTY;
    let coarse =
        coarsen(&sparse, EntryForm::Ranges, 3, &none, limits(1.0)).unwrap();
    assert_eq!(coarse.extra, Extra { v4: 256, v6_64: 0 });
    assert_eq!(
        coarse.set.v4(),
        [(0x0a00_0000, 0x0a00_03ff), (0x0a00_0900, 0x0a00_09ff)]
    );
}

#[test]
fn what_does_not_fit_is_refused_with_the_numbers() {
    let sparse = set(&["10.0.0.0/24", "10.0.2.0/24", "11.0.0.0/24"]);
    let try_it = |budget, keep_out: &[&str], max_extra| {
        let keep_out = set(keep_out);
        let form = EntryForm::Prefixes;
        coarsen(&sparse, form, budget, &keep_out, limits(max_extra))
    };
    let error = try_it(2, &[], 0.5).unwrap_err();
    assert_eq!((error.before, error.reached), (3, 3));
    assert_eq!(error.needed, Some(Extra { v4: 512, v6_64: 0 }));
    assert_eq!(
        error.to_string(),
        "3 entries are more than 2; within the limits they become 3; to fit, \
         v4=512;v6_64=0 would have to be added, and v4=384;v6_64=0 may be"
    );
    let error = try_it(2, &["10.0.1.9"], 10.0).unwrap_err();
    assert_eq!(error.needed, None);
    assert!(error.to_string().contains("protected"), "{error}");
    // The common prefix of 10/8 and 11/8 is a /7.
    assert_eq!(try_it(1, &[], 1e9).unwrap_err().reached, 2);
}

#[test]
fn a_hundred_thousand_entries_are_joined_within_a_second() {
    let hosts = (0..100_000u32).map(|n| {
        let bits = n.wrapping_mul(2_654_435_761) & 0x00ff_ffff;
        Prefix::V4(0x0b00_0000 | bits, 32)
    });
    let many = AddressSet::from_prefixes(hosts);
    let keep_out = set(&["11.128.0.0/16"]);
    for form in [EntryForm::Prefixes, EntryForm::Ranges] {
        let started = std::time::Instant::now();
        let coarse =
            coarsen(&many, form, 10_000, &keep_out, limits(1e9)).unwrap();
        assert!(coarse.entries <= 10_000);
        assert!(started.elapsed().as_secs_f64() < 5.0, "{form:?}");
    }
}

/// 8-bit universes: 11.0.0.0/24 and, in IPv6, /64 networks or addresses.
const BASE4: u32 = 0x0b00_0000;
const BASE6: u128 = 0x2a00 << 112;

fn universe(bits: &[bool; 3 * 256]) -> AddressSet {
    let of = |part: usize| {
        (0..256u32).filter(move |&n| bits[part * 256 + n as usize])
    };
    let v4 = of(0).map(|n| Prefix::V4(BASE4 | n, 32));
    let networks = of(1).map(|n| Prefix::V6(BASE6 | (u128::from(n) << 64), 64));
    let hosts =
        of(2).map(|n| Prefix::V6(BASE6 | (1 << 100) | u128::from(n), 128));
    AddressSet::from_prefixes(v4.chain(networks).chain(hosts))
}

fn naive_extra(coarse: SpaceView<'_>, fine: SpaceView<'_>) -> Extra {
    let host4 = |n: u32| Prefix::V4(BASE4.wrapping_add(n), 32);
    let new4 = |n| coarse.covers(host4(n)) && !fine.covers(host4(n));
    let host6 = |n: u32| {
        let part = u128::from(n >> 8) << 100;
        Prefix::V6(BASE6 | part | (u128::from(n & 255) << 64), 64)
    };
    let new6 = |n| coarse.overlaps(host6(n)) && !fine.overlaps(host6(n));
    let count = |found: usize| u64::try_from(found).unwrap();
    Extra {
        v4: count((0..256).filter(|&n| new4(n)).count()),
        v6_64: count((0..512).filter(|&n| new6(n)).count()),
    }
}

/// Bits that are set with a chance that differs from case to case.
fn bits() -> impl Strategy<Value = [bool; 3 * 256]> {
    (0u8..=200, prop::collection::vec(any::<u8>(), 3 * 256)).prop_map(
        |(chance, bytes)| std::array::from_fn(|at| bytes[at] < chance),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn a_coarse_set_holds_the_fine_one_and_nothing_that_must_stay_out(
        fine in bits(), out in bits(), budget in 0usize..200,
        max_extra in 0.0f64..3.0, ranges: bool, min in 24u8..=32,
    ) {
        let (fine, keep_out) = (universe(&fine), universe(&out));
        let form =
            if ranges { EntryForm::Ranges } else { EntryForm::Prefixes };
        let limits = Limits {
            min_prefix4: min,
            min_prefix6: 2 * min,
            max_extra,
        };
        let (coarse, fits) =
            match coarsen(&fine, form, budget, &keep_out, limits) {
                Ok(coarse) => (coarse, true),
                // What was reached can be asked for.
                Err(refusal) => {
                    prop_assert!(refusal.reached > budget);
                    let reached = refusal.reached;
                    let again =
                        coarsen(&fine, form, reached, &keep_out, limits);
                    (again.unwrap(), false)
                }
            };
        prop_assert!(!fits || coarse.entries <= budget);
        prop_assert_eq!(coarse.entries, entries(&coarse.set, form, limits));
        prop_assert!(fine.subtract(&coarse.set).is_empty());
        let added = coarse.set.subtract(&fine);
        prop_assert!(added.intersect(&keep_out).is_empty());
        prop_assert_eq!(
            coarse.extra, naive_extra(coarse.set.view(), fine.view())
        );
        prop_assert_eq!(coarse.extra.v4, added.addresses_v4());
        let most = |count: u128| share(max_extra, count);
        prop_assert!(coarse.extra.v4 <= most(fine.addresses_v4().into()));
        prop_assert!(coarse.extra.v6_64 <= most(fine.slash64s()));
        let fine_prefixes: Vec<_> = fine.prefixes().collect();
        for prefix in coarse.set.prefixes().filter(|_| ranges) {
            let least = if prefix.is_v4() { min } else { 2 * min };
            prop_assert!(
                prefix.len() >= least || fine_prefixes.contains(&prefix)
            );
        }
        if entries(&fine, form, limits) <= budget {
            prop_assert_eq!(coarse.set, fine);
        }
    }
}
