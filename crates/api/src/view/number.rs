//! Numbers as they are shown.

/// Rounded to two decimals, for percentages and rates; never `-0.0`.
pub(crate) fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_decimals_and_no_negative_zero() {
        assert_eq!(hundredths(12.345_6), 12.35);
        assert_eq!(serde_json::json!(hundredths(-0.001)).to_string(), "0.0");
    }
}
