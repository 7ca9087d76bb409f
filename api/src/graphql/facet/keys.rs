//! Keys with types, ranges and counts.

use async_graphql::{Context, Enum, Object, SimpleObject, Value};
use nunatak_domain::Scalar;
use nunatak_store::facets;

use super::{
    super::{error::ApiError, metric::MetricDirection},
    first_of, list_cost,
    lists::small,
};

/// How many of a key's values may be asked for.
const MAX_VALUES: i32 = 50;
const DEFAULT_VALUES: i32 = 10;

/// The most values that the selection asks for under any key; none, where it does not ask for values at all.
pub(super) fn values_wanted(ctx: &Context<'_>) -> u32 {
    let asked = |arguments: Vec<(_, Value)>| {
        let first = arguments.into_iter().find(|(name, _): &(async_graphql::Name, _)| name == "first");
        match first {
            Some((_, Value::Number(first))) => first.as_i64().and_then(|first| i32::try_from(first).ok()),
            _ => Some(DEFAULT_VALUES),
        }
    };
    let fields = ctx.look_ahead().field("nodes").field("values").selection_fields();
    // What cannot be read is refused where the values are resolved.
    let wanted = fields.iter().filter_map(|field| asked(field.arguments().ok()?)).max().unwrap_or(0);
    wanted.clamp(0, MAX_VALUES).unsigned_abs()
}

/// Keys of hyperparameters or parameters, most frequent first.
#[derive(Debug)]
pub struct KeyFacets(pub facets::Top<facets::KeyFacet>);

/// Keys of hyperparameters or parameters, most frequent first.
#[Object]
impl KeyFacets {
    /// The most frequent.
    async fn nodes(&self) -> Vec<KeyFacet<'_>> {
        self.0.items.iter().map(KeyFacet).collect()
    }

    /// There are more than `nodes`.
    async fn has_more(&self) -> bool {
        self.0.has_more
    }
}

/// A hyperparameter or parameter, and what versions have under it.
#[derive(Debug)]
pub struct KeyFacet<'a>(&'a facets::KeyFacet);

/// A hyperparameter or parameter, and what versions have under it.
#[Object]
impl KeyFacet<'_> {
    /// Its name.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// How many of the versions considered have it.
    async fn count(&self) -> i32 {
        small(self.0.count)
    }

    /// The types that occur, numbers first, then strings, booleans and JSON.
    async fn types(&self) -> Vec<KeyTypeFacet> {
        self.0.types.iter().copied().map(KeyTypeFacet::from).collect()
    }

    /// The smallest number; null where no value is one.
    async fn min(&self) -> Option<f64> {
        self.0.min
    }

    /// The largest number; null where no value is one.
    async fn max(&self) -> Option<f64> {
        self.0.max
    }

    /// The values that most versions have: numbers, strings and booleans.
    #[graphql(complexity = "1 + list_cost(first, MAX_VALUES, child_complexity)")]
    async fn values(
        &self,
        #[graphql(desc = "At most so many, 1 to 50.", default = 10)] first: i32,
    ) -> Result<Vec<ValueFacet>, ApiError> {
        let first = first_of(first, MAX_VALUES)?;
        Ok(self.0.values.iter().take(first as usize).map(ValueFacet::from).collect())
    }
}

/// The type of a hyperparameter's or parameter's value.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "facets::ValueKind")]
pub enum ValueType {
    /// A number.
    Number,
    /// A string.
    String,
    /// True or false.
    Boolean,
    /// An array, an object or null.
    Json,
}

/// How many versions have values of a type under a key.
#[derive(SimpleObject, Debug)]
pub struct KeyTypeFacet {
    /// The type.
    #[graphql(name = "type")]
    kind: ValueType,
    /// How many of the versions considered have a value of it.
    count: i32,
    /// How many different values there are (of strings, by their first 200 characters); null for `JSON`.
    distinct: Option<i32>,
}

impl From<facets::TypeFacet> for KeyTypeFacet {
    fn from(found: facets::TypeFacet) -> Self {
        Self { kind: found.kind.into(), count: small(found.count), distinct: found.distinct.map(small) }
    }
}

/// A value under a key, and how many versions have it. One of `number`, `string` and `boolean` is set.
#[derive(SimpleObject, Debug)]
pub struct ValueFacet {
    /// The value, if it is a number.
    number: Option<f64>,
    /// The value, if it is a string: its first 200 characters.
    string: Option<String>,
    /// The value, if it is a boolean.
    boolean: Option<bool>,
    /// There are longer strings that begin with `string` among them: filter with `startsWith`, not `eq`.
    truncated: bool,
    /// How many of the versions considered have it.
    count: i32,
}

impl From<&facets::ValueFacet> for ValueFacet {
    fn from(found: &facets::ValueFacet) -> Self {
        let value =
            Self { number: None, string: None, boolean: None, truncated: found.truncated, count: small(found.count) };
        match &found.value {
            Scalar::Number(number) => Self { number: Some(*number).filter(|number| number.is_finite()), ..value },
            Scalar::String(text) => Self { string: Some(text.clone()), ..value },
            Scalar::Boolean(boolean) => Self { boolean: Some(*boolean), ..value },
            Scalar::Json(_) => value,
        }
    }
}

/// Metrics, most frequent first.
#[derive(Debug)]
pub struct MetricFacets(pub facets::Top<facets::MetricFacet>);

/// Metrics, most frequent first.
#[Object]
impl MetricFacets {
    /// The most frequent.
    async fn nodes(&self) -> Vec<MetricFacet> {
        self.0.items.iter().map(MetricFacet::from).collect()
    }

    /// There are more than `nodes`.
    async fn has_more(&self) -> bool {
        self.0.has_more
    }
}

/// A metric, and what versions ended with: all of it is about `last`, the value with the greatest step.
#[derive(SimpleObject, Debug)]
pub struct MetricFacet {
    /// Its name.
    key: String,
    /// How many of the versions considered have it.
    count: i32,
    /// The smallest finite value; null where there is none.
    min: Option<f64>,
    /// The largest finite value; null where there is none.
    max: Option<f64>,
    /// How many different finite values there are.
    distinct: i32,
    /// How many versions ended with NaN.
    nan_count: i32,
    /// How many versions ended with an infinity.
    infinite_count: i32,
    /// Which end is good, where the versions' projects declare it, and all the same.
    direction: Option<MetricDirection>,
}

impl From<&facets::MetricFacet> for MetricFacet {
    fn from(found: &facets::MetricFacet) -> Self {
        Self {
            key: found.key.clone(),
            count: small(found.count),
            min: found.min,
            max: found.max,
            distinct: small(found.distinct),
            nan_count: small(found.nan),
            infinite_count: small(found.infinite),
            direction: found.direction.map(Into::into),
        }
    }
}
