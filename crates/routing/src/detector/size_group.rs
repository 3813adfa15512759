//! Networks of one size, so that a network is compared with its like.

/// Upper bounds of the classes, in /24s.
const BOUNDS: [f64; 4] = [1.0, 4.0, 16.0, 256.0];

/// The class of a network that originates so many /24s.
pub(super) fn class(size: f64) -> usize {
    BOUNDS.iter().filter(|bound| size > **bound).count()
}

/// Values of all networks, by class.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    values: [Vec<f64>; BOUNDS.len() + 1],
}

impl Groups {
    pub(super) fn add(&mut self, size: f64, value: f64) {
        self.values[class(size)].push(value);
    }

    /// The value below which a share of each class lies, 0–1; 0 for a class
    /// without members.
    pub(super) fn quantiles(mut self, share: f64) -> Quantiles {
        Quantiles(self.values.each_mut().map(|values| {
            values.sort_by(f64::total_cmp);
            nearest(values, share)
        }))
    }
}

/// The nearest rank; the classes hold thousands, so nothing is interpolated.
fn nearest(sorted: &[f64], share: f64) -> f64 {
    let before = sorted
        .iter()
        .enumerate()
        .find(|(at, _)| count(at + 1) >= share * count(sorted.len()));
    before.map_or(0.0, |(_, value)| *value)
}

/// Counts of networks are exact in a float.
pub(super) fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A value for each class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quantiles([f64; BOUNDS.len() + 1]);

impl Quantiles {
    pub(super) fn of(&self, size: f64) -> f64 {
        self.0[class(size)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_end_at_1_4_16_and_256() {
        let classes = [0.0, 1.0, 1.5, 4.0, 16.0, 17.0, 256.0, 257.0];
        assert_eq!(classes.map(class), [0, 0, 1, 1, 2, 3, 3, 4]);
    }

    #[test]
    fn a_quantile_is_that_of_the_own_class() {
        let mut groups = Groups::default();
        for value in 1..=100 {
            groups.add(1.0, f64::from(value));
        }
        groups.add(1000.0, 7.0);
        let p95 = groups.quantiles(0.95);
        assert_eq!((p95.of(0.5), p95.of(900.0), p95.of(3.0)), (95.0, 7.0, 0.0));
    }
}
