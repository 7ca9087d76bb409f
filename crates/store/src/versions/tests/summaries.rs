//! Summaries of projects against listing the same in memory, while versions are hidden, shown, deleted and added to.

use std::collections::{BTreeSet, HashMap};

use nunatak_domain::{Key, Name, ProjectId, Timestamp, UserId, Visibility};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use sea_orm::ConnectionTrait;

use super::{
    naive::Fake,
    world::{self, World},
};
use crate::{
    Action, Actor, Permit, StoreError, db,
    facets::Top,
    summaries::SummaryList,
    versions::{MetricPoint, VersionChange, audience},
};

/// How often something changes.
const CHANGES: usize = 120;

#[tokio::test]
async fn summaries_are_what_a_naive_list_finds() {
    for url in world::databases() {
        let mut world = World::new(&url).await;
        a_maintainer(&world).await;
        let mut random = StdRng::seed_from_u64(11);
        compare(&world).await;
        for change in 0..CHANGES {
            let place = random.gen_range(0..world.fakes.len());
            something_changes(&mut world, &mut random, place).await;
            if change % 4 == 0 {
                compare(&world).await;
            }
        }
        assert_rows_stand_apart(&world).await;
        // A whole model goes.
        let model = world.fakes.iter().find(|fake| fake.name == "aX 50%").unwrap().clone();
        let permit = permit(&world, model.project, Action::DeleteModels).await;
        match world.store.delete_model(&permit, model.model).await {
            Ok(()) => world.fakes.retain(|fake| fake.model != model.model),
            Err(error) => assert_code(&error, "ALIASED"),
        }
        compare(&world).await;
    }
}

/// User 2, "bob", reads the private versions of the second project.
async fn a_maintainer(world: &World) {
    let text = "INSERT INTO memberships (id, user_id, project_id, role, created_by, created_at, updated_at) \
                VALUES ($1, $1, $2, 40, $3, 0, 0)";
    let id = |number| world::id::<uuid::Uuid>(number).into();
    let db = world.store.0.db.write();
    db.execute_raw(db::sql(db, text, vec![id(2), id(1), id(0)])).await.unwrap();
}

async fn permit(world: &World, project: ProjectId, action: Action) -> Permit {
    world.store.project_permit(&world.admin(), action, project).await.unwrap()
}

fn assert_code(error: &StoreError, code: &str) {
    assert!(matches!(error, StoreError::Invalid(found) if found[0].code == code), "{error:?}");
}

async fn something_changes(world: &mut World, random: &mut StdRng, place: usize) {
    let store = world.store.clone();
    let permit_for = |action| {
        let (store, admin, project) = (store.clone(), world.admin(), world.fakes[place].project);
        async move { store.project_permit(&admin, action, project).await.unwrap() }
    };
    let id = world.fakes[place].id;
    let word = ["p", "q", "r"].choose(random).unwrap();
    match random.gen_range(0..6) {
        0..3 => {
            let visibility = *Visibility::ALL.choose(random).unwrap();
            let change = VersionChange { visibility: Some(visibility), ..VersionChange::default() };
            store.update_version(&permit_for(Action::AnnotateVersions).await, id, change).await.unwrap();
            world.fakes[place].visibility = visibility;
        }
        3 => {
            let (key, at) = (Key::parse(word).unwrap(), Timestamp::from_micros(world::START));
            let point = MetricPoint { key, value: 0.5, step: 0, at };
            store.log_metrics(&permit_for(Action::AnnotateVersions).await, id, &[point]).await.unwrap();
            world.fakes[place].metrics.insert((*word).to_owned(), [0.5; 4]);
        }
        4 => {
            let tag = Name::parse(word).unwrap();
            store.attach_tags(&permit_for(Action::AnnotateVersions).await, id, &[tag]).await.unwrap();
            world.fakes[place].tags.push((*word).to_owned());
        }
        _ => match store.delete_version(&permit_for(Action::DeleteVersions).await, id).await {
            Ok(()) => drop(world.fakes.remove(place)),
            Err(error) => assert_code(&error, "ALIASED"),
        },
    }
}

type Sees = fn(&Fake) -> bool;

