//! Which settings a sweep tries: all of a grid, or some drawn from the space. Never the same twice.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};

use super::{draws::Draws, space::Space};

/// A detector that a sweep may choose, with what it may choose for it.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Name and version.
    pub(super) detector: String,
    pub(super) fixed: Map<String, Value>,
    pub(super) space: Space,
}

/// One choice: a detector by its place in the request, and what was chosen of its space.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Configuration {
    pub(super) detector: usize,
    pub(super) chosen: Map<String, Value>,
}

/// Of a space with no more points than this they are all listed and shuffled: none is missed, none is drawn in vain.
const LISTED: usize = 2000;
/// Of larger ones, and ranges without steps, more than every second draw is new as long as at most 1,000 are wanted;
/// only one that is small without saying so (whole numbers on a logarithmic scale) needs as many.
const TRIES: usize = 1000;

impl Candidate {
    /// What two choices that are one have in common.
    fn identity(&self, chosen: &Map<String, Value>) -> String {
        let all: BTreeMap<&String, &Value> = self.fixed.iter().chain(chosen).collect();
        format!("{} {}", self.detector, Value::from_iter(all.into_iter().map(|(k, v)| (k.clone(), v.clone()))))
    }

    /// How many points each hyperparameter has in a grid.
    ///
    /// # Errors
    /// The name of a range without steps.
    pub(super) fn sizes(&self) -> Result<Vec<(&str, usize)>, &str> {
        let points = |dimension: &super::space::Dimension| dimension.points().map(|points| points.len());
        self.space.0.iter().map(|(name, dimension)| Ok((&**name, points(dimension).ok_or(&**name)?))).collect()
    }

    /// All points of the grid; the last name varies fastest.
    fn grid(&self) -> Vec<Map<String, Value>> {
        self.space.0.iter().fold(vec![Map::new()], |partial, (name, dimension)| {
            let points = dimension.points().unwrap_or_default();
            let extended = partial.iter().flat_map(|chosen| {
                points.iter().map(|point| {
                    let mut chosen = chosen.clone();
                    chosen.insert(name.clone(), point.clone());
                    chosen
                })
            });
            extended.collect()
        })
    }
}

/// The whole grid, detector by detector. Its size has been checked.
pub(super) fn grid(candidates: &[Candidate]) -> Vec<Configuration> {
    let mut seen = HashSet::new();
    let all = candidates.iter().enumerate().flat_map(|(detector, candidate)| {
        candidate.grid().into_iter().map(move |chosen| Configuration { detector, chosen })
    });
    all.filter(|one| seen.insert(candidates[one.detector].identity(&one.chosen))).collect()
}

/// `wanted` configurations drawn from the space, the detectors by turns; fewer where the space has no more.
pub(super) fn random(candidates: &[Candidate], wanted: usize, draws: &mut Draws) -> Vec<Configuration> {
    let mut open: Vec<(usize, Source)> =
        candidates.iter().map(|candidate| Source::of(candidate, draws)).enumerate().collect();
    let (mut seen, mut found, mut turn) = (HashSet::new(), Vec::new(), 0);
    while found.len() < wanted && !open.is_empty() {
        let place = turn % open.len();
        let (detector, source) = &mut open[place];
        let candidate = &candidates[*detector];
        let mut drawn = std::iter::repeat_with(|| source.next(candidate, draws)).take(TRIES);
        match drawn.find(|one| one.as_ref().is_none_or(|chosen| seen.insert(candidate.identity(chosen)))).flatten() {
            Some(chosen) => {
                found.push(Configuration { detector: *detector, chosen });
                turn = place + 1;
            }
            None => {
                open.remove(place);
                turn = place;
            }
        }
    }
    found
}

/// Where a candidate's configurations come from.
enum Source {
    Listed(Vec<Map<String, Value>>),
    Drawn,
}

impl Source {
    fn of(candidate: &Candidate, draws: &mut Draws) -> Self {
        let sizes = candidate.sizes().unwrap_or_default();
        let product = sizes.iter().try_fold(1_usize, |product, (_, size)| product.checked_mul(*size));
        let is_whole = sizes.len() == candidate.space.0.len();
        if !is_whole || product.is_none_or(|product| product > LISTED) {
            return Self::Drawn;
        }
        let mut all = candidate.grid();
        draws.shuffle(&mut all);
        Self::Listed(all)
    }

    fn next(&mut self, candidate: &Candidate, draws: &mut Draws) -> Option<Map<String, Value>> {
        match self {
            Self::Listed(all) => all.pop(),
            Self::Drawn => Some(candidate.space.draw(draws)),
        }
    }
}

#[cfg(test)]
#[path = "configurations_tests.rs"]
mod tests;
