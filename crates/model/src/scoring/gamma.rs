//! The regularised incomplete gamma functions and their inverse.
//!
//! Written with `libm` alone, so that a score has the same bytes on every
//! machine. Work is done on logarithms, because the quantiles of small shapes
//! span hundreds of orders of magnitude. Shapes that are not positive are
//! refused by answering 0: without evidence and prior there is no rate.

use std::f64::consts::TAU;

/// Most terms of a series or fraction; √(74·shape) are needed near the mean.
const MAX_TERMS: u32 = 40_000;

/// From this shape on Wilson–Hilferty alone is exact to 1e-9.
const NORMAL_SHAPE: f64 = 2e7;

/// One tail of the distribution, with its probability.
#[derive(Clone, Copy)]
enum Tail {
    Lower(f64),
    Upper(f64),
}

/// The value that a Gamma(shape, 1) variable stays below with `probability`.
///
/// Relative error ≤ 1e-9 for shapes 0.005 to 1e6 and probabilities 0.001 to
/// 0.999, against a table of 50 digits. Underflows to 0 where the quantile does.
pub(super) fn quantile(shape: f64, probability: f64) -> f64 {
    if shape.is_nan() || shape <= 0.0 || probability <= 0.0 {
        return 0.0;
    }
    if shape > NORMAL_SHAPE {
        return wilson_hilferty(shape, probability);
    }
    let tail = if probability <= 0.5 {
        Tail::Lower(probability)
    } else {
        Tail::Upper(1.0 - probability)
    };
    libm::exp(solve(shape, start(shape, probability), tail))
}

/// Halley's method for ln(tail) as a function of y = ln x, kept in a bracket.
fn solve(shape: f64, start: f64, tail: Tail) -> f64 {
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    let mut y = start;
    for _ in 0..80 {
        let (excess, slope) = excess(shape, y, tail);
        // Both tails turned so that a positive excess means "x is too large".
        if excess > 0.0 {
            high = high.min(y);
        } else {
            low = low.max(y);
        }
        let newton = excess / slope;
        let sign = if matches!(tail, Tail::Lower(_)) { 1.0 } else { -1.0 };
        let curvature = shape - libm::exp(y) - sign * slope;
        let halley = (1.0 - newton * curvature / 2.0).clamp(0.5, 2.0);
        let step = newton / halley;
        // Convergence is cubic on the scale 1/√shape: the next step is
        // nothing. Asked before the bracket, whose ends are as good as y here.
        if step.abs() * (1.0 + shape.sqrt()) < 2e-5 {
            return y - step;
        }
        y = within(y - step, y, low, high);
    }
    y
}

/// `next`, or a point inside the bracket if `next` left it.
fn within(next: f64, y: f64, low: f64, high: f64) -> f64 {
    let capped = next.clamp(y - 50.0, y + 2.0);
    if capped > low && capped < high {
        capped
    } else if low.is_finite() && high.is_finite() {
        f64::midpoint(low, high)
    } else if low.is_finite() {
        low + 1.0
    } else {
        high - 1.0
    }
}

/// (ln tail − ln target, its slope in y), signed so that both grow with y.
fn excess(shape: f64, y: f64, tail: Tail) -> (f64, f64) {
    let tails = log_tails(shape, y);
    match tail {
        Tail::Lower(target) => (
            tails.lower - libm::log(target),
            libm::exp(tails.density - tails.lower),
        ),
        Tail::Upper(target) => (
            libm::log(target) - tails.upper,
            libm::exp(tails.density - tails.upper),
        ),
    }
}

/// Logarithms at x = e^y of P(a, x), Q(a, x) and x·density(x).
struct LogTails {
    lower: f64,
    upper: f64,
    density: f64,
}

fn log_tails(shape: f64, y: f64) -> LogTails {
    let x = libm::exp(y);
    let density = log_density(shape, x, y);
    if x < shape + 1.0 {
        let lower = density - libm::log(shape) + libm::log(series(shape, x));
        LogTails { lower, upper: complement(lower), density }
    } else {
        let upper = density + libm::log(fraction(shape, x));
        LogTails { lower: complement(upper), upper, density }
    }
}

/// ln(1 − e^p), for a probability given by its logarithm.
fn complement(log_probability: f64) -> f64 {
    libm::log(-libm::expm1(log_probability.min(-f64::MIN_POSITIVE)))
}

