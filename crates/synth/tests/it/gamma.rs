//! The 5 % quantile of a gamma distribution, by bisection: slow, plain, and
//! written without a look at the model's.

/// Quantile of Gamma(shape, rate) at probability 0.05.
pub(crate) fn lower_bound(shape: f64, rate: f64) -> f64 {
    let (mut low, mut high) = (0.0, shape.max(1.0) * 4.0 + 40.0);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if regularised(shape, middle) < 0.05 {
            low = middle;
        } else {
            high = middle;
        }
    }
    low / rate
}

/// Lower regularised incomplete gamma function, by its power series
/// (Abramowitz and Stegun 6.5.29).
fn regularised(shape: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let mut term = 1.0 / shape;
    let mut sum = term;
    for n in 1..5_000 {
        term *= x / (shape + f64::from(n));
        sum += term;
        if term < sum * 1e-14 {
            break;
        }
    }
    sum * (shape * x.ln() - x - libm::lgamma(shape)).exp()
}

#[test]
fn agrees_with_the_worked_examples_of_the_model() {
    // Gamma(4 · 0.028 + k, 4 + E): the bulletproof host and its younger self.
    assert!((lower_bound(40.112, 5.0) - 6.06).abs() < 0.01);
    assert!((lower_bound(20.112, 5.0) - 2.67).abs() < 0.01);
}
