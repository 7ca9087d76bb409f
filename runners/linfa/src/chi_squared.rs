//! The chi-squared distribution, for what is to be expected of squared distances of normal data.

/// P(X <= x) for `freedom` degrees of freedom.
pub(crate) fn cdf(x: f64, freedom: usize) -> f64 {
    if x.is_infinite() { 1.0 } else { lower_gamma(freedom as f64 / 2.0, x / 2.0) }
}

/// The x with P(X <= x) = `probability`; infinite for 1.
pub(crate) fn quantile(probability: f64, freedom: usize) -> f64 {
    if probability >= 1.0 {
        return f64::INFINITY;
    }
    let (mut low, mut high) = (0.0_f64, freedom as f64);
    while cdf(high, freedom) < probability {
        high *= 2.0;
    }
    // Halving ends where neighbouring numbers are reached.
    while low < low.midpoint(high) && low.midpoint(high) < high {
        let middle = low.midpoint(high);
        if cdf(middle, freedom) < probability { low = middle } else { high = middle }
    }
    high
}

/// The regularised lower incomplete gamma function P(a, x): its series for small x, its continued fraction for large.
fn lower_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * f64::EPSILON {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return scale * sum;
    }
    // Lentz's method.
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (f64::MAX, 1.0 / b);
    let mut fraction = d;
    for i in 1..10_000 {
        let numerator = -f64::from(i) * (f64::from(i) - a);
        b += 2.0;
        d = 1.0 / (numerator * d + b);
        c = b + numerator / c;
        let factor = d * c;
        fraction *= factor;
        if (factor - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    1.0 - scale * fraction
}

/// ln of the gamma function for positive `x`, by Lanczos' approximation with g = 7.
fn ln_gamma(x: f64) -> f64 {
    const FIRST: f64 = 0.999_999_999_999_809_9;
    const COEFFICIENTS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum = COEFFICIENTS.iter().zip(1..).fold(FIRST, |sum, (c, i)| sum + c / (x + f64::from(i)));
    let t = x + 7.5;
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_scipys() {
        for (probability, freedom, expected) in [
            (0.5, 1, 0.454_936_423_119_572_8),
            (0.975, 2, 7.377_758_908_227_871),
            (0.975, 9, 19.022_767_798_641_635),
            (0.5, 166, 165.333_811_407_161_05),
            (0.975, 500, 563.851_529_344_285_2),
        ] {
            let found = quantile(probability, freedom);
            assert!((found - expected).abs() < 1e-9 * expected, "{freedom}: {found}");
            assert!((cdf(found, freedom) - probability).abs() < 1e-10);
        }
        assert_eq!(cdf(quantile(1.0, 3), 5), 1.0);
    }
}