/// ln(x^a·e^−x / Γ(a)): the density of ln X.
fn log_density(shape: f64, x: f64, y: f64) -> f64 {
    if shape < 10.0 {
        return shape * y - x - libm::lgamma(shape);
    }
    // Loader's saddle-point form: no cancellation at large shapes.
    let offset = (x - shape) / shape;
    let deviance = shape * (offset - libm::log1p(offset));
    libm::log(shape / TAU) / 2.0 - deviance - stirling_error(shape)
}

/// lnΓ(a + 1) − (a·ln a − a + ½·ln 2πa), for a ≥ 10.
fn stirling_error(shape: f64) -> f64 {
    let inverse = 1.0 / shape;
    let square = inverse * inverse;
    let tail = 1.0 / 1_188.0 - square * (691.0 / 360_360.0 - square / 156.0);
    let tail = 1.0 / 1_260.0 - square * (1.0 / 1_680.0 - square * tail);
    inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * tail))
}

/// 1 + x/(a+1) + x²/((a+1)(a+2)) + …; DLMF 8.11.4.
fn series(shape: f64, x: f64) -> f64 {
    let (mut sum, mut term, mut divisor) = (1.0, 1.0, shape);
    for _ in 0..MAX_TERMS {
        divisor += 1.0;
        term *= x / divisor;
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum
}

/// Γ(a, x)·e^x·x^−a as a continued fraction; DLMF 8.9.2, by Lentz's method.
fn fraction(shape: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - shape;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut value = d;
    for i in 1..MAX_TERMS {
        let i = f64::from(i);
        let a = -i * (i - shape);
        b += 2.0;
        d = 1.0 / nonzero(a * d + b, TINY);
        c = nonzero(b + a / c, TINY);
        value *= c * d;
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

fn nonzero(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

/// ln of a first guess.
fn start(shape: f64, probability: f64) -> f64 {
    let guess = wilson_hilferty(shape, probability);
    if shape > 1.0 && guess > 0.0 {
        return libm::log(guess);
    }
    // P(a, x) ≈ x^a / Γ(a + 1) for small x.
    (libm::log(probability) + libm::lgamma(shape + 1.0)) / shape
}

/// The cube of a Gamma variable's root is nearly normal (1931).
fn wilson_hilferty(shape: f64, probability: f64) -> f64 {
    let ninth = 1.0 / (9.0 * shape);
    let root = 1.0 - ninth + normal_quantile(probability) * ninth.sqrt();
    shape * root * root * root
}

/// The standard normal quantile to 4.5e-4 (Abramowitz and Stegun 26.2.23),
/// polished to 1e-13 by two Newton steps.
fn normal_quantile(probability: f64) -> f64 {
    let tail = probability.min(1.0 - probability);
    let t = (-2.0 * libm::log(tail)).sqrt();
    let top = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let bottom = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let mut z = t - top / bottom;
    for _ in 0..2 {
        let upper = libm::erfc(z / std::f64::consts::SQRT_2) / 2.0;
        let density = libm::exp(-z * z / 2.0) / TAU.sqrt();
        z += (upper - tail) / density;
    }
    if probability < 0.5 { -z } else { z }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (shape, probability, quantile), by mpmath with 60 digits.
    #[rustfmt::skip]
    const TABLE: [(f64, f64, f64); 68] = [
        (0.005, 0.05, 3.5083338826178e-261),
        (0.005, 0.95, 1.97619432639397e-5),
        (0.0112, 0.05, 3.88959915777899e-117),
        (0.0112, 0.95, 5.84575432514087e-3),
        (0.02, 0.05, 5.06866765648018e-66),
        (0.02, 0.95, 0.0459098235997406),
        (0.05, 0.05, 5.57387548187876e-27),
        (0.05, 0.95, 0.265932302425841),
        (0.08, 0.05, 3.26559190548737e-17),
        (0.08, 0.95, 0.465203230746376),
        (0.112, 0.05, 1.4823611912865e-12),
        (0.112, 0.95, 0.644181389798615),
        (0.2, 0.05, 2.03921311011285e-7),
        (0.2, 0.95, 1.03052579964267),
        (0.5, 0.05, 1.96607000000976e-3),
        (0.5, 0.95, 1.92072941034706),
        (0.9, 0.05, 0.0349594693121411),
        (0.9, 0.95, 2.79896105846782),
        (1.0, 0.05, 0.0512932943875505),
        (1.0, 0.95, 2.99573227355399),
        (1.112, 0.05, 0.0732879727899598),
        (1.112, 0.95, 3.20922903340701),
        (1.5, 0.05, 0.175923158874636),
        (1.5, 0.95, 3.90736395162559),
        (2.112, 0.05, 0.401204620538358),
        (2.112, 0.95, 4.92440422129782),
        (5.112, 0.05, 2.04042682620892),
        (5.112, 0.95, 9.30755845247411),
        (8.08, 0.05, 4.03732727508277),
        (8.08, 0.95, 13.2516935701861),
        (9.999, 0.05, 5.42466847269278),
        (9.999, 0.95, 15.7039529791161),
        (10.0, 0.05, 5.42540569709129),
        (10.0, 0.95, 15.7052164221155),
        (20.2, 0.05, 13.4177635845639),
        (20.2, 0.95, 28.116159354681),
        (40.112, 0.05, 30.2931443023914),
        (40.112, 0.95, 51.0663362547738),
        (100.0, 0.05, 84.1392772183142),
        (100.0, 0.95, 116.997134446162),
        (400.5, 0.05, 368.160613785991),
        (400.5, 0.95, 433.97626152272),
        (1000.0, 0.05, 948.559849383651),
        (1000.0, 0.95, 1052.57711808232),
        (5000.112, 0.05, 4884.37326515251),
        (5000.112, 0.95, 5116.9877515205),
        (20000.0, 0.05, 19767.9524696595),
        (20000.0, 0.95, 20233.1845562359),
        (100000.0, 0.05, 99480.4207467887),
        (100000.0, 0.95, 100520.716281566),
        (1000000.0, 0.05, 998355.715083718),
        (1000000.0, 0.95, 1001645.42194519),
        (0.112, 0.001, 1.0036423941792e-27),
        (0.112, 0.25, 2.58082557984332e-6),
        (0.112, 0.5, 1.25897477658413e-3),
        (0.112, 0.999, 3.47508377035685),
        (3.0, 0.001, 0.190533377568403),
        (3.0, 0.25, 1.72729941786052),
        (3.0, 0.5, 2.67406031372356),
        (3.0, 0.999, 11.2288722424127),
        (40.112, 0.001, 23.3446753378363),
        (40.112, 0.25, 35.6782580308863),
        (40.112, 0.5, 39.7791636066197),
        (40.112, 0.999, 62.5589311809607),
        (2500.0, 0.001, 2348.3336908679),
        (2500.0, 0.25, 2466.09628324118),
        (2500.0, 0.5, 2499.66667456906),
        (2500.0, 0.999, 2657.3656791506),
    ];

    #[test]
    fn agrees_with_sixty_digits_to_one_in_a_billion() {
        for (shape, probability, expected) in TABLE {
            let error = quantile(shape, probability) / expected - 1.0;
            assert!(
                error.abs() <= 1e-9,
                "quantile({shape}, {probability}) is off by {error:e}"
            );
        }
    }

    #[test]
    fn the_large_shapes_join_without_a_step() {
        for probability in [0.05, 0.95] {
            let below = quantile(NORMAL_SHAPE, probability);
            let beyond = quantile(NORMAL_SHAPE + 0.001, probability);
            assert!((beyond / below - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn more_evidence_moves_every_quantile_up() {
        for probability in [0.05, 0.5, 0.95] {
            let mut last = 0.0;
            for step in 1..2_000_u32 {
                let shape = 0.01 * libm::exp(f64::from(step) / 120.0);
                let value = quantile(shape, probability);
                assert!(value > last, "{shape} {probability}");
                last = value;
            }
        }
    }

    #[test]
    fn both_tails_add_up_to_one() {
        for shape in [0.05, 0.7, 3.0, 12.0, 900.0] {
            for factor in [0.2, 0.9, 1.0, 1.4] {
                let tails = log_tails(shape, libm::log(shape * factor));
                let sum = libm::exp(tails.lower) + libm::exp(tails.upper);
                assert!((sum - 1.0).abs() < 1e-12, "{shape} {factor}: {sum}");
            }
        }
    }

    #[test]
    fn answers_zero_where_there_is_no_distribution() {
        for shape in [0.0, -1.0, f64::NAN] {
            assert_eq!(quantile(shape, 0.05).to_bits(), 0.0_f64.to_bits());
        }
        assert!(quantile(f64::MAX, 0.05).is_finite());
        assert!(quantile(f64::MIN_POSITIVE, 0.95) >= 0.0);
    }
}
