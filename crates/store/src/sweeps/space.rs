//! What a sweep may choose for one detector: for each hyperparameter some values, or a range.

use nunatak_domain::Problem;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::draws::Draws;

/// How the numbers of a range lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Scale {
    #[default]
    Linear,
    /// Equal ratios instead of equal differences: for what goes over orders of magnitude.
    Log,
}

/// What one hyperparameter may be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Dimension {
    Values(Vec<Value>),
    Range { min: f64, max: f64, scale: Scale, steps: Option<u32>, integer: bool },
}

/// By the hyperparameters' names, in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Space(pub(super) Vec<(String, Dimension)>);

/// As it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    values: Option<Vec<Value>>,
    min: Option<f64>,
    max: Option<f64>,
    scale: Option<Scale>,
    steps: Option<u32>,
}

/// A person who compares more settings of one detector at once has left a range out of sight.
const MAX_DIMENSIONS: usize = 20;
const MAX_VALUES: usize = 200;
const MAX_STEPS: u32 = 1000;
/// 64-bit floats hold all whole numbers up to here.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

impl Space {
    /// `integer` tells of a name whether the detector takes whole numbers only.
    ///
    /// # Errors
    /// What is wrong with each hyperparameter, at its name.
    pub(super) fn parse(given: &Value, integer: impl Fn(&str) -> bool) -> Result<Self, Vec<Problem>> {
        let given = match given {
            Value::Null => &Map::new(),
            Value::Object(given) => given,
            _ => return Err(vec![Problem::new("WRONG_TYPE", "a space is an object by names of hyperparameters")]),
        };
        if given.len() > MAX_DIMENSIONS {
            let message = format!("{} hyperparameters are too many; vary at most {MAX_DIMENSIONS}", given.len());
            return Err(vec![Problem::new("LIMIT_EXCEEDED", message)]);
        }
        let (mut dimensions, mut problems) = (Vec::new(), Vec::new());
        for (name, given) in given {
            match Dimension::parse(given, integer(name)) {
                Ok(dimension) => dimensions.push((name.clone(), dimension)),
                Err(problem) => problems.push(problem.at(name)),
            }
        }
        if problems.is_empty() { Ok(Self(dimensions)) } else { Err(problems) }
    }

    /// One draw of each hyperparameter.
    pub(super) fn draw(&self, draws: &mut Draws) -> Map<String, Value> {
        self.0.iter().map(|(name, dimension)| (name.clone(), dimension.draw(draws))).collect()
    }
}

impl Dimension {
    fn parse(given: &Value, integer: bool) -> Result<Self, Problem> {
        let Given { values, min, max, scale, steps } = Given::deserialize(given).map_err(|error| {
            let message = format!("{error}; write {{values: […]}} or {{min, max, scale: LINEAR or LOG, steps}}");
            Problem::new("INVALID_INPUT", message)
        })?;
        match (values, min, max) {
            (Some(values), None, None) if scale.is_none() && steps.is_none() => Self::of_values(values),
            (None, Some(min), Some(max)) => Self::of_range(min, max, scale.unwrap_or_default(), steps, integer),
            _ => Err(Problem::new("INVALID_INPUT", "give either `values`, or both `min` and `max`")),
        }
    }

    fn of_values(values: Vec<Value>) -> Result<Self, Problem> {
        if values.is_empty() || values.len() > MAX_VALUES {
            let message = format!("give 1 to {MAX_VALUES} values, not {}", values.len());
            return Err(Problem::new("OUT_OF_RANGE", message).at("values"));
        }
        Ok(Self::Values(values))
    }

    fn of_range(min: f64, max: f64, scale: Scale, steps: Option<u32>, integer: bool) -> Result<Self, Problem> {
        let refuse = |message: String, field: &str| Err(Problem::new("OUT_OF_RANGE", message).at(field));
        if min >= max {
            return refuse(format!("`max` must be greater than `min`, which is {min}"), "max");
        }
        if scale == Scale::Log && min <= 0.0 {
            return refuse(format!("on a logarithmic scale `min` must be greater than 0, not {min}"), "min");
        }
        for (end, field) in [(min, "min"), (max, "max")] {
            if integer && (end.fract() != 0.0 || end.abs() > MAX_WHOLE) {
                return Err(Problem::new("WRONG_TYPE", format!("this takes whole numbers, not {end}")).at(field));
            }
        }
        match steps {
            Some(steps) if !(2..=MAX_STEPS).contains(&steps) => {
                refuse(format!("a range has 2 to {MAX_STEPS} steps, not {steps}"), "steps")
            }
            _ => Ok(Self::Range { min, max, scale, steps, integer }),
        }
    }

    /// Where a value is that may have to be checked: its place in the input, and itself.
    pub(super) fn ends(&self) -> Vec<([String; 2], Value)> {
        match self {
            Self::Values(values) => {
                let places = values.iter().enumerate();
                places.map(|(place, value)| (["values".to_owned(), place.to_string()], value.clone())).collect()
            }
            Self::Range { min, max, integer, .. } => {
                let end = |field: &str, value| ([field.to_owned(), String::new()], number(value, *integer));
                vec![end("min", *min), end("max", *max)]
            }
        }
    }

    /// What a grid tries; nothing for a range of which nobody said how many steps it has.
    pub(super) fn points(&self) -> Option<Vec<Value>> {
        match self {
            Self::Values(values) => Some(values.clone()),
            Self::Range { min, max, scale, steps, integer } => {
                let every = *integer && *scale == Scale::Linear && max - min < f64::from(MAX_STEPS);
                let steps = steps.or_else(|| every.then_some((max - min) as u32 + 1))?;
                let part = |step| f64::from(step) / f64::from(steps - 1);
                let points = (0..steps).map(|step| number(between(*min, *max, *scale, part(step)), *integer));
                let mut points: Vec<Value> = points.collect();
                // Whole numbers may fall together.
                points.dedup();
                Some(points)
            }
        }
    }

    fn draw(&self, draws: &mut Draws) -> Value {
        match self {
            Self::Range { min, max, scale, steps: None, integer } => {
                let unit = draws.unit();
                match (integer, scale) {
                    // Each whole number as often as the others, the ends included.
                    (true, Scale::Linear) => number((min + unit * (max - min + 1.0)).floor().min(*max), true),
                    _ => number(between(*min, *max, *scale, unit), *integer),
                }
            }
            Self::Values(_) | Self::Range { .. } => {
                let mut points = self.points().unwrap_or_default();
                points.swap_remove(draws.below(points.len()))
            }
        }
    }
}

/// The number at `part` (0 to 1) of the way; the ends exactly.
fn between(min: f64, max: f64, scale: Scale, part: f64) -> f64 {
    if part <= 0.0 {
        return min;
    }
    if part >= 1.0 {
        return max;
    }
    let middle = match scale {
        Scale::Linear => min.mul_add(1.0 - part, max * part),
        Scale::Log => min.ln().mul_add(1.0 - part, max.ln() * part).exp(),
    };
    middle.clamp(min, max)
}

/// A whole number has no fraction in JSON either: schemas tell 3 from 3.0 no more than people do, runners may.
pub(super) fn number(value: f64, integer: bool) -> Value {
    if integer { Value::from(value.round() as i64) } else { Value::from(value) }
}
