//! The classes that a supervised detector tells apart: their names, and the score that follows from probabilities.

use ndarray::Array2;
use nunatak_detector::{Artifact, Context, DetectorError, Frame, Target, Tensor};
use rayon::prelude::*;

use crate::rows::{BLOCK_ROWS, score_blocks};

/// A column of more classes is a measurement or an identifier by mistake.
pub(crate) const MAX_CLASSES: usize = 1_000;

/// Bytes of all names together.
const MAX_NAME_BYTES: usize = 1 << 20;

/// The classes of the training rows, in the order of their names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Classes {
    names: Vec<String>,
    any_normal: bool,
    /// Whether a class is a fault.
    faults: Vec<bool>,
}

impl Classes {
    /// The classes that occur in the target of `frame`, and the class of each row.
    ///
    /// # Errors
    /// [`DetectorError::Data`] without a target, with fewer than 2 classes or more than [`MAX_CLASSES`].
    pub(crate) fn of(frame: &Frame) -> Result<(Self, Vec<u32>), DetectorError> {
        let target = frame.target().ok_or_else(|| {
            DetectorError::data(
                "the table has no classes to learn from: name its target or label column, or choose an unsupervised detector",
            )
        })?;
        let mut occurs = vec![false; target.names().len()];
        target.codes().iter().for_each(|code| occurs[*code as usize] = true);
        let kept: Vec<usize> = (0..occurs.len()).filter(|class| occurs[*class]).collect();
        match kept.len() {
            0 | 1 => {
                Err(DetectorError::data("all rows are of one class; a supervised detector needs rows of at least 2"))
            }
            n if n > MAX_CLASSES => Err(DetectorError::data(format!(
                "the target has {n} classes, more than {MAX_CLASSES}: is it a measurement or an identifier?"
            ))),
            _ => {
                let mut place = vec![0; occurs.len()];
                kept.iter().enumerate().for_each(|(at, class)| place[*class] = at as u32);
                let names = kept.iter().map(|class| target.names()[*class].clone()).collect();
                Ok((Self::new(names), target.codes().iter().map(|code| place[*code as usize]).collect()))
            }
        }
    }

    fn new(names: Vec<String>) -> Self {
        let faults: Vec<bool> = names.iter().map(|name| !Target::is_normal(name)).collect();
        Self { any_normal: faults.contains(&false), names, faults }
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Which classes add up to the score of a row: the faults, or all but its most probable one when none is normal.
    pub(crate) fn against(&self, probabilities: &[f64]) -> Vec<bool> {
        if self.any_normal {
            return self.faults.clone();
        }
        let best = most_probable(probabilities);
        (0..self.len()).map(|class| class != best).collect()
    }

    /// 1 - P(normal), as the sum of the others, which keeps what is small apart from 0.
    pub(crate) fn score(&self, probabilities: &[f64]) -> f64 {
        if self.any_normal {
            return probabilities.iter().zip(&self.faults).map(|(p, fault)| if *fault { *p } else { 0.0 }).sum();
        }
        let best = most_probable(probabilities);
        probabilities.iter().enumerate().map(|(class, p)| if class == best { 0.0 } else { *p }).sum()
    }

    /// The names as UTF-8 bytes, one after the other, and where each begins and ends.
    pub(crate) fn save(&self) -> [(String, Tensor); 2] {
        let mut offsets = vec![0_u32];
        let mut bytes: Vec<u32> = Vec::new();
        for name in &self.names {
            bytes.extend(name.bytes().map(u32::from));
            offsets.push(bytes.len() as u32);
        }
        [("class_offsets".into(), Tensor::indices(offsets)), ("class_names".into(), Tensor::indices(bytes))]
    }

    pub(crate) fn load(artifact: &Artifact) -> Result<Self, DetectorError> {
        let damaged = || DetectorError::artifact("its class names are damaged");
        let offsets = artifact.indices("class_offsets")?;
        let bytes = artifact.indices("class_names")?;
        let n_classes = offsets.len().saturating_sub(1);
        if !(2..=MAX_CLASSES).contains(&n_classes) || bytes.len() > MAX_NAME_BYTES {
            return Err(damaged());
        }
        if offsets[0] != 0 || offsets[n_classes] as usize != bytes.len() {
            return Err(damaged());
        }
        let names: Result<Vec<String>, DetectorError> = offsets
            .windows(2)
            .map(|pair| {
                let name = bytes.get(pair[0] as usize..pair[1] as usize).ok_or_else(damaged)?;
                let name: Result<Vec<u8>, _> = name.iter().map(|byte| u8::try_from(*byte)).collect();
                String::from_utf8(name.map_err(|_| damaged())?).map_err(|_| damaged())
            })
            .collect();
        let names = names?;
        if names.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(damaged());
        }
        Ok(Self::new(names))
    }

    /// The score of each row; `fill(rows, probabilities)` writes the probabilities of a block, row after row.
    pub(crate) fn score_rows(
        &self,
        frame: &Frame,
        ctx: &Context<'_>,
        fill: impl Fn(&[f64], &mut [f64]) + Sync,
    ) -> Result<Vec<f64>, DetectorError> {
        score_blocks(frame.as_slice(), frame.n_features(), ctx, |rows, scores| {
            let mut probabilities = vec![0.0; scores.len() * self.len()];
            fill(rows, &mut probabilities);
            for (score, row) in scores.iter_mut().zip(probabilities.chunks_exact(self.len())) {
                *score = self.score(row);
            }
        })
    }

    /// The probabilities of each row, shape (n_rows, n_classes); `fill` as in [`score_rows`](Self::score_rows).
    pub(crate) fn probabilities(
        &self,
        frame: &Frame,
        ctx: &Context<'_>,
        fill: impl Fn(&[f64], &mut [f64]) + Sync,
    ) -> Result<Array2<f64>, DetectorError> {
        let mut probabilities = Array2::zeros((frame.n_rows(), self.len()));
        let blocks = probabilities.as_slice_mut().unwrap_or_default().par_chunks_mut(BLOCK_ROWS * self.len());
        blocks.zip(frame.as_slice().par_chunks(BLOCK_ROWS * frame.n_features())).try_for_each(|(out, rows)| {
            ctx.check_cancelled()?;
            fill(rows, out);
            Ok::<(), DetectorError>(())
        })?;
        Ok(probabilities)
    }
}

/// The class of the highest probability, the first of equals.
pub(crate) fn most_probable(probabilities: &[f64]) -> usize {
    let better = |best: usize, class: usize| if probabilities[class] > probabilities[best] { class } else { best };
    (0..probabilities.len()).fold(0, better)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(names: &[&str]) -> Classes {
        Classes::new(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_score_is_one_minus_the_probability_of_normal() {
        assert_eq!(classes(&["OK", "leak", "none"]).score(&[0.25, 0.5, 0.25]), 0.5);
        assert_eq!(classes(&["drift", "leak", "stuck"]).score(&[0.25, 0.625, 0.125]), 0.375);
        assert_eq!(classes(&["drift", "leak", "stuck"]).against(&[0.25, 0.625, 0.125]), [true, false, true]);
        assert_eq!(classes(&["no", "ok"]).score(&[0.25, 0.75]), 0.0);
    }
}
