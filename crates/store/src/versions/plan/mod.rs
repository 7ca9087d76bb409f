//! Which way a page is come by: chosen here, because no database knows its keys apart.
//!
//! - **Order**: the list's own index is walked and each version checked. Good unless few pass.
//! - **Walk**: a condition's index that is in the order of registration, too (an equal value, a tag; a metric's
//!   values beside the version's number), is walked instead. Good where few pass, but many pass each condition.
//! - **Gather**: all versions of one condition are fetched by its index, checked and sorted. Good where it is rare.
//!
//! A [`sample`] tells the share of versions that each condition lets through; what is rare in it is counted, up to
//! a bound ([`counts`]). From these follow the rows that each way would touch. Every way finds the same page.

mod access;
mod counts;
mod sample;

pub(crate) use counts::Counts;
pub(crate) use sample::Samples;

pub(super) use access::{Target, Walk, gather, walk};
pub(super) use counts::in_scope;

use nunatak_domain::{
    Problem,
    filter::{Aggregate, VersionFilter, VersionOrder},
};

use super::sql::Binds;
use crate::{Actor, Store, StoreError};

/// Where the rows of a page come from. The number is that of a conjunct; one past the last is the actor's scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Order,
    Walk(usize),
    Gather(usize),
}

/// The way, and the order in which the conditions are best checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) way: Way,
    /// Numbers of conjuncts, the most selective first.
    pub(super) checks: Vec<usize>,
}

/// What is being asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) conjuncts: &'a [&'a VersionFilter],
    pub(super) orders: &'a [VersionOrder],
    pub(super) target: Target<'a>,
    /// How many rows are wanted.
    pub(super) rows: u32,
}

impl Question<'_> {
    /// Newest first: the order in which the rows were numbered.
    fn is_newest_first(&self) -> bool {
        self.orders.is_empty()
    }

    /// The conjunct that bounds the very values that the list is ordered by.
    pub(super) fn ordered_by(&self) -> Option<usize> {
        let Some(VersionOrder::Metric(key, aggregate, _)) = self.orders.first() else { return None };
        self.conjuncts.iter().position(|part| {
            matches!(part, VersionFilter::Metric(of, by, test)
                if of == key && by == aggregate && test.exists != Some(false) && test.finite != Some(false))
        })
    }

    /// The conjunct that names one project: its own indexes are walked then.
    fn project(&self) -> Option<usize> {
        self.conjuncts.iter().position(|part| matches!(part, VersionFilter::Project(ids) if ids.len() == 1))
    }

    /// Whether the index that finds this conjunct's versions finds those of the one project only.
    fn is_of_project(&self, place: usize) -> bool {
        self.project().is_some()
            && matches!(self.conjuncts.get(place), Some(VersionFilter::Metric(_, Aggregate::Last | Aggregate::Best, _)))
    }

    /// All ways that there are for this question.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` for a pattern that is too long.
    pub(super) fn ways(&self, scoped: bool) -> Result<Vec<Way>, Problem> {
        let mut ways = vec![Way::Order];
        // What is bound here goes nowhere: the statement is written for the way that is chosen.
        let mut unused = Binds::default();
        for (place, part) in self.conjuncts.iter().enumerate() {
            // The one project's versions are in the order of its own index already.
            if Some(place) != self.project() && gather(part, self.target, &mut unused)?.is_some() {
                ways.push(Way::Gather(place));
            }
            if self.is_newest_first() && walk(part, self.target, "w", &mut unused).is_some() {
                ways.push(Way::Walk(place));
            }
        }
        if scoped {
            ways.push(Way::Gather(self.conjuncts.len()));
        }
        Ok(ways)
    }
}

/// What a way costs, in versions looked at. An entry of an index is a fraction of one.
const ENTRY: f64 = 0.1;
/// A row that is gathered is also sorted, and on SQLite fetched before.
const GATHERED: f64 = 0.4;
/// Below this share, counting is worth its time.
const RARE: f64 = 0.012;

