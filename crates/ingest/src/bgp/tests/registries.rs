//! Announced space that registries say nobody holds.

use super::*;

/// A file of RIPE NCC in which one block is free.
fn delegated(day: &str, block: &str) -> (String, Vec<u8>) {
    let path = format!("names/delegated-ripencc-extended-{day}.txt");
    let text = format!(
        "2|ripencc|{day}|2|19830705|{day}|+0200\n\
         ripencc|DE|asn|7|1|20100101|allocated|x\n\
         ripencc||ipv4|{block}||available|\n"
    );
    (path, text.into_bytes())
}

/// Incidents of unallocated space in a world of twelve prefixes, 20.0.0.0/8 to
/// 31.0.0.0/8, and files of a registry.
fn unallocated(
    dump: &[u8],
    files: &[(String, Vec<u8>)],
) -> (Vec<String>, Option<String>) {
    let mut stage = Stage::new(&[(RIB, dump)]);
    for (path, bytes) in files {
        stage.add(path, bytes);
    }
    let world = stage.learn();
    let of = |incident: &&asgard_model::Incident| {
        incident.subtype == asgard_model::Subtype::Unallocated
    };
    let found = world.incidents.iter().filter(of);
    let found = found.map(|i| format!("{} {:?}", i.asn, i.prefixes)).collect();
    (found, stage.status("ribs").last_error)
}

const FREE: &str = "20.0.0.0|16777216";

#[test]
fn space_that_is_free_on_two_days_is_a_bogon() {
    let files = [delegated("20260625", FREE), delegated("20260626", FREE)];
    let (found, error) = unallocated(&dump(), &files);
    assert_eq!(found, ["AS7 [20.0.0.0/8]"]);
    assert_eq!(error, None);
}

#[test]
fn one_file_or_old_ones_or_space_that_was_given_accuse_nobody() {
    let (day, next) = ("20260625", "20260626");
    let given = "60.0.0.0|256";
    for files in [
        vec![],
        vec![delegated(next, FREE)],
        vec![delegated("20260601", FREE), delegated("20260602", FREE)],
        vec![delegated(day, FREE), delegated(next, given)],
        vec![delegated(day, given), delegated(next, FREE)],
        // Half of the announced prefix.
        vec![
            delegated(day, "20.0.0.0|8388608"),
            delegated(next, "20.0.0.0|8388608"),
        ],
    ] {
        let (found, error) = unallocated(&dump(), &files);
        assert_eq!((found, error), (vec![], None), "{files:?}");
    }
}

#[test]
fn registries_by_which_much_of_the_table_is_unallocated_are_not_believed() {
    let routes: Vec<u8> = (0..=100)
        .flat_map(|second| {
            let entry =
                |peer: u16| (peer, None, plain(&[64_500 + u32::from(peer), 7]));
            let prefix = format!("20.{second}.0.0/16");
            rib(RIB_V4, &prefix, &[entry(0), entry(1), entry(2)])
        })
        .collect();
    let files = [delegated("20260625", FREE), delegated("20260626", FREE)];
    let (found, error) = unallocated(&[index(3), routes].concat(), &files);
    assert_eq!(found, [] as [&str; 0]);
    let error = error.unwrap();
    assert!(error.contains("101 of 101 announced prefixes"), "{error}");
}
