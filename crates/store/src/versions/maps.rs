//! What a page shows of a version's maps, ready to read: one row instead of twenty.
//!
//! The typed rows are what filters and orders read; these texts repeat them for output only. They are written in
//! the transaction that writes the rows. NULL (or no row) means that the rows must be read: the version is older
//! than the table, or the text would be too long to carry along.

use std::collections::HashMap;

use nunatak_domain::{Direction, Key, Scalar, Timestamp};
use sea_orm::{DbErr, Value};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor},
    ser::SerializeMap,
};

use crate::{cells::Cells, metrics::MetricRecord, rows::Rows};

/// A page of 100 versions then never reads more than a few megabytes here.
const MAX_TEXT_BYTES: usize = 32 * 1024;

/// The maps of one version. `None` where they must be read from the typed rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Maps {
    pub hyperparameters: Option<Vec<(String, Scalar)>>,
    pub parameters: Option<Vec<(String, Scalar)>>,
    pub metrics: Option<Vec<MetricRecord>>,
}

/// What is kept of one metric, but for what the project's direction decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub key_id: i64,
    pub key: String,
    pub last: Float,
    pub last_step: i64,
    pub last_at: i64,
    pub min: Float,
    pub max: Float,
    pub points: i64,
}

/// A float with the three that JSON has no word for: NaN is null, the infinities are strings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Float(pub f64);

impl Serialize for Float {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            f64::INFINITY => serializer.serialize_str("Infinity"),
            f64::NEG_INFINITY => serializer.serialize_str("-Infinity"),
            value if value.is_nan() => serializer.serialize_unit(),
            value => serializer.serialize_f64(value),
        }
    }
}

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Floats;
        impl Visitor<'_> for Floats {
            type Value = Float;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a number, null, \"Infinity\" or \"-Infinity\"")
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Float, E> {
                Ok(Float(value))
            }

            #[expect(clippy::cast_precision_loss, reason = "a float was written, 3.0 may read as 3")]
            fn visit_i64<E: Error>(self, value: i64) -> Result<Float, E> {
                Ok(Float(value as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "a float was written, 3.0 may read as 3")]
            fn visit_u64<E: Error>(self, value: u64) -> Result<Float, E> {
                Ok(Float(value as f64))
            }

            fn visit_unit<E: Error>(self) -> Result<Float, E> {
                Ok(Float(f64::NAN))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Float, E> {
                match value {
                    "Infinity" => Ok(Float(f64::INFINITY)),
                    "-Infinity" => Ok(Float(f64::NEG_INFINITY)),
                    _ => Err(E::custom("no such number")),
                }
            }
        }
        deserializer.deserialize_any(Floats)
    }
}

/// A JSON object in its own order.
struct Object(Vec<(String, Scalar)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(16));
                while let Some((key, value)) = map.next_entry::<String, serde_json::Value>()? {
                    let value = Scalar::from_json(value).map_err(|problem| A::Error::custom(problem.message))?;
                    entries.push((key, value));
                }
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// Hyperparameters or parameters as text; `None` where a text would be too long or not exact.
pub(crate) fn values_text(values: &[(Key, Scalar)]) -> Option<String> {
    struct Sorted<'a>(Vec<(&'a str, &'a Scalar)>);
    impl Serialize for Sorted<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(Some(self.0.len()))?;
            for (key, value) in &self.0 {
                map.serialize_entry(key, &value.to_json())?;
            }
            map.end()
        }
    }
    let exact = |value: &Scalar| !matches!(value, Scalar::Number(number) if !number.is_finite());
    if !values.iter().all(|(_, value)| exact(value)) {
        return None;
    }
    let mut sorted: Vec<_> = values.iter().map(|(key, value)| (key.as_str(), value)).collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    short(serde_json::to_string(&Sorted(sorted)).ok()?)
}

/// Metrics as text; `None` where it would be too long.
pub(crate) fn metrics_text(mut metrics: Vec<Measured>) -> Option<String> {
    metrics.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    let rows: Vec<_> =
        metrics.iter().map(|m| (m.key_id, &m.key, m.last, m.last_step, m.last_at, m.min, m.max, m.points)).collect();
    short(serde_json::to_string(&rows).ok()?)
}

fn short(text: String) -> Option<String> {
    (text.len() <= MAX_TEXT_BYTES).then_some(text)
}

pub(super) fn rows() -> Rows {
    Rows::into("version_maps", "version_row, hyperparameters, parameters, metrics")
}

/// Adds the maps of a version that is being made.
pub(super) fn push(
    rows: &mut Rows,
    version_row: i64,
    hyperparameters: &[(Key, Scalar)],
    parameters: &[(Key, Scalar)],
    metrics: Vec<Measured>,
) {
    let texts = [values_text(hyperparameters), values_text(parameters), metrics_text(metrics)];
    let [hyperparameters, parameters, metrics] = texts.map(Value::String);
    rows.push([version_row.into(), hyperparameters, parameters, metrics]);
}

