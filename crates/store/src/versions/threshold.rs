//! A new threshold for a trained version: a version of its own, because versions do not change, with the same file.

use nunatak_domain::{Key, Name, Problem, Scalar, VersionId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{DatasetOrigin, LogVersion, MetricPoint, NewVersion, TargetModel, VersionRecord};
use crate::{IdempotencyKey, Permit, Store, StoreError, scope::project_of};

/// Where the threshold is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NewThreshold {
    /// At this score.
    Score(f64),
    /// Where this fraction of normal rows exceeds it, by what training measured on held-back rows.
    FalseAlarmRate(f64),
}

/// The parameter in which a training leaves what it knows of other thresholds.
const CALIBRATION: &str = "calibration_";

/// Metrics of the old threshold. All others hold for the scores, which stay what they are.
const OF_THRESHOLD: [&str; 6] =
    ["precision", "recall", "f1", "n_anomalies", "anomaly_fraction", "expected_false_alarm_rate"];

/// The part of the calibration that is read here.
#[derive(Debug, Deserialize)]
struct Calibration {
    /// Pairs (false-alarm rate, threshold), rates descending.
    curve: Vec<(f64, f64)>,
}

impl Store {
    /// Registers a version that differs from `version` in its threshold alone, as the next of the same model.
    /// `permit` is for
    /// [`Action::LogVersions`](crate::Action::LogVersions).
    ///
    /// # Errors
    /// `NotFound`; `NOT_APPLICABLE` for a version without threshold or without calibration, `OUT_OF_RANGE`.
    pub async fn set_threshold(
        &self,
        permit: &Permit,
        version: VersionId,
        wanted: NewThreshold,
        key: Option<&IdempotencyKey>,
    ) -> Result<VersionRecord, StoreError> {
        let old = self.version(permit.actor(), version).await?;
        if old.project_row != project_of(permit)?.0 {
            return Err(StoreError::NotFound("version"));
        }
        let (Some(before), Some(_)) = (old.threshold, &old.artifact) else {
            let message = "this version has no threshold or no file: it was not trained by a runner";
            return Err(Problem::new("NOT_APPLICABLE", message).at("version").into());
        };
        let parameters = self.parameters_of(permit.actor(), &[old.row], None).await?.remove(&old.row);
        let parameters = parameters.unwrap_or_default();
        let calibration = parameters.iter().find(|(name, _)| name == CALIBRATION).map(|(_, value)| value);
        let (threshold, rate) = resolve(wanted, calibration)?;
        let mut version = self.copy_of(permit, &old, parameters).await?;
        let change = match wanted {
            NewThreshold::Score(_) => "set by hand".to_owned(),
            NewThreshold::FalseAlarmRate(rate) => format!("for a false-alarm rate of {rate}"),
        };
        version.description =
            format!("Version {} with the threshold {threshold} {change}; it was {before}.", old.number);
        version.threshold = Some(threshold);
        for (name, value) in &mut version.parameters {
            if let (CALIBRATION, Scalar::Json(calibration)) = (name.as_str(), value) {
                calibration["method"] = json!("set");
                calibration["expected_false_alarm_rate"] = json!(rate);
            }
        }
        if let Some(value) = rate {
            let key = Key::parse("expected_false_alarm_rate")?;
            version.metrics.push(MetricPoint { key, value, step: 0, at: self.now() });
        }
        let log = LogVersion { model: TargetModel::Id(old.model), upload: None, version };
        self.log_version(permit, log, key).await
    }

    /// All of a version that does not depend on its threshold.
    async fn copy_of(
        &self,
        permit: &Permit,
        old: &VersionRecord,
        parameters: Vec<(String, Scalar)>,
    ) -> Result<NewVersion, StoreError> {
        let (actor, rows) = (permit.actor(), [old.row]);
        let hyperparameters = self.hyperparameters_of(actor, &rows, None).await?.remove(&old.row).unwrap_or_default();
        let metrics = self.metrics_of(actor, &rows, None).await?.remove(&old.row).unwrap_or_default();
        let tags = self.tags_of(actor, &rows).await?.remove(&old.row).unwrap_or_default();
        let documents = self.version_documents(actor, &rows).await?.remove(&old.row);
        let (environment, input_schema) =
            documents.map_or((None, None), |documents| (documents.environment, documents.input_schema));
        let named = |values: Vec<(String, Scalar)>| {
            values.into_iter().map(|(name, value)| Ok((Key::parse(&name)?, value))).collect::<Result<Vec<_>, Problem>>()
        };
        let metrics = metrics.into_iter().filter(|metric| !OF_THRESHOLD.contains(&metric.key.as_str()));
        let metrics = metrics.map(|metric| {
            let key = Key::parse(&metric.key)?;
            Ok(MetricPoint { key, value: metric.last, step: metric.last_step, at: metric.last_at })
        });
        Ok(NewVersion {
            created_by: permit.user(),
            description: String::new(),
            visibility: old.visibility,
            detector: old.detector.clone(),
            dataset: match (old.dataset_version, &old.dataset_name) {
                (Some(id), _) => DatasetOrigin::Here(id),
                (None, Some(name)) => {
                    DatasetOrigin::Elsewhere { name: name.clone(), description: old.dataset_description.clone() }
                }
                (None, None) => DatasetOrigin::Unknown,
            },
            git: old.git.clone(),
            environment,
            input_schema,
            artifact: old.artifact.clone(),
            threshold: None,
            job: None,
            parent: Some(old.id),
            hyperparameters: named(hyperparameters)?,
            parameters: named(parameters)?,
            metrics: metrics.collect::<Result<_, Problem>>()?,
            tags: tags.iter().map(|tag| Name::parse(&tag.name)).collect::<Result<_, _>>()?,
            figures: Vec::new(),
        })
    }
}

