//! A search's shape: which tests it makes, and never of what. It goes into logs, where values have no business.

use std::fmt::{self, Display, Formatter, Write};

use super::{
    Aggregate, IntTest, NumberTest, OrderField, Sort, StringTest, TimeTest, ValueTest, VersionFilter, VersionOrder,
};

/// What is searched for, without values and without keys: two searches of one shape cost alike, and a log can be
/// counted by it. `and(metric[last].gt, hyperparameter.string.eq, not(tag.contains)) order by metric[best] desc`.
#[must_use]
pub fn search_shape(filter: &VersionFilter, orders: &[VersionOrder]) -> String {
    let mut text = filter.shape();
    for (place, order) in orders.iter().enumerate() {
        text.push_str(if place == 0 { " order by " } else { ", " });
        text.push_str(&order.shape());
    }
    text
}

impl VersionFilter {
    /// The filter without values and keys. Lists tell their length, because it decides what they cost.
    #[must_use]
    pub fn shape(&self) -> String {
        Shape(self).to_string()
    }
}

impl VersionOrder {
    /// The order without keys.
    #[must_use]
    pub fn shape(&self) -> String {
        let (what, sort) = match self {
            Self::Field(field, sort) => (field_name(*field).to_owned(), sort),
            Self::Hyperparameter(_, sort) => ("hyperparameter".to_owned(), sort),
            Self::Parameter(_, sort) => ("parameter".to_owned(), sort),
            Self::Metric(_, aggregate, sort) => (format!("metric[{}]", aggregate_name(*aggregate)), sort),
        };
        let direction = if *sort == Sort::Asc { "asc" } else { "desc" };
        format!("{what} {direction}")
    }
}

const fn field_name(field: OrderField) -> &'static str {
    match field {
        OrderField::CreatedAt => "createdAt",
        OrderField::Number => "number",
        OrderField::Name => "name",
        OrderField::Detector => "detector",
    }
}

const fn aggregate_name(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Last => "last",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::Best => "best",
    }
}

struct Shape<'a>(&'a VersionFilter);

impl Display for Shape<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            VersionFilter::And(parts) => group(f, "and", parts),
            VersionFilter::Or(parts) => group(f, "or", parts),
            VersionFilter::Not(part) => write!(f, "not({})", Shape(part)),
            VersionFilter::Id(ids) => list(f, "id", ids),
            VersionFilter::Workspace(ids) => list(f, "workspace", ids),
            VersionFilter::Project(ids) => list(f, "project", ids),
            VersionFilter::Model(ids) => list(f, "model", ids),
            VersionFilter::CreatedBy(ids) => list(f, "createdBy", ids),
            VersionFilter::Job(ids) => list(f, "job", ids),
            VersionFilter::Dataset(ids) => list(f, "dataset", ids),
            VersionFilter::DatasetVersion(ids) => list(f, "datasetVersion", ids),
            VersionFilter::Name(test) => tests(f, "name", &of_text(test)),
            VersionFilter::Detector(test) => tests(f, "detector", &of_text(test)),
            VersionFilter::Alias(test) => tests(f, "alias", &of_text(test)),
            VersionFilter::Tag(test) => tests(f, "tag", &of_text(test)),
            VersionFilter::DatasetName(test) => tests(f, "dataset.name", &of_text(test)),
            VersionFilter::GitBranch(test) => tests(f, "git.branch", &of_text(test)),
            VersionFilter::GitCommit(test) => tests(f, "git.commit", &of_text(test)),
            VersionFilter::Number(test) => tests(f, "number", &of_int(test)),
            VersionFilter::CreatedAt(test) => tests(f, "createdAt", &of_time(test)),
            VersionFilter::Visibility(_) => f.write_str("visibility"),
            VersionFilter::Status(_) => f.write_str("status"),
            VersionFilter::GitDirty(_) => f.write_str("git.dirty"),
            VersionFilter::Hyperparameter(_, test) => typed(f, "hyperparameter", test),
            VersionFilter::Parameter(_, test) => typed(f, "parameter", test),
            VersionFilter::Metric(_, aggregate, test) => {
                tests(f, &format!("metric[{}]", aggregate_name(*aggregate)), &of_number(test))
            }
        }
    }
}

fn group(f: &mut Formatter<'_>, word: &str, parts: &[VersionFilter]) -> fmt::Result {
    write!(f, "{word}(")?;
    for (place, part) in parts.iter().enumerate() {
        write!(f, "{}{}", if place == 0 { "" } else { ", " }, Shape(part))?;
    }
    f.write_char(')')
}

fn list<T>(f: &mut Formatter<'_>, what: &str, ids: &[T]) -> fmt::Result {
    write!(f, "{what}.in[{}]", ids.len())
}

