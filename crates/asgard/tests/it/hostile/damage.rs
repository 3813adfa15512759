//! Bytes that are no list at all.

use super::scene::{FILES, Scene, gzip, is_gzip};

/// Replaces each file in turn by what `bad` makes of it.
fn each_is_refused(bad: impl Fn(&[u8]) -> Vec<u8>) {
    let scene = Scene::cold();
    for (source, file) in FILES {
        let bytes = bad(&scene.good_bytes(file));
        let picture = scene.with(file, &bytes);
        picture.assert_refused(&scene.good, source, file);
    }
}

#[test]
fn an_empty_file_is_refused() {
    each_is_refused(|_| Vec::new());
}

#[test]
fn html_instead_of_data_is_refused() {
    let page = b"<!DOCTYPE html>\n<html><head><title>503</title></head>\n\
                 <body><h1>Service Unavailable</h1></body></html>\n";
    each_is_refused(|_| page.to_vec());
}

#[test]
fn compressed_html_is_refused() {
    let page = b"<!DOCTYPE html>\n<html><body>Not here</body></html>\n";
    each_is_refused(|_| gzip(page));
}

#[test]
fn a_truncated_gzip_is_refused() {
    each_is_refused(|good| {
        let mut whole = if is_gzip(good) { good.to_vec() } else { gzip(good) };
        whole.truncate(whole.len() / 2);
        whole
    });
}

#[test]
fn a_line_of_a_megabyte_is_refused() {
    each_is_refused(|_| vec![b'1'; 1 << 20]);
}

#[test]
fn nul_bytes_are_refused() {
    each_is_refused(|_| vec![0; 4096]);
}

#[test]
fn a_gzip_bomb_is_refused() {
    let bomb = gzip(&vec![b'\n'; 32 << 20]);
    each_is_refused(|_| bomb.clone());
}

#[test]
fn noise_is_refused() {
    // xorshift with a fixed seed.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let noise: Vec<u8> = (0..4096)
        .flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .collect();
    each_is_refused(|_| noise.clone());
}

#[test]
fn a_bad_part_takes_no_good_part_of_its_source_with_it() {
    let scene = Scene::cold();
    let older = "routing/announced-prefixes-ipv6-20260626.csv.gz";
    std::fs::remove_file(scene.path(older)).expect("it is there");
    let (source, file) = FILES[0];
    let picture = scene.with(file, b"<html>");
    picture.assert_refused(&scene.good, source, file);
    assert_eq!(picture.rows[source], scene.good.rows[source]);
}
