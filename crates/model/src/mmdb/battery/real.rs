//! Files of others, when `ASGARD_TEST_MIRROR` names a mirror that has them.

use std::{
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use super::{NetworkTable, PlaceTable, Random, oracle};
use crate::Asn;

fn mirror() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("ASGARD_TEST_MIRROR") else {
        println!("SKIP real-data: ASGARD_TEST_MIRROR names no mirror");
        return None;
    };
    Some(PathBuf::from(root).join("mmdb"))
}

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|file| file.is_file())
        .map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into();
            (name, std::fs::read(&file).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn gunzip(file: &Path) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap())
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

fn newest(mirror: &Path, part: &str) -> PathBuf {
    std::fs::read_dir(mirror)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|file| file.to_string_lossy().contains(part))
        .max()
        .unwrap()
}

#[test]
fn corrupt_files_of_other_projects_are_refused_without_panic() {
    let Some(mirror) = mirror() else { return };
    let files = files(&mirror.join("maxmind-bad-data"));
    assert!(files.len() >= 21);
    for (name, bytes) in files {
        let asn = NetworkTable::from_mmdb(&bytes);
        let place = PlaceTable::from_mmdb(&bytes);
        assert!(asn.is_err(), "{name}");
        assert!(place.is_err() || name.contains("bad-unicode"), "{name}");
    }
}

#[test]
fn test_files_of_the_format_are_read_as_its_own_reader_does() {
    let Some(mirror) = mirror() else { return };
    let mut read = 0;
    for (name, bytes) in files(&mirror.join("maxmind-test-data")) {
        let _ = PlaceTable::from_mmdb(&bytes);
        let Ok(table) = NetworkTable::from_mmdb(&bytes) else { continue };
        let reader = maxminddb::Reader::from_source(bytes.as_slice()).unwrap();
        let mut random = Random(1);
        for _ in 0..2_000 {
            let bits = u32::try_from(random.next() >> 32).unwrap();
            let address = IpAddr::V4(Ipv4Addr::from_bits(bits));
            let ours = table.lookup(address).map(|f| f.asn.0);
            assert_eq!(ours, oracle(&reader, address), "{name} {address}");
        }
        read += 1;
    }
    assert!(read >= 2, "{read} files hold AS numbers");
    let city =
        std::fs::read(mirror.join("maxmind-test-data/GeoIP2-City-Test.mmdb"))
            .unwrap();
    let table = PlaceTable::from_mmdb(&city).unwrap();
    let place = table.lookup("81.2.69.160".parse().unwrap()).unwrap();
    assert_eq!(place.country, "GB".parse().ok());
    assert_eq!(place.country_name, "United Kingdom");
    assert_eq!(place.city, "London");
    assert_eq!(place.time_zone, "Europe/London");
    assert_eq!(place.subdivision, "ENG");
    assert_eq!(place.continent, "EU");
    assert_eq!(place.location, Some((51.5142, -0.0931)));
}

#[test]
fn a_table_of_the_internet_is_small_and_agrees_with_the_oracle() {
    let Some(mirror) = mirror() else { return };
    let bytes = gunzip(&newest(&mirror, "-asn-"));
    let begun = std::time::Instant::now();
    let table = NetworkTable::from_mmdb(&bytes).unwrap();
    println!(
        "{} networks, {} ranges, {} bytes, {:?}",
        table.networks(),
        table.ranges.len(),
        table.heap_bytes(),
        begun.elapsed()
    );
    assert!(table.networks() > 700_000);
    assert!(table.heap_bytes() < 20 << 20);
    let reader = maxminddb::Reader::from_source(bytes.as_slice()).unwrap();
    let mut random = Random(2);
    for _ in 0..700_000 {
        let bits = u32::try_from(random.next() >> 32).unwrap();
        check(&table, &reader, Ipv4Addr::from_bits(bits).into());
    }
    for _ in 0..300_000 {
        let bits = u128::from(random.next()) << 64 >> 3
            | 1 << 125
            | u128::from(random.next());
        check(&table, &reader, Ipv6Addr::from_bits(bits).into());
    }
    let google = table.lookup("8.8.8.8".parse().unwrap()).unwrap();
    assert_eq!(google.asn, Asn(15_169));
    assert_eq!(google.organisation, "Google LLC");
}

fn check(
    table: &NetworkTable,
    reader: &maxminddb::Reader<&[u8]>,
    address: IpAddr,
) {
    let ours = table.lookup(address).map(|f| f.asn.0);
    // Number 0 is how some makers write "nobody".
    let theirs = oracle(reader, address).filter(|&asn| asn != 0);
    let alias = matches!(address, IpAddr::V6(v6) if v6.segments()[0] == 0x2002);
    assert!(ours == theirs || alias, "{address}: {ours:?}, {theirs:?}");
}

#[test]
fn a_country_database_of_the_internet_is_read() {
    let Some(mirror) = mirror() else { return };
    let bytes = gunzip(&newest(&mirror, "-country-"));
    let table = PlaceTable::from_mmdb(&bytes).unwrap();
    println!("{} networks, {} bytes", table.networks(), table.heap_bytes());
    let place = table.lookup("8.8.8.8".parse().unwrap()).unwrap();
    assert_eq!(place.country, "US".parse().ok());
}