fn typed(f: &mut Formatter<'_>, what: &str, test: &ValueTest) -> fmt::Result {
    match test {
        ValueTest::Number(test) => tests(f, &format!("{what}.number"), &of_number(test)),
        ValueTest::String(test) => tests(f, &format!("{what}.string"), &of_text(test)),
        ValueTest::Boolean(_) => write!(f, "{what}.boolean"),
        ValueTest::Exists(_) => write!(f, "{what}.exists"),
    }
}

/// `number.gt`, or `number.{gt, lte}` where several hold; without any it is true of whatever is there.
fn tests(f: &mut Formatter<'_>, what: &str, words: &[Option<String>]) -> fmt::Result {
    let words: Vec<&str> = words.iter().flatten().map(String::as_str).collect();
    match words.as_slice() {
        [] => write!(f, "{what}.any"),
        [word] => write!(f, "{what}.{word}"),
        words => write!(f, "{what}.{{{}}}", words.join(", ")),
    }
}

fn word<T>(given: Option<&T>, word: &str) -> Option<String> {
    given.map(|_| word.to_owned())
}

fn one_of<T>(given: Option<&Vec<T>>) -> Option<String> {
    given.map(|list| format!("in[{}]", list.len()))
}

fn of_text(test: &StringTest) -> [Option<String>; 6] {
    let StringTest { eq, ne, any_of, contains, starts_with, exists } = test;
    [
        word(eq.as_ref(), "eq"),
        word(ne.as_ref(), "ne"),
        one_of(any_of.as_ref()),
        word(contains.as_ref(), "contains"),
        word(starts_with.as_ref(), "startsWith"),
        word(exists.as_ref(), "exists"),
    ]
}

fn of_number(test: &NumberTest) -> [Option<String>; 9] {
    let NumberTest { eq, ne, lt, lte, gt, gte, any_of, finite, exists } = test;
    [
        word(eq.as_ref(), "eq"),
        word(ne.as_ref(), "ne"),
        word(lt.as_ref(), "lt"),
        word(lte.as_ref(), "lte"),
        word(gt.as_ref(), "gt"),
        word(gte.as_ref(), "gte"),
        one_of(any_of.as_ref()),
        word(finite.as_ref(), "finite"),
        word(exists.as_ref(), "exists"),
    ]
}

fn of_int(test: &IntTest) -> [Option<String>; 7] {
    let IntTest { eq, ne, lt, lte, gt, gte, any_of } = test;
    [
        word(eq.as_ref(), "eq"),
        word(ne.as_ref(), "ne"),
        word(lt.as_ref(), "lt"),
        word(lte.as_ref(), "lte"),
        word(gt.as_ref(), "gt"),
        word(gte.as_ref(), "gte"),
        one_of(any_of.as_ref()),
    ]
}

fn of_time(test: &TimeTest) -> [Option<String>; 5] {
    let TimeTest { eq, lt, lte, gt, gte } = test;
    [
        word(eq.as_ref(), "eq"),
        word(lt.as_ref(), "lt"),
        word(lte.as_ref(), "lte"),
        word(gt.as_ref(), "gt"),
        word(gte.as_ref(), "gte"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::NumberTest;

    #[test]
    fn a_shape_names_tests_and_no_value_and_no_key() {
        let metric = NumberTest { gt: Some(0.25), lte: Some(0.75), ..NumberTest::default() };
        let secret = || Some("secret".to_owned());
        let text = StringTest { eq: secret(), ..StringTest::default() };
        let tag = StringTest { contains: secret(), ..StringTest::default() };
        let detector = StringTest { any_of: Some(vec!["secret".into(); 3]), ..StringTest::default() };
        let filter = VersionFilter::And(vec![
            VersionFilter::Metric("secret".into(), Aggregate::Last, metric),
            VersionFilter::Hyperparameter("secret".into(), ValueTest::String(text)),
            VersionFilter::Not(Box::new(VersionFilter::Or(vec![
                VersionFilter::Tag(tag),
                VersionFilter::Detector(detector),
                VersionFilter::Alias(StringTest::default()),
            ]))),
            VersionFilter::Project(Vec::new()),
        ]);
        let orders = [
            VersionOrder::Metric("secret".into(), Aggregate::Best, Sort::Desc),
            VersionOrder::Field(OrderField::CreatedAt, Sort::Asc),
        ];
        assert_eq!(
            search_shape(&filter, &orders),
            "and(metric[last].{lte, gt}, hyperparameter.string.eq, not(or(tag.contains, detector.in[3], alias.any)), \
             project.in[0]) order by metric[best] desc, createdAt asc"
        );
    }
}