impl Store {
    /// Chooses the way. `projects` are those that the actor sees, if they are not all.
    #[expect(clippy::cast_precision_loss, reason = "estimates")]
    pub(super) async fn plan(
        &self,
        actor: &Actor,
        question: &Question<'_>,
        projects: Option<&[i64]>,
    ) -> Result<Plan, StoreError> {
        let in_order = || (0..question.conjuncts.len()).collect();
        if question.conjuncts.is_empty() && projects.is_none() {
            return Ok(Plan { way: Way::Order, checks: in_order() });
        }
        let sample = self.sample().await?;
        if sample.newest <= sample::SMALL {
            return Ok(Plan { way: Way::Order, checks: in_order() });
        }
        let ways = question.ways(projects.is_some())?;
        let mut shares: Vec<f64> = question.conjuncts.iter().map(|part| sample.share(part).unwrap_or(1.0)).collect();
        shares.push(projects.and_then(|rows| sample.share_of_projects(rows)).unwrap_or(1.0));
        let rare: Vec<usize> = ways
            .iter()
            .filter_map(|way| match way {
                Way::Gather(place) if shares[*place] < RARE => Some(*place),
                _ => None,
            })
            .collect();
        let one_project = question.project().map_or(1.0, |place| shares[place]);
        for (place, count) in self.count_rare(actor, question, &rare).await? {
            let of = sample.newest as f64 * if question.is_of_project(place) { one_project } else { 1.0 };
            let counted = (count as f64).max(0.3) / of;
            // Past the bound it is only known to be more.
            shares[place] = if count > counts::BOUND { shares[place].max(counted) } else { counted.min(1.0) };
        }
        let mut checks: Vec<usize> = in_order();
        checks.sort_by(|a, b| shares[*a].total_cmp(&shares[*b]));
        let costs = Costs { question, shares: &shares, all: sample.newest as f64, postgres: self.0.db.is_postgres() };
        let way = ways.into_iter().min_by(|a, b| costs.of(*a).total_cmp(&costs.of(*b))).unwrap_or(Way::Order);
        Ok(Plan { way, checks })
    }
}

struct Costs<'a> {
    question: &'a Question<'a>,
    /// Of each conjunct, then of the scope.
    shares: &'a [f64],
    /// How many versions there are.
    all: f64,
    postgres: bool,
}

impl Costs<'_> {
    /// The share that passes all conditions but one.
    fn besides(&self, place: Option<usize>) -> f64 {
        let others = self.shares.iter().enumerate().filter(|(other, _)| Some(*other) != place);
        others.map(|(_, share)| share).product::<f64>().max(1.0 / self.all)
    }

    /// How many of `available` rows are looked at until the page is full, if this share of them passes.
    fn looked_at(&self, available: f64, passing: f64) -> f64 {
        available.min(f64::from(self.question.rows) / passing)
    }

    fn of(&self, way: Way) -> f64 {
        match way {
            // A bound on the values in whose order we walk is where the walk begins and ends.
            Way::Order => {
                let bound = self.question.ordered_by();
                let available = bound.map_or(1.0, |place| self.shares[place]) * self.all;
                self.looked_at(available * self.by_column(), self.besides(bound) / self.by_column())
            }
            Way::Walk(place) => {
                let (share, others) = (self.shares[place], self.besides(Some(place)));
                let passing = self.looked_at(self.all * share, others);
                match self.is_skipping(place) {
                    true => passing + self.looked_at(self.all, share * others) * ENTRY,
                    false => passing * (1.0 + ENTRY),
                }
            }
            Way::Gather(place) => {
                let rows = self.all * self.pinned_share(place);
                if self.postgres && self.question.is_newest_first() {
                    rows * ENTRY * 2.0 + self.looked_at(rows, self.besides(Some(place)))
                } else {
                    rows * (1.0 + GATHERED)
                }
            }
        }
    }

    /// The share of versions that the conjunct's index finds.
    fn pinned_share(&self, place: usize) -> f64 {
        self.shares[place] * if self.question.is_of_project(place) { self.by_column() } else { 1.0 }
    }

    /// The share of versions in the one project, if the filter names one.
    fn by_column(&self) -> f64 {
        self.question.project().map_or(1.0, |place| self.shares[place])
    }

    fn is_skipping(&self, place: usize) -> bool {
        matches!(self.question.conjuncts.get(place), Some(VersionFilter::Metric(..)))
    }
}
