use nunatak_authz::{Action, Permit};
use nunatak_domain::{AliasName, SweepId, SweepStatus, TrialStatus};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction};
use serde_json::json;

use super::{
    SweepRecord, SweepRequest,
    advance::Rights,
    check::{self, Planned},
    plan::{Plan, Strategy},
    space::number,
    trials::NewTrial,
};
use crate::{
    IdempotencyKey, Store, StoreError,
    entities::sweeps,
    rows::{Rows, insert_all},
    scope,
};

impl Store {
    /// Begins a sweep: its first trials wait for runners when this returns. `promote` is the permit for
    /// [`Action::PromoteVersions`], which a sweep with a rule of promotion needs; the rule asks for it again then.
    ///
    /// # Errors
    /// Problems with the request, each at its place: those of [`Store::train_model`], and `OUT_OF_RANGE`,
    /// `LIMIT_EXCEEDED`, `REQUIRED`, `DUPLICATE_KEY`.
    pub async fn start_sweep(
        &self,
        permit: &Permit,
        promote: Option<&Permit>,
        request: &SweepRequest,
        key: Option<&IdempotencyKey>,
    ) -> Result<SweepRecord, StoreError> {
        scope::require(permit, Action::Train)?;
        let project = scope::project_of(permit)?;
        if let Some(promotion) = &request.promote {
            let permit = promote.ok_or_else(|| StoreError::Corrupt("a promotion without its permit".to_owned()))?;
            scope::require(permit, Action::PromoteVersions)?;
            AliasName::parse(&promotion.alias).map_err(|problem| problem.at("alias").at("promote"))?;
        }
        let rights = Rights::given(permit, promote);
        let txn = self.0.db.begin().await?;
        if let Some(id) = self.replayed(&txn, permit, "sweep", key).await? {
            return self.sweep_in(&txn, id.into()).await;
        }
        let planned = check::plan(&txn, project, request).await?;
        let row = self.insert_sweep(&txn, permit, request, &planned).await?;
        let id = SweepId(row.id);
        self.remember(&txn, permit, "sweep", key, id.0).await?;
        let detail = json!({ "operation": "sweep", "name": request.name, "trials": planned.plan.total });
        self.audit(&txn, permit, id, detail).await?;
        let told = self.go_on(&txn, &row.try_into()?, &rights).await?;
        let sweep = self.sweep_in(&txn, id).await?;
        txn.commit().await?;
        self.tell(&told);
        Ok(sweep)
    }

    async fn insert_sweep(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        request: &SweepRequest,
        planned: &Planned,
    ) -> Result<sweeps::Model, StoreError> {
        let (_, project) = scope::project_of(permit)?;
        let now = self.now();
        let Planned { plan, metric, direction, .. } = planned;
        let deadline = plan.budget.max_seconds.map(|seconds| now.plus(std::time::Duration::from_secs(seconds.into())));
        let text = serde_json::to_string(plan).map_err(|error| StoreError::Corrupt(format!("a plan: {error}")))?;
        let row = sweeps::ActiveModel {
            id: Set(SweepId::new(now).0),
            project_id: Set(project.0),
            name: Set(request.name.to_string()),
            status: Set(SweepStatus::Running.number()),
            plan: Set(text),
            metric: Set(metric.clone()),
            direction: Set(direction.number()),
            deadline: Set(deadline.map(|at| at.micros())),
            promotions: Set("[]".to_owned()),
            created_by: Set(permit.user().0),
            created_at: Set(now.micros()),
            ..Default::default()
        };
        let row = row.insert(txn).await?;
        insert_trials(txn, row.id.into(), first(planned)).await?;
        Ok(row)
    }
}

/// Each configuration on each data set, with what the first rung has of the resource.
fn first(Planned { plan, configurations, .. }: &Planned) -> Vec<NewTrial> {
    let mut trials = Vec::new();
    for (configuration, one) in (1..).zip(configurations) {
        for place in 0..plan.targets.len() {
            let mut chosen = one.chosen.clone();
            chosen.extend(resource(plan, 0));
            let trial = NewTrial { number: 0, configuration, rung: 0, place, detector: one.detector, chosen };
            trials.push(NewTrial { number: i32::try_from(trials.len()).unwrap_or(i32::MAX) + 1, ..trial });
        }
    }
    trials
}

/// The hyperparameter that a rung sets, where rungs do.
pub(super) fn resource(plan: &Plan, rung: usize) -> Option<(String, serde_json::Value)> {
    let Strategy::SuccessiveHalving { resource, .. } = &plan.strategy else { return None };
    let amount = plan.rungs.get(rung)?.resource;
    // What is whole was rounded when the rungs were made, and a whole number is a float's value, too.
    Some((resource.clone(), number(amount, amount.fract() == 0.0)))
}

pub(super) async fn insert_trials(
    txn: &DatabaseTransaction,
    sweep: SweepId,
    trials: Vec<NewTrial>,
) -> Result<(), StoreError> {
    let columns = "sweep_id, number, configuration, rung, place, detector, hyperparameters, status";
    let mut rows = Rows::into("trials", columns);
    let small = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    for trial in trials {
        rows.push([
            sweep.0.into(),
            trial.number.into(),
            trial.configuration.into(),
            trial.rung.into(),
            small(trial.place).into(),
            small(trial.detector).into(),
            serde_json::Value::Object(trial.chosen).to_string().into(),
            TrialStatus::Planned.number().into(),
        ]);
    }
    Ok(insert_all(txn, vec![rows]).await?)
}
