//! Filters and orders at random, over few words so that they often meet.

use nunatak_domain::{
    Timestamp, VersionStatus, Visibility,
    filter::{
        Aggregate, IntTest, NumberTest, OrderField, Sort, StringTest, TimeTest, ValueTest, VersionFilter, VersionOrder,
    },
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::world;

/// Filter, orders, page size, who asks.
pub(super) fn case() -> impl Strategy<Value = (VersionFilter, Vec<VersionOrder>, u32, usize)> {
    (prop_oneof![3 => filter(), 1 => equalities()], vec(order(), 0..=3), 1..12_u32, 0..3_usize)
}

/// What is walked side by side.
fn equalities() -> impl Strategy<Value = VersionFilter> {
    let number = || select(world::NUMBERS).prop_map(|eq| NumberTest { eq: Some(eq), ..NumberTest::default() });
    let text = || select(world::texts()).prop_map(|eq| StringTest { eq: Some(eq), ..StringTest::default() });
    let value = || prop_oneof![number().prop_map(ValueTest::Number), text().prop_map(ValueTest::String)];
    let equality = prop_oneof![
        (select(world::KEYS), value()).prop_map(|(key, test)| VersionFilter::Hyperparameter(key.to_owned(), test)),
        (select(world::KEYS), value()).prop_map(|(key, test)| VersionFilter::Parameter(key.to_owned(), test)),
        text().prop_map(VersionFilter::Tag),
    ];
    vec(prop_oneof![3 => equality, 1 => leaf()], 2..4).prop_map(VersionFilter::And)
}

fn filter() -> impl Strategy<Value = VersionFilter> {
    leaf().prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(VersionFilter::And),
            vec(inner.clone(), 0..3).prop_map(VersionFilter::Or),
            inner.prop_map(|inner| VersionFilter::Not(Box::new(inner))),
        ]
    })
}

fn leaf() -> impl Strategy<Value = VersionFilter> {
    let ids = || vec(0..world::VERSIONS, 0..4);
    prop_oneof![
        4 => (select(world::KEYS), value()).prop_map(|(key, test)| VersionFilter::Hyperparameter(key.to_owned(), test)),
        2 => (select(world::KEYS), value()).prop_map(|(key, test)| VersionFilter::Parameter(key.to_owned(), test)),
        6 => (select(world::KEYS), aggregate(), number())
            .prop_map(|(key, aggregate, test)| VersionFilter::Metric(key.to_owned(), aggregate, test)),
        1 => string().prop_map(VersionFilter::Name),
        1 => string().prop_map(VersionFilter::Detector),
        1 => string().prop_map(VersionFilter::Alias),
        2 => string().prop_map(VersionFilter::Tag),
        1 => string().prop_map(VersionFilter::DatasetName),
        1 => string().prop_map(VersionFilter::GitBranch),
        1 => string().prop_map(VersionFilter::GitCommit),
        1 => any::<bool>().prop_map(VersionFilter::GitDirty),
        1 => int().prop_map(VersionFilter::Number),
        1 => time().prop_map(VersionFilter::CreatedAt),
        1 => select(Visibility::ALL).prop_map(VersionFilter::Visibility),
        1 => select(VersionStatus::ALL).prop_map(VersionFilter::Status),
        1 => ids().prop_map(|ids| VersionFilter::Id(ids.into_iter().map(world::version_id).collect())),
        1 => vec(0..3_u128, 0..3).prop_map(|ids| VersionFilter::Project(ids.into_iter().map(world::id).collect())),
        1 => vec(0..3_u128, 0..3).prop_map(|ids| VersionFilter::CreatedBy(ids.into_iter().map(world::id).collect())),
        1 => vec(0..2_u128, 0..3).prop_map(|ids| VersionFilter::Workspace(ids.into_iter().map(world::id).collect())),
        1 => vec(0..2_u128, 0..3).prop_map(|ids| VersionFilter::Job(ids.into_iter().map(world::id).collect())),
        1 => vec(0..2_u128, 0..3).prop_map(|ids| VersionFilter::Dataset(ids.into_iter().map(world::id).collect())),
    ]
}

fn aggregate() -> impl Strategy<Value = Aggregate> {
    select(&[Aggregate::Last, Aggregate::Min, Aggregate::Max, Aggregate::Best][..])
}

fn sort() -> impl Strategy<Value = Sort> {
    select(&[Sort::Asc, Sort::Desc][..])
}

fn order() -> impl Strategy<Value = VersionOrder> {
    let fields = &[OrderField::CreatedAt, OrderField::Number, OrderField::Name, OrderField::Detector][..];
    prop_oneof![
        (select(fields), sort()).prop_map(|(field, sort)| VersionOrder::Field(field, sort)),
        (select(world::KEYS), sort()).prop_map(|(key, sort)| VersionOrder::Hyperparameter(key.to_owned(), sort)),
        (select(world::KEYS), sort()).prop_map(|(key, sort)| VersionOrder::Parameter(key.to_owned(), sort)),
        (select(world::KEYS), aggregate(), sort()).prop_map(|(key, aggregate, sort)| VersionOrder::Metric(
            key.to_owned(),
            aggregate,
            sort
        )),
    ]
}

fn value() -> impl Strategy<Value = ValueTest> {
    prop_oneof![
        number().prop_map(ValueTest::Number),
        string().prop_map(ValueTest::String),
        any::<bool>().prop_map(ValueTest::Boolean),
        any::<bool>().prop_map(ValueTest::Exists),
    ]
}

/// Mostly nothing, so that tests of several parts are rare.
fn rarely<T: std::fmt::Debug + Clone>(strategy: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    option::weighted(0.2, strategy)
}

fn number() -> impl Strategy<Value = NumberTest> {
    let float = || rarely(select(world::NUMBERS));
    let one = (float(), float(), float(), float(), float(), float());
    (one, rarely(vec(select(world::NUMBERS), 0..3)), rarely(any::<bool>()), rarely(any::<bool>())).prop_map(
        |((eq, ne, lt, lte, gt, gte), any_of, finite, exists)| NumberTest {
            eq,
            ne,
            lt,
            lte,
            gt,
            gte,
            any_of,
            finite,
            exists,
        },
    )
}

fn string() -> impl Strategy<Value = StringTest> {
    let text = || rarely(select(world::texts()));
    (text(), text(), rarely(vec(select(world::texts()), 0..3)), rarely(part()), rarely(part()), rarely(any::<bool>()))
        .prop_map(|(eq, ne, any_of, contains, starts_with, exists)| StringTest {
            eq,
            ne,
            any_of,
            contains,
            starts_with,
            exists,
        })
}

fn part() -> impl Strategy<Value = String> {
    select(&["", "a", "A", "%", "_", "\\", "0%", "x", "ä", "Ä", "\0"][..]).prop_map(ToOwned::to_owned)
}

fn int() -> impl Strategy<Value = IntTest> {
    let small = || rarely(0..8_i64);
    (small(), small(), small(), small(), small(), small(), rarely(vec(0..8_i64, 0..3)))
        .prop_map(|(eq, ne, lt, lte, gt, gte, any_of)| IntTest { eq, ne, lt, lte, gt, gte, any_of })
}

fn time() -> impl Strategy<Value = TimeTest> {
    let time = || rarely((0..20_i64).prop_map(|second| Timestamp::from_micros(world::START + second * 1_000_000)));
    (time(), time(), time(), time(), time()).prop_map(|(eq, lt, lte, gt, gte)| TimeTest { eq, lt, lte, gt, gte })
}
