//! The External Dynamic List of AS numbers: `AS174`, one a line.
//!
//! ASCII, ascending, no duplicates, LF only, final LF, no comments, no blank
//! line; an empty list is zero bytes.

use std::fmt::Write;

use asgard_model::Asn;

/// Longest line: `AS4294967295` and LF.
const LONGEST_LINE: usize = 13;

/// Writes the list; the order of the input does not matter.
pub fn render(asns: &[Asn]) -> String {
    let mut asns = asns.to_vec();
    asns.sort_unstable();
    asns.dedup();
    let mut text = String::with_capacity(asns.len() * LONGEST_LINE);
    for asn in asns {
        writeln!(text, "{asn}").expect("a String takes every write");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_list_has_one_as_a_line_and_a_final_line_feed() {
        let asns = [Asn(64_497), Asn(174), Asn(3257), Asn(174)];
        assert_eq!(render(&asns), "AS174\nAS3257\nAS64497\n");
    }

    #[test]
    fn an_empty_list_is_zero_bytes() {
        assert_eq!(render(&[]), "");
    }

    proptest! {
        #[test]
        fn the_list_reads_back_as_the_sorted_set(
            numbers in prop::collection::vec(1u32.., 0..80),
        ) {
            let asns: Vec<Asn> = numbers.iter().copied().map(Asn).collect();
            let text = render(&asns);
            let read: Vec<Asn> =
                text.lines().map(|line| line.parse().unwrap()).collect();
            let wanted: BTreeSet<Asn> = asns.into_iter().collect();
            prop_assert!(read.into_iter().eq(wanted));
            prop_assert!(text.is_empty() || text.ends_with('\n'));
            prop_assert!(text.is_ascii() && !text.contains('\r'));
        }
    }
}
