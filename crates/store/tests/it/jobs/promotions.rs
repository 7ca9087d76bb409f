//! The best of a sweep gets its alias, by rule, with history; and leaderboards beyond a sweep.

use nunatak_domain::{AliasName, DatasetVersionId, Direction, Key, PageRequest, Role, SweepStatus};
use nunatak_store::{
    Action,
    leaderboard::{GroupBy, LeaderboardQuery},
    sweeps::{Promotion, SweepRequest},
};

use super::{
    sweeps::{forest, sweep},
    world::{CSV, World, code},
};

fn champion() -> Promotion {
    Promotion::new(&AliasName::parse("champion").unwrap())
}

/// The score of a trial is its number of trees in hundredths.
fn hundredth(trees: i64) -> Option<f64> {
    Some(trees as f64 / 100.0)
}

async fn promoting(world: &World, dataset: DatasetVersionId, trees: &[i64], rule: Promotion) -> Vec<(bool, String)> {
    let runner = world.runner("one").await;
    let request = SweepRequest { promote: Some(rule), ..sweep(dataset, vec![forest(trees)]) };
    let id = world.start(&request).await.unwrap().id;
    world.run(runner, hundredth).await;
    let sweep = world.sweep_of(id).await;
    assert_eq!(sweep.status, SweepStatus::Succeeded);
    let told = |text: &str| text.rsplit_once("): ").map_or(text, |(_, reason)| reason).to_owned();
    sweep.promotions.into_iter().map(|record| (record.promoted, told(&record.reason))).collect()
}

#[tokio::test]
async fn the_best_gets_the_alias_where_it_is_better() {
    let world = World::new().await;
    let dataset = world.dataset(CSV).await;
    let refused = SweepRequest { promote: Some(champion()), ..sweep(dataset, vec![forest(&[1])]) };
    world.runner("one").await;
    assert_eq!(code(world.start(&refused).await), "(denied)", "a developer does not promote");

    world.join("dev", Role::Maintainer).await;
    let first = promoting(&world, dataset, &[10, 95], champion()).await;
    assert_eq!(first, [(true, "roc_auc 0.95, and nothing was `champion`".to_owned())]);
    let worse = promoting(&world, dataset, &[94], champion()).await;
    assert_eq!(worse, [(false, "roc_auc 0.94 < 0.95 of version 2, which is not better".to_owned())]);
    let little = Promotion { min_improvement: 0.05, ..champion() };
    let little = promoting(&world, dataset, &[97], little).await;
    assert_eq!(little, [(false, "roc_auc 0.97 > 0.95 of version 2, which is not better by 0.05".to_owned())]);
    let better = promoting(&world, dataset, &[96, 97], champion()).await;
    assert_eq!(better, [(true, "roc_auc 0.97 > 0.95 of version 2".to_owned())]);
    let any_way = Promotion { only_if_better_than_current: false, ..champion() };
    let worse = promoting(&world, dataset, &[20], any_way).await;
    assert_eq!(worse, [(true, "roc_auc 0.2 < 0.97 of version 6".to_owned())]);

    let page = world.store.sweep_page(&world.dev, &Default::default(), &PageRequest::first(1)).await.unwrap();
    let model = page.items[0].1.promotions[0].model;
    let moves = world.store.alias_moves(&world.dev, model, None, &PageRequest::first(9)).await.unwrap();
    let reasons: Vec<String> = moves.items.into_iter().map(|(_, entry)| entry.reason.unwrap()).collect();
    assert_eq!(reasons.len(), 3);
    let id = page.items[0].1.id;
    assert_eq!(reasons[0], format!("sweep try ({id}): roc_auc 0.2 < 0.97 of version 6"));
}

