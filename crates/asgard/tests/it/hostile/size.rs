//! A list that shrinks or grows beyond belief against the day before.

use super::scene::{FILES, Scene, gzip};

/// Sources of one file with enough rows that a change of size means something.
const LARGE: [&str; 8] = [
    "vrps-csv",
    "as-info",
    "caida-as-rel",
    "threatfox",
    "c2-tracker",
    "ipsum",
    "blocklist-de",
    "blocklist-de-mail",
];

/// Splits a text into its head (comments, column names) and its rows.
fn split(text: &str) -> (Vec<&str>, Vec<&str>) {
    let is_row = |line: &&str| {
        let number = line.strip_prefix("AS").unwrap_or(line);
        number.starts_with(|c: char| c.is_ascii_digit())
    };
    let (rows, head) = text.lines().partition(is_row);
    (head, rows)
}

/// Rewrites each large file from its head and its rows.
fn each(scene: &Scene, rewrite: impl Fn(Vec<&str>, Vec<&str>) -> String) {
    for (source, file) in FILES {
        if LARGE.contains(&source) {
            let text = scene.good_text(file);
            let (head, rows) = split(&text);
            let bad = gzip(rewrite(head, rows).as_bytes());
            let picture = scene.with(file, &bad);
            picture.assert_refused(&scene.good, source, file);
        }
    }
}

fn shrink(head: Vec<&str>, mut rows: Vec<&str>) -> String {
    rows.truncate(rows.len() / 10);
    [head, rows].concat().join("\n")
}

#[test]
fn a_list_that_lost_nine_rows_of_ten_is_refused() {
    each(&Scene::warm(), shrink);
}

#[test]
fn a_part_that_lost_nine_rows_of_ten_is_refused() {
    let scene = Scene::warm();
    let source = "announced-prefixes";
    for family in ["ipv4", "ipv6"] {
        let file = format!("routing/{source}-{family}-20260627.csv.gz");
        let text = scene.good_text(&file);
        let (head, rows) = split(&text);
        let bad = gzip(shrink(head, rows).as_bytes());
        let picture = scene.with(&file, &bad);
        picture.assert_refused(&scene.good, source, &file);
    }
}

#[test]
fn a_first_start_sees_in_the_older_file_that_the_newer_has_shrunk() {
    each(&Scene::cold(), shrink);
}

#[test]
fn a_list_twenty_times_as_long_is_refused() {
    let scene = Scene::warm();
    let clouds = scene.truth().clouds;
    let routes = scene.truth().routes;
    let innocent: Vec<u32> = routes
        .iter()
        .filter(|route| clouds.contains(&route.origin))
        .filter_map(|route| match route.prefix.network() {
            std::net::IpAddr::V4(address) => Some(address.to_bits()),
            std::net::IpAddr::V6(_) => None,
        })
        .collect();
    for (source, file) in FILES {
        if !LARGE[3..].contains(&source) {
            continue;
        }
        let mut text = scene.good_text(file);
        let rows = split(&text).1.len();
        for n in 0..rows * 20 {
            let base = innocent[n % innocent.len()];
            let offset = u32::try_from(n / innocent.len()).expect("few");
            let address = std::net::Ipv4Addr::from_bits(base + offset);
            text += &format!("\n{address}");
        }
        let picture = scene.with(file, &gzip(text.as_bytes()));
        picture.assert_refused(&scene.good, source, file);
    }
}
