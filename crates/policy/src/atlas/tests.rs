//! The atlas against the look-up that it must agree with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use asgard_model::{CountryBuilder, TableBuilder, rpki::VrpSet};
use proptest::prelude::*;

use super::*;

fn table(rows: &[(Prefix, u32)]) -> RoutingTable {
    let mut builder = TableBuilder::default();
    for &(prefix, asn) in rows {
        builder.announce(prefix, Asn(asn), None);
    }
    builder.build(&VrpSet::default())
}

fn atlas(asns: &[Asn], table: &RoutingTable) -> Atlas {
    let announced = Announced::new(asns, table);
    Atlas::draw(asns, (table, &announced), &CountrySpace::default())
}

fn texts(space: SpaceView<'_>) -> Vec<String> {
    space.prefixes().map(|prefix| prefix.to_string()).collect()
}

#[test]
fn a_network_has_what_reaches_it_without_the_holes_of_others() {
    let rows = [
        ("10.0.0.0/22", 1),
        ("10.0.1.0/24", 2),
        ("10.0.1.128/25", 1),
        ("10.0.2.0/24", 3),
        ("10.0.2.0/24", 1),
        ("0.0.0.0/0", 4),
        ("255.255.255.0/24", 5),
        ("255.255.255.255/32", 1),
        ("2001:db8::/32", 1),
        ("2001:db8:0:1::/64", 2),
        ("ffff::/16", 3),
    ]
    .map(|(prefix, asn)| (prefix.parse().unwrap(), asn));
    let asns = [1, 2, 3, 4, 5].map(Asn);
    let atlas = atlas(&asns, &table(&rows));
    assert_eq!(
        texts(atlas.asn(Asn(1)))[..4],
        ["10.0.0.0/24", "10.0.1.128/25", "10.0.2.0/23", "255.255.255.255/32"]
    );
    assert_eq!(texts(atlas.asn(Asn(2))), ["10.0.1.0/25", "2001:db8:0:1::/64"]);
    assert_eq!(texts(atlas.asn(Asn(3))), ["10.0.2.0/24", "ffff::/16"]);
    assert_eq!(atlas.asn(Asn(5)).addresses_v4(), 255);
    let rest = (1u64 << 32) - (1 << 10) - (1 << 8);
    assert_eq!(atlas.asn(Asn(4)).addresses_v4(), rest);
    assert!(atlas.asn(Asn(9)).is_empty());
    assert!(atlas.node(99).is_empty());
}

#[test]
fn a_country_has_what_the_data_says_and_others_are_not_known() {
    let mut countries = CountryBuilder::default();
    for (first, last, code) in [
        ("10.0.0.0", "10.0.0.255", "NL"),
        ("10.0.1.0", "10.0.1.255", "DE"),
        ("10.0.2.0", "10.0.2.255", "NL"),
        ("2001:db8::", "2001:db8::1", "DE"),
    ] {
        let code = code.parse().unwrap();
        countries.add(first.parse().unwrap(), last.parse().unwrap(), code);
    }
    let (table, announced) = (table(&[]), Announced::default());
    let atlas = Atlas::draw(&[], (&table, &announced), &countries.build());
    let code = |text: &str| text.parse::<CountryCode>().unwrap();
    assert_eq!(atlas.countries(), [code("DE"), code("NL")]);
    assert_eq!(
        texts(atlas.country(code("NL"))),
        ["10.0.0.0/24", "10.0.2.0/24"]
    );
    assert_eq!(
        texts(atlas.country(code("DE"))),
        ["10.0.1.0/24", "2001:db8::/127"]
    );
    assert!(atlas.knows_country(code("DE")));
    assert!(!atlas.knows_country(code("FR")));
    assert!(atlas.country(code("FR")).is_empty());
}

/// Few high bits and many lengths, so that routes nest and repeat; the ends of
/// both families among them.
fn routes() -> impl Strategy<Value = Vec<(Prefix, u32)>> {
    let route = (any::<u32>(), 0u8..=32, any::<bool>(), 1u32..8);
    prop::collection::vec(route, 0..40).prop_map(|rows| {
        let row = |(bits, len, v4, asn): (u32, u8, bool, u32)| {
            let high =
                ((bits % 5).wrapping_sub(2) << 30) | ((bits >> 4) & 0xff);
            let address = match v4 {
                true => IpAddr::V4(Ipv4Addr::from_bits(high)),
                false => {
                    let high = u128::from(high);
                    Ipv6Addr::from_bits((high << 96) | high).into()
                }
            };
            let len = if v4 { len } else { len * 4 };
            (Prefix::new(address, len).unwrap(), asn)
        };
        rows.into_iter().map(row).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn an_address_is_in_the_space_of_an_as_if_its_longest_match_is_from_it(
        rows in routes(), noise in prop::collection::vec(any::<u128>(), 20),
    ) {
        let table = table(&rows);
        let asns: Vec<Asn> = (1..8).map(Asn).collect();
        let atlas = atlas(&asns, &table);
        let edges = rows.iter().flat_map(|&(prefix, _)| {
            let (first, last) = (prefix.network(), prefix.last());
            [first, last, beside(first, -1), beside(last, 1)]
        });
        let random = noise.iter().flat_map(|&bits| {
            let low = u32::try_from(bits & 0xffff_ffff).unwrap();
            [Ipv6Addr::from_bits(bits).into(), Ipv4Addr::from_bits(low).into()]
        });
        for address in edges.chain(random) {
            // The table takes a mapped address for IPv4; the atlas does not.
            if address.to_canonical() != address {
                continue;
            }
            let route = table.lookup(address);
            let origins = route.map(|r| r.origins).unwrap_or_default();
            for &asn in &asns {
                let inside = atlas.asn(asn).contains(address);
                prop_assert_eq!(
                    inside, origins.contains(&asn), "{} {}", address, asn
                );
            }
        }
    }
}

fn beside(address: IpAddr, step: i8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let bits = v4.to_bits().wrapping_add_signed(step.into());
            Ipv4Addr::from_bits(bits).into()
        }
        IpAddr::V6(v6) => {
            let bits = v6.to_bits().wrapping_add_signed(step.into());
            Ipv6Addr::from_bits(bits).into()
        }
    }
}