#[tokio::test]
async fn a_promotion_may_come_before_the_end_and_needs_the_right_by_then() {
    let world = World::new().await;
    let dataset = world.dataset(CSV).await;
    world.join("dev", Role::Maintainer).await;
    let early = Promotion { as_soon_as_better: true, ..champion() };
    let steps = promoting(&world, dataset, &[10, 30, 20, 40], early.clone()).await;
    let expected = ["0.1, and nothing was `champion`", "0.3 > 0.1 of version 1", "0.4 > 0.3 of version 2"];
    assert_eq!(steps, expected.map(|text| (true, format!("roc_auc {text}"))));

    let runner = world.runner("one").await;
    let request = SweepRequest { promote: Some(early), ..sweep(dataset, vec![forest(&[99])]) };
    let id = world.start(&request).await.unwrap().id;
    world.join("dev", Role::Developer).await;
    world.run(runner, hundredth).await;
    let promotions = world.sweep_of(id).await.promotions;
    assert!(!promotions[0].promoted && promotions[0].reason.contains("version:promote"), "{promotions:?}");
}

#[tokio::test]
async fn each_data_set_has_a_model_and_a_champion() {
    let world = World::new().await;
    world.join("dev", Role::Maintainer).await;
    let runner = world.runner("one").await;
    let datasets = vec![world.dataset(CSV).await, world.dataset(CSV).await];
    let request = SweepRequest {
        promote: Some(champion()),
        datasets: datasets.clone(),
        ..sweep(datasets[0], vec![forest(&[50, 60])])
    };
    let sweep = world.start(&request).await.unwrap();
    assert_eq!(sweep.plan.total, 4);
    assert!(sweep.plan.targets.iter().all(|target| target.model.starts_with("pump-readings ")), "{sweep:?}");
    world.run(runner, hundredth).await;
    let best = world.store.best_trials(&world.dev, &[sweep.id]).await.unwrap().remove(&sweep.id).unwrap();
    assert_eq!(
        best.iter().map(|trial| (trial.place, trial.score)).collect::<Vec<_>>(),
        [(0, Some(0.6)), (1, Some(0.6))]
    );
    let promotions = world.sweep_of(sweep.id).await.promotions;
    assert!(promotions.len() == 2 && promotions[0].model != promotions[1].model, "{promotions:?}");
}

#[tokio::test]
async fn a_leaderboard_has_the_best_of_each_group_that_the_reader_sees() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let (here, there) = (world.dataset(CSV).await, world.dataset(CSV).await);
    for (model, dataset, trees) in [("a", here, 30), ("a", here, 50), ("b", here, 40), ("b", there, 90)] {
        let request = SweepRequest { model: super::world::name(model), ..sweep(dataset, vec![forest(&[trees])]) };
        world.start(&request).await.unwrap();
        world.run(runner, hundredth).await;
    }
    let query = |group_by, direction| LeaderboardQuery {
        project: world.project,
        dataset: here,
        model: None,
        metric: Key::parse("roc_auc").unwrap(),
        direction,
        group_by,
        first: 10,
    };
    let board = async |actor, query: &LeaderboardQuery| {
        let entries = world.store.leaderboard(actor, query).await.unwrap();
        entries.into_iter().map(|entry| (entry.rank, entry.score, entry.versions)).collect::<Vec<_>>()
    };
    let models = query(GroupBy::Model, None);
    assert_eq!(board(&world.dev, &models).await, [(1, 0.5, 2), (2, 0.4, 1)]);
    assert_eq!(board(&world.dev, &query(GroupBy::Detector, None)).await, [(1, 0.5, 3)]);
    let worst = query(GroupBy::Version, Some(Direction::Minimize));
    assert_eq!(board(&world.dev, &worst).await, [(1, 0.3, 1), (2, 0.4, 1), (3, 0.5, 1)]);
    let stranger = super::world::user(&world.store, "eve", false).await;
    assert!(board(&stranger, &models).await.is_empty());

    // What the project declares holds where nothing is said.
    let permit = world.may(&world.admin, Action::UpdateProject).await;
    world.store.declare_metric(&permit, &models.metric, Direction::Minimize).await.unwrap();
    assert_eq!(board(&world.dev, &models).await, [(1, 0.3, 2), (2, 0.4, 1)]);
}
