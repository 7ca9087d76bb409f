//! The discrete Fourier transform of any length.
//!
//! Our own, because libraries choose instructions by the processor and round differently on each: a version must score
//! the same everywhere.

use std::f64::consts::TAU;
use std::ops::{Add, Mul, Sub};

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Complex {
    pub(crate) re: f64,
    pub(crate) im: f64,
}

impl Complex {
    /// exp(i angle).
    fn unit(angle: f64) -> Self {
        let (im, re) = angle.sin_cos();
        Self { re, im }
    }

    pub(crate) fn conj(self) -> Self {
        Self { im: -self.im, ..self }
    }

    pub(crate) fn abs(self) -> f64 {
        self.re.hypot(self.im)
    }

    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self { re: self.re * factor, im: self.im * factor }
    }
}

impl Add for Complex {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }
}

impl Sub for Complex {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { re: self.re - other.re, im: self.im - other.im }
    }
}

impl Mul for Complex {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }
}

/// Transforms of one length: X[k] = sum over j of x[j] exp(-2 pi i j k / n).
#[derive(Debug)]
pub(crate) enum Fft {
    PowerOfTwo(Radix2),
    Other(Bluestein),
}

impl Fft {
    /// `n` is at least 1.
    pub(crate) fn new(n: usize) -> Self {
        if n.is_power_of_two() { Self::PowerOfTwo(Radix2::new(n)) } else { Self::Other(Bluestein::new(n)) }
    }

    /// In place. `scratch` is empty at first and may be handed in again.
    pub(crate) fn forward(&self, values: &mut [Complex], scratch: &mut Vec<Complex>) {
        match self {
            Self::PowerOfTwo(radix2) => radix2.forward(values),
            Self::Other(bluestein) => bluestein.forward(values, scratch),
        }
    }

    /// Undoes [`forward`](Self::forward).
    pub(crate) fn inverse(&self, values: &mut [Complex], scratch: &mut Vec<Complex>) {
        values.iter_mut().for_each(|value| *value = value.conj());
        self.forward(values, scratch);
        let scale = 1.0 / values.len() as f64;
        values.iter_mut().for_each(|value| *value = value.conj().scaled(scale));
    }
}

/// Cooley and Tukey's algorithm for powers of two.
#[derive(Debug)]
pub(crate) struct Radix2 {
    n: usize,
    /// exp(-2 pi i k / n) for k < n/2.
    twiddles: Vec<Complex>,
}

impl Radix2 {
    fn new(n: usize) -> Self {
        let twiddles = (0..n / 2).map(|k| Complex::unit(-TAU * k as f64 / n as f64)).collect();
        Self { n, twiddles }
    }

    fn forward(&self, values: &mut [Complex]) {
        if self.n < 2 {
            return;
        }
        let shift = usize::BITS - self.n.trailing_zeros();
        for i in 0..self.n {
            let j = i.reverse_bits() >> shift;
            if i < j {
                values.swap(i, j);
            }
        }
        let mut half = 1;
        while half < self.n {
            let stride = self.n / (2 * half);
            for block in values.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for ((a, b), twiddle) in low.iter_mut().zip(high).zip(self.twiddles.iter().step_by(stride)) {
                    let turned = *b * *twiddle;
                    (*a, *b) = (*a + turned, *a - turned);
                }
            }
            half *= 2;
        }
    }
}

/// Bluestein's algorithm: any length as a convolution, which powers of two compute.
#[derive(Debug)]
pub(crate) struct Bluestein {
    /// exp(-pi i k² / n).
    chirp: Vec<Complex>,
    /// The transform of the conjugate chirp, wrapped around.
    kernel: Vec<Complex>,
    inner: Radix2,
}

impl Bluestein {
    fn new(n: usize) -> Self {
        // k² modulo 2 n keeps the angle small and so exact.
        let square = |k: usize| (k as u64 * k as u64 % (2 * n as u64)) as f64;
        let chirp: Vec<Complex> = (0..n).map(|k| Complex::unit(-TAU / 2.0 * square(k) / n as f64)).collect();
        let padded = (2 * n - 1).next_power_of_two();
        let mut kernel = vec![Complex::default(); padded];
        for (k, value) in chirp.iter().enumerate() {
            kernel[k] = value.conj();
            kernel[(padded - k) % padded] = value.conj();
        }
        let inner = Radix2::new(padded);
        inner.forward(&mut kernel);
        Self { chirp, kernel, inner }
    }

    fn forward(&self, values: &mut [Complex], scratch: &mut Vec<Complex>) {
        scratch.clear();
        scratch.resize(self.kernel.len(), Complex::default());
        for ((out, value), chirp) in scratch.iter_mut().zip(values.iter()).zip(&self.chirp) {
            *out = *value * *chirp;
        }
        self.inner.forward(scratch);
        // The conjugate here and below make the second transform an inverse one.
        for (value, kernel) in scratch.iter_mut().zip(&self.kernel) {
            *value = (*value * *kernel).conj();
        }
        self.inner.forward(scratch);
        let scale = 1.0 / scratch.len() as f64;
        for ((out, value), chirp) in values.iter_mut().zip(scratch.iter()).zip(&self.chirp) {
            *out = (value.conj() * *chirp).scaled(scale);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The definition.
    pub(crate) fn naive(values: &[Complex]) -> Vec<Complex> {
        let n = values.len();
        let term = |j: usize, k: usize| values[j] * Complex::unit(-TAU * (j * k % n) as f64 / n as f64);
        (0..n).map(|k| (0..n).map(|j| term(j, k)).fold(Complex::default(), Add::add)).collect()
    }

    #[test]
    fn agrees_with_the_definition_for_every_kind_of_length() {
        for n in [1, 2, 3, 4, 7, 64, 97, 100, 360, 1024, 1445] {
            let value = |i: usize| Complex { re: (i * 37 % 101) as f64 - 50.0, im: (i * i % 13) as f64 };
            let values: Vec<Complex> = (0..n).map(value).collect();
            let (fft, mut found, mut scratch) = (Fft::new(n), values.clone(), Vec::new());
            fft.forward(&mut found, &mut scratch);
            for (found, expected) in found.iter().zip(naive(&values)) {
                assert!((*found - expected).abs() < 1e-8, "{n}: {found:?} is not {expected:?}");
            }
            fft.inverse(&mut found, &mut scratch);
            assert!(found.iter().zip(&values).all(|(a, b)| (*a - *b).abs() < 1e-10), "{n}");
        }
    }
}
