//! `asn.gz`: the whole routing table for OPNsense's alias type "BGP ASN".
//!
//! Two columns, `prefix asn`, gzipped. It is not a block list: OPNsense looks
//! up the networks that its operator names. A prefix with several origins has a
//! line for each.

use std::io::Write;

use asgard_model::{Asn, Prefix};
use flate2::{Compression, GzBuilder};

use super::text::Text;

/// Content type of the file.
pub const CONTENT_TYPE: &str = "application/gzip";

/// How long OPNsense keeps the file before it asks again, seconds.
pub const TTL_SECS: u32 = 86_310;

/// Writes the file from the routes, in their order; default routes and AS 0
/// are left out, because nobody's addresses are behind them.
pub fn render(routes: impl IntoIterator<Item = (Prefix, Asn)>) -> Vec<u8> {
    let mut text = Text::default();
    for (prefix, asn) in routes {
        if prefix.len() > 0 && asn.0 > 0 {
            text.prefix(prefix).push(" ").number(asn.0.into()).push("\n");
        }
    }
    let mut gzip =
        GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    gzip.write_all(&text.into_bytes()).expect("memory takes every write");
    gzip.finish().expect("memory takes every write")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn the_table_has_two_columns_and_no_default_route() {
        let routes = [
            ("1.10.16.0/20", 174),
            ("0.0.0.0/0", 1),
            ("2a00::/12", 0),
            ("2a00:1450::/32", 15_169),
        ];
        let file = render(
            routes.map(|(prefix, asn)| (prefix.parse().unwrap(), Asn(asn))),
        );
        let mut text = String::new();
        GzDecoder::new(&file[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "1.10.16.0/20 174\n2a00:1450::/32 15169\n");
    }
}