/// Who looks, and whether that one sees a version.
fn lookers(world: &World) -> [(Actor, Sees); 4] {
    let user = |number: u128, login: &str| Actor::User {
        id: world::id(number),
        login: login.to_owned(),
        is_admin: false,
        token: None,
    };
    let ann = user(1, "ann");
    [
        (world.admin(), |_| true),
        (ann, |fake| {
            fake.project == world::id(0) && (fake.visibility == Visibility::Public || fake.created_by == world::id(1))
        }),
        (user(2, "bob"), |fake| fake.project == world::id(1)),
        (Actor::Anonymous, |_| false),
    ]
}

async fn compare(world: &World) {
    let projects: [ProjectId; 3] = [world::id(0), world::id(1), world::id(2)];
    for (actor, sees) in lookers(world) {
        for (list, words) in LISTS {
            for first in [2, 100] {
                let found = world.store.summary_names(&actor, &projects, *list, first).await.unwrap();
                let expected = listed(world, sees, first as usize, words);
                assert_eq!(found, expected, "{list:?} of {actor:?}");
            }
        }
        let logins = ["root", "ann", "bob"];
        let user = |id: UserId| logins[(id.0.as_u128() - 1) as usize].to_owned();
        let expected = listed(world, sees, 2, |fake| vec![user(fake.created_by)]);
        let found = world.store.summary_contributors(&actor, &projects, 2).await.unwrap();
        let found: HashMap<_, _> = found
            .into_iter()
            .map(|(project, top)| {
                (project, Top { items: top.items.into_iter().map(user).collect(), has_more: top.has_more })
            })
            .collect();
        assert_eq!(found, expected, "contributors of {actor:?}");
        let counts = world.store.summary_counts(&actor, &projects).await.unwrap();
        for project in projects {
            let expected = world.fakes.iter().filter(|fake| fake.project == project && sees(fake)).count();
            let found = counts.get(&project).map_or(0, |count| count.value);
            assert_eq!(found, i64::try_from(expected).unwrap(), "versions of {actor:?}");
        }
    }
}

type Words = fn(&Fake) -> Vec<String>;

const LISTS: &[(SummaryList, Words)] = &[
    (SummaryList::HyperparameterKeys, |fake| fake.hyperparameters.keys().cloned().collect()),
    (SummaryList::ParameterKeys, |fake| fake.parameters.keys().cloned().collect()),
    (SummaryList::MetricKeys, |fake| fake.metrics.keys().cloned().collect()),
    (SummaryList::Tags, |fake| fake.tags.clone()),
    (SummaryList::ModelNames, |fake| vec![fake.name.clone()]),
    (SummaryList::GitBranches, |fake| fake.branch.clone().into_iter().collect()),
];

fn listed(
    world: &World,
    sees: Sees,
    first: usize,
    words: impl Fn(&Fake) -> Vec<String>,
) -> HashMap<ProjectId, Top<String>> {
    let mut found: HashMap<ProjectId, BTreeSet<String>> = HashMap::new();
    for fake in world.fakes.iter().filter(|fake| sees(fake)) {
        found.entry(fake.project).or_default().extend(words(fake));
    }
    let top =
        |words: BTreeSet<String>| Top { has_more: words.len() > first, items: words.into_iter().take(first).collect() };
    found.into_iter().filter(|(_, words)| !words.is_empty()).map(|(project, words)| (project, top(words))).collect()
}

/// What keeps a summary from reading what it may not show: the rows say for whom they are.
async fn assert_rows_stand_apart(world: &World) {
    let db = world.store.0.db.read();
    for table in ["hyperparameters", "parameters", "metrics", "version_tags"] {
        let text = format!(
            "SELECT DISTINCT v.visibility, v.created_by, CASE WHEN v.deleted_at IS NULL THEN 0 ELSE 1 END AS deleted, \
             x.audience FROM {table} x JOIN versions v ON v.row_id = x.version_row"
        );
        let rows = db.query_all_raw(db::sql(db, &text, vec![])).await.unwrap();
        let mut seen = [0; 3];
        for row in rows {
            let (visibility, deleted): (i16, i32) =
                (row.try_get("", "visibility").unwrap(), row.try_get("", "deleted").unwrap());
            let author: uuid::Uuid = row.try_get("", "created_by").unwrap();
            let (place, expected) = match (deleted, visibility) {
                (1, _) => (0, audience::NOBODY),
                (_, 0) => (1, audience::ANYBODY),
                _ => (2, audience::of(author.into())),
            };
            seen[place] += 1;
            assert_eq!(row.try_get::<i64>("", "audience").unwrap(), expected, "{table}");
        }
        assert!(seen.iter().all(|seen| *seen > 0), "{table}: {seen:?}");
    }
}
