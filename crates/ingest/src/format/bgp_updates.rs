//! What came after a dump: files of updates, in MRT (RFC 6396) or as recorded
//! messages of RIS Live, told by their first byte.
//!
//! Not rows but events, in the order of the file; [`mod@super::mrt`] and
//! [`mod@super::ris_live`] say what is left out.

use std::io::BufRead;

use asgard_routing::event::Sink;

use super::{mrt::mrt, ris_live::ris_live};

/// Hands every event of a file to the sink; a file without a byte has none.
///
/// # Errors
/// Why the file could not be read to its end, for people. **What was handed to
/// the sink before stays true.**
pub fn bgp_updates(
    input: &mut dyn BufRead,
    sink: Sink<'_>,
) -> Result<(), String> {
    let first = input.fill_buf().map_err(|e| e.to_string())?.first();
    match first {
        Some(b'{' | b'[' | b' ' | b'\n' | b'\r') => {
            ris_live(input, sink).map(drop).map_err(|e| e.to_string())
        }
        _ => mrt(input, sink).map(drop).map_err(|e| e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;

    fn events(mut bytes: &[u8]) -> (usize, Result<(), String>) {
        let mut count = 0;
        let result = bgp_updates(&mut bytes, &mut |_| {
            count += 1;
            ControlFlow::Continue(())
        });
        (count, result)
    }

    #[test]
    fn messages_and_records_are_told_apart() {
        let live = br#"{"type":"ris_message","data":{"timestamp":1.5,"peer":"192.0.2.1","peer_asn":"1","type":"UPDATE","withdrawals":["10.0.0.0/8"]}}"#;
        assert_eq!(events(live), (1, Ok(())));
        // BGP4MP, a state (RFC 6396, 4.4.1).
        let mut record = vec![0, 0, 0, 1, 0, 16, 0, 0, 0, 0, 0, 20];
        record.extend([0, 1, 0, 2, 0, 0, 0, 1, 192, 0, 2, 1, 192, 0, 2, 2]);
        record.extend([0, 6, 0, 1]);
        assert_eq!(events(&record), (1, Ok(())));
        assert_eq!(events(b""), (0, Ok(())));
        let (count, cut) = events(&[&record[..], &record[..9]].concat());
        assert_eq!(count, 1);
        assert!(cut.unwrap_err().contains("cut"));
    }
}