/// What notes anew what is kept of a version's metrics.
pub(crate) fn metrics_row(version_row: i64, metrics: Vec<Measured>) -> Rows {
    let mut rows = Rows::into("version_maps", "version_row, metrics")
        .tail("ON CONFLICT (version_row) DO UPDATE SET metrics = excluded.metrics");
    rows.push([version_row.into(), Value::String(metrics_text(metrics))]);
    rows
}

/// Where a statement finds [`Maps`], beside `versions`.
pub(super) const JOIN: &str = "LEFT JOIN version_maps vm ON vm.version_row = versions.row_id";

/// What a statement selects to take [`Maps`] from; the directions are `key:direction,…`.
pub(super) fn columns(postgres: bool) -> String {
    let join = if postgres {
        "string_agg(d.key_id || ':' || d.direction, ',')"
    } else {
        "group_concat(d.key_id || ':' || d.direction)"
    };
    format!(
        "vm.hyperparameters AS map_hyperparameters, vm.parameters AS map_parameters, vm.metrics AS map_metrics, \
         (SELECT {join} FROM metric_directions d WHERE d.project_row = versions.project_row) AS map_directions"
    )
}

fn directions(text: &str) -> HashMap<i64, Direction> {
    let pair = |pair: &str| {
        let (key, number) = pair.split_once(':')?;
        Some((key.parse().ok()?, Direction::from_number(number.parse().ok()?)?))
    };
    text.split(',').filter_map(pair).collect()
}

impl Measured {
    fn record(self, version_row: i64, direction: Direction) -> MetricRecord {
        MetricRecord {
            version_row,
            key_id: self.key_id,
            last: self.last.0,
            last_step: self.last_step,
            last_at: Timestamp::from_micros(self.last_at),
            min: self.min.0,
            max: self.max.0,
            best: match direction {
                Direction::Maximize => self.max.0,
                Direction::Minimize => self.min.0,
            },
            points: self.points,
            direction,
            key: self.key,
        }
    }
}

impl Maps {
    /// The maps that were selected with [`columns`]. A text that cannot be read counts as none.
    pub(super) fn take(version_row: i64, cells: &mut Cells<'_>) -> Result<Self, DbErr> {
        fn parsed<'a, T: Deserialize<'a>>(text: Option<&'a String>) -> Option<T> {
            serde_json::from_str(text?).ok()
        }
        let hyperparameters: Option<String> = cells.take()?;
        let parameters: Option<String> = cells.take()?;
        let metrics: Option<String> = cells.take()?;
        let directions: Option<String> = cells.take()?;
        let directions = directions.map_or_else(HashMap::new, |text| self::directions(&text));
        let direction = |key| directions.get(&key).copied().unwrap_or(Direction::Maximize);
        let record = |metric: Measured| {
            let direction = direction(metric.key_id);
            metric.record(version_row, direction)
        };
        Ok(Self {
            hyperparameters: parsed::<Object>(hyperparameters.as_ref()).map(|object| object.0),
            parameters: parsed::<Object>(parameters.as_ref()).map(|object| object.0),
            metrics: parsed::<Vec<Measured>>(metrics.as_ref()).map(|metrics| metrics.into_iter().map(record).collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scalar() -> impl Strategy<Value = Scalar> {
        prop_oneof![
            any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(Scalar::Number),
            ".{0,20}".prop_map(Scalar::String),
            any::<bool>().prop_map(Scalar::Boolean),
            Just(Scalar::Json(serde_json::json!([1, "a", null]))),
            Just(Scalar::Json(serde_json::Value::Null)),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_bit_for_bit(
            values in proptest::collection::btree_map("[a-z\"\\\\é]{1,6}", scalar(), 0..12),
            floats in proptest::collection::vec(any::<f64>(), 3),
        ) {
            let keyed: Vec<_> = values.iter().map(|(key, value)| (Key::parse(key).unwrap(), value.clone())).collect();
            let text = values_text(&keyed).unwrap();
            let expected: Vec<_> = values.into_iter().collect();
            prop_assert_eq!(serde_json::from_str::<Object>(&text).unwrap().0, expected);

            let metric = Measured {
                key_id: 7, key: "auc".into(), last: Float(floats[0]), last_step: -3, last_at: i64::MAX,
                min: Float(floats[1]), max: Float(floats[2]), points: 2,
            };
            let text = metrics_text(vec![metric.clone()]).unwrap();
            let read: Vec<Measured> = serde_json::from_str(&text).unwrap();
            let bits = |m: &Measured| [m.last, m.min, m.max].map(|f| if f.0.is_nan() { 0 } else { f.0.to_bits() });
            prop_assert_eq!(bits(&read[0]), bits(&metric));
            prop_assert_eq!((&read[0].key, read[0].last_step, read[0].last_at), (&metric.key, -3, i64::MAX));
        }
    }

    #[test]
    fn what_has_no_exact_or_short_text_has_none() {
        let key = |name: &str| Key::parse(name).unwrap();
        assert_eq!(values_text(&[(key("a"), Scalar::Number(f64::INFINITY))]), None);
        assert_eq!(values_text(&[(key("a"), Scalar::String("x".repeat(MAX_TEXT_BYTES)))]), None);
        assert_eq!(values_text(&[]).as_deref(), Some("{}"));
    }
}