/// The threshold, and the false-alarm rate that goes with it where it is known.
fn resolve(wanted: NewThreshold, calibration: Option<&Scalar>) -> Result<(f64, Option<f64>), Problem> {
    let curve = calibration.and_then(|value| match value {
        Scalar::Json(value) => Calibration::deserialize(value as &Value).ok(),
        _ => None,
    });
    let curve = curve.map(|calibration| calibration.curve).filter(|curve| !curve.is_empty());
    match wanted {
        NewThreshold::Score(score) if !score.is_finite() => {
            Err(Problem::new("OUT_OF_RANGE", "the threshold must be a finite number").at("threshold"))
        }
        NewThreshold::Score(score) => Ok((score, curve.and_then(|curve| rate_at(&curve, score)))),
        NewThreshold::FalseAlarmRate(rate) => {
            let Some(curve) = curve else {
                let message = "this version has no calibration: train it again, or give the threshold itself";
                return Err(Problem::new("NOT_APPLICABLE", message).at("version"));
            };
            let (highest, lowest) = (curve[0].0, curve[curve.len() - 1].0);
            if !(lowest..=highest).contains(&rate) {
                let message =
                    format!("the rate must be from {lowest:.1e} to {highest:.2}; beyond, nothing was measured");
                return Err(Problem::new("OUT_OF_RANGE", message).at("falseAlarmRate"));
            }
            let above = curve.partition_point(|(at, _)| *at > rate);
            let (lower, upper) = (curve[above.saturating_sub(1)], curve[above.min(curve.len() - 1)]);
            let share = if lower.0 > upper.0 { (lower.0 / rate).ln() / (lower.0 / upper.0).ln() } else { 0.0 };
            Ok((lower.1 + (upper.1 - lower.1) * share, Some(rate)))
        }
    }
}

/// The rate of the first threshold on the curve that is not below the score; `None` beyond the curve's ends.
fn rate_at(curve: &[(f64, f64)], score: f64) -> Option<f64> {
    let above = curve.partition_point(|(_, threshold)| *threshold < score);
    let (lower, upper) = (curve.get(above.checked_sub(1)?)?, curve.get(above)?);
    let share = if upper.1 > lower.1 { (score - lower.1) / (upper.1 - lower.1) } else { 0.0 };
    Some(lower.0 * (upper.0 / lower.0).powf(share))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rates_lie_between_those_measured() {
        let calibration = Scalar::Json(json!({"curve": [[0.1, 1.0], [0.01, 2.0], [0.001, 4.0]], "method": "pot"}));
        let at = |wanted| resolve(wanted, Some(&calibration)).map_err(|problem| problem.code);
        assert_eq!(at(NewThreshold::FalseAlarmRate(0.01)).unwrap(), (2.0, Some(0.01)));
        let (threshold, _) = at(NewThreshold::FalseAlarmRate(0.001_f64.sqrt())).unwrap();
        assert!((threshold - 1.5).abs() < 1e-12, "{threshold}");
        assert!(at(NewThreshold::FalseAlarmRate(0.2)).is_err());
        let (_, rate) = at(NewThreshold::Score(3.0)).unwrap();
        assert!((rate.unwrap() - 0.00316).abs() < 1e-4);
        assert_eq!(at(NewThreshold::Score(9.0)).unwrap(), (9.0, None));
        assert!(at(NewThreshold::Score(f64::NAN)).is_err());
        assert_eq!(resolve(NewThreshold::Score(0.5), None).unwrap(), (0.5, None));
        assert!(resolve(NewThreshold::FalseAlarmRate(0.05), None).is_err());
    }
}
