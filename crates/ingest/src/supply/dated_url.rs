//! Addresses with a date in them: the newest date first, few tries.

use asgard_model::Day;
use jiff::{ToSpan, Unit, civil::Date, tz::Offset};

/// Dates that are tried before a dated address is given up.
const TRIES: i32 = 3;

/// The addresses that a template stands for on a day: itself, or one for each
/// of the newest dates.
pub(super) fn expand(template: &str, today: Day) -> Vec<String> {
    let unit = if template.contains("{yyyymmdd}") {
        Unit::Day
    } else if template.contains("{yyyymm}") {
        Unit::Month
    } else {
        return vec![template.to_owned()];
    };
    let date = Offset::UTC.to_datetime(today.start()).date();
    (0..TRIES).filter_map(|back| dated(template, date, unit, back)).collect()
}

fn dated(template: &str, date: Date, unit: Unit, back: i32) -> Option<String> {
    let span = match unit {
        Unit::Month => back.months(),
        _ => back.days(),
    };
    let date = date.checked_sub(span).ok()?;
    let parts = [
        ("{yyyymmdd}", "%Y%m%d"),
        ("{yyyymm}", "%Y%m"),
        ("{yyyy}", "%Y"),
        ("{mm}", "%m"),
    ];
    let filled = parts.iter().fold(template.to_owned(), |url, (name, form)| {
        url.replace(name, &date.strftime(form).to_string())
    });
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand_on(template: &str, day: &str) -> Vec<String> {
        expand(template, day.parse().unwrap())
    }

    #[test]
    fn goes_back_by_months_over_the_turn_of_a_year() {
        let template = "https://x.test/{yyyymm}01.as-rel2.txt.bz2";
        assert_eq!(
            expand_on(template, "2026-01-31"),
            [
                "https://x.test/20260101.as-rel2.txt.bz2",
                "https://x.test/20251201.as-rel2.txt.bz2",
                "https://x.test/20251101.as-rel2.txt.bz2",
            ]
        );
    }

    #[test]
    fn the_tables_of_routeviews_are_found() {
        let rib = "RIBS/rib.{yyyymmdd}.0000.bz2";
        let template = format!("https://x.test/bgpdata/{{yyyy}}.{{mm}}/{rib}");
        assert_eq!(
            expand_on(&template, "2026-03-01")[..2],
            [
                "https://x.test/bgpdata/2026.03/RIBS/rib.20260301.0000.bz2",
                "https://x.test/bgpdata/2026.02/RIBS/rib.20260228.0000.bz2",
            ]
        );
    }

    #[test]
    fn goes_back_by_days_and_leaves_plain_addresses_alone() {
        assert_eq!(
            expand_on("https://x.test/{yyyymm}/{yyyymmdd}", "2024-03-01"),
            [
                "https://x.test/202403/20240301",
                "https://x.test/202402/20240229",
                "https://x.test/202402/20240228",
            ]
        );
        assert_eq!(expand_on("https://x.test/", "2024-03-01").len(), 1);
    }
}
