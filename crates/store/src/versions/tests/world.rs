//! Some seventy versions with everything that a filter can ask for, in a database and beside it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use nunatak_authz::Authorizer;
use nunatak_domain::{
    AliasName, Key, ManualClock, Name, ProjectId, Scalar, Timestamp, UserId, VersionId, Visibility, WorkspaceId,
};
use nunatak_migrations::{Migrator, MigratorTrait};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use sea_orm::{ConnectionTrait, entity::prelude::Uuid};

use super::naive::{Fake, Measured};
use crate::{
    Actor, Store, StoreOptions, db,
    versions::{DatasetOrigin, Git, MetricPoint, NewVersion, TargetModel, register::Found},
};

pub(super) const VERSIONS: usize = 70;
pub(super) const START: i64 = 1_700_000_000_000_000;
/// The last one no version has.
pub(super) const KEYS: &[&str] = &["auc", "loss", "kernel", "Kernel's \"%\"", "nobody"];
pub(super) const NUMBERS: &[f64] = &[-1.0, 0.0, 0.1, 0.5, 0.9, 2.0, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];

/// Words with all that LIKE, case and the index on beginnings could trip over.
pub(super) fn texts() -> Vec<String> {
    let long = "a".repeat(200);
    let words = ["", "a", "A", "ab", "50%", "5_0", "x\\y", "ä", "Ä", "aX"];
    let longer = [long.clone(), format!("{long}b"), format!("{long}c")];
    words.into_iter().map(ToOwned::to_owned).chain(longer).collect()
}

/// The id under which the test keeps its user, workspace or project number `n`.
pub(super) fn id<T: From<Uuid>>(n: u128) -> T {
    Uuid::from_u128(n + 1).into()
}

/// SQLite always, PostgreSQL where the environment names one.
pub(super) fn databases() -> Vec<String> {
    let postgres = std::env::var("NUNATAK_TEST_DATABASE").ok();
    std::iter::once("sqlite::memory:".to_owned()).chain(postgres.filter(|url| url.starts_with("postgres"))).collect()
}

pub(super) struct World {
    pub(super) store: Store,
    pub(super) fakes: Vec<Fake>,
}

pub(super) fn version_id(place: usize) -> VersionId {
    id(1000 + place as u128)
}

impl World {
    pub(super) async fn new(url: &str) -> Self {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_micros(START)));
        let options = StoreOptions { max_connections: 4, ..StoreOptions::new(fresh_schema(url).await) };
        let store = Store::open(&options, Authorizer::load().await.unwrap(), clock.clone()).await.unwrap();
        Migrator::up(store.0.db.write(), None).await.unwrap();
        people_and_projects(&store).await;
        let mut random = StdRng::seed_from_u64(7);
        let mut fakes = Vec::new();
        for place in 0..VERSIONS {
            if random.gen_bool(0.3) {
                clock.advance(Duration::from_secs(1));
            }
            fakes.push(register(&store, &mut random, place).await);
        }
        move_aliases(&store, &mut random, &mut fakes).await;
        Self { store, fakes }
    }

    pub(super) fn admin(&self) -> Actor {
        Actor::User { id: id(0), login: "root".to_owned(), is_admin: true, token: None }
    }

    /// An administrator, a member of one project, nobody; and what each sees.
    pub(super) fn actor(&self, number: usize) -> (Actor, fn(&Fake) -> bool) {
        match number {
            0 => (self.admin(), |_| true),
            1 => (Actor::User { id: id(1), login: "ann".to_owned(), is_admin: false, token: None }, |fake| {
                fake.project == id(0) && (fake.visibility == Visibility::Public || fake.created_by == id(1))
            }),
            _ => (Actor::Anonymous, |_| false),
        }
    }
}

/// Each run on PostgreSQL has a schema of its own.
async fn fresh_schema(url: &str) -> String {
    if !url.starts_with("postgres") {
        return url.to_owned();
    }
    let schema = format!("t{}", Uuid::new_v4().simple());
    let admin = sea_orm::Database::connect(url).await.unwrap();
    admin.execute_unprepared(&format!("CREATE SCHEMA {schema}")).await.unwrap();
    let join = if url.contains('?') { '&' } else { '?' };
    format!("{url}{join}options=-csearch_path%3D{schema}")
}

async fn people_and_projects(store: &Store) {
    let db = store.0.db.write();
    let run = async |text: &str, values: Vec<sea_orm::Value>| {
        db.execute_raw(db::sql(db, text, values)).await.unwrap();
    };
    for (number, login) in [(0, "root"), (1, "ann"), (2, "bob")] {
        let text = "INSERT INTO users (id, login, is_admin, is_service, created_at, updated_at) \
                    VALUES ($1, $2, $3, $4, 0, 0)";
        run(text, vec![id::<Uuid>(number).into(), login.into(), false.into(), false.into()]).await;
    }
    let root = || id::<Uuid>(0).into();
    for number in 0..2 {
        let text = "INSERT INTO workspaces (id, name, description, created_by, created_at, updated_at) \
                    VALUES ($1, $2, '', $3, 0, 0)";
        run(text, vec![id::<Uuid>(number).into(), format!("w{number}").into(), root()]).await;
        let text = "INSERT INTO projects (id, workspace_id, name, description, created_by, created_at, updated_at) \
                    VALUES ($1, $1, 'p', '', $2, 0, 0)";
        run(text, vec![id::<Uuid>(number).into(), root()]).await;
    }
    let text = "INSERT INTO memberships (id, user_id, project_id, role, created_by, created_at, updated_at) \
                VALUES ($1, $1, $2, 20, $3, 0, 0)";
    run(text, vec![id::<Uuid>(1).into(), id::<Uuid>(0).into(), root()]).await;
    let text = "INSERT INTO keys (kind, name) VALUES (2, 'loss')";
    run(text, vec![]).await;
    let text = "INSERT INTO metric_directions (project_row, key_id, direction) \
                SELECT p.row_id, k.id, 1 FROM projects p CROSS JOIN keys k";
    run(text, vec![]).await;
}

fn some<T: Clone>(random: &mut StdRng, of: &[T]) -> Option<T> {
    if random.gen_bool(0.6) { of.choose(random).cloned() } else { None }
}

fn scalars(random: &mut StdRng) -> BTreeMap<String, Scalar> {
    let mut found = BTreeMap::new();
    for key in &KEYS[..KEYS.len() - 1] {
        let value = match random.gen_range(0..8) {
            0..3 => Scalar::Number(*NUMBERS[..NUMBERS.len() - 1].choose(random).unwrap()),
            3..5 => Scalar::String(texts().choose(random).unwrap().clone()),
            5 => Scalar::Boolean(random.r#gen()),
            6 => Scalar::Json(serde_json::json!(["a", 0.5])),
            _ => continue,
        };
        found.insert((*key).to_owned(), value);
    }
    found
}

fn points(random: &mut StdRng) -> (Vec<MetricPoint>, BTreeMap<String, Measured>) {
    let (mut points, mut measured) = (Vec::new(), BTreeMap::new());
    for key in &KEYS[..KEYS.len() - 1] {
        let values: Vec<f64> = (0..random.gen_range(0..4)).map(|_| *NUMBERS.choose(random).unwrap()).collect();
        let Some(last) = values.last() else { continue };
        let fold = |pick: fn(f64, f64) -> f64| values.iter().copied().fold(f64::NAN, pick);
        let (min, max) = (fold(f64::min), fold(f64::max));
        let best = if *key == "loss" { min } else { max };
        measured.insert((*key).to_owned(), [*last, min, max, best]);
        let at = Timestamp::from_micros(START);
        let key = Key::parse(key).unwrap();
        points.extend((0..).zip(values).map(|(step, value)| MetricPoint { key: key.clone(), value, step, at }));
    }
    points.shuffle(random);
    (points, measured)
}

async fn register(store: &Store, random: &mut StdRng, place: usize) -> Fake {
    let project: ProjectId = id(random.gen_range(0..2));
    let created_by: UserId = id(random.gen_range(0..3));
    let visibility = if random.gen_bool(0.3) { Visibility::Private } else { Visibility::Public };
    let (hyperparameters, parameters) = (scalars(random), scalars(random));
    let (points, metrics) = points(random);
    let words = texts();
    let git = random.gen_bool(0.7).then(|| Git {
        branch: some(random, &words),
        commit: some(random, &words),
        dirty: some(random, &[true, false]),
        remotes: vec![],
    });
    let dataset = some(random, &words);
    let detector = some(random, &words);
    let tags: Vec<String> = ["a", "50%", "ä"].into_iter().filter(|_| random.gen_bool(0.3)).map(Into::into).collect();
    let typed = |values: &BTreeMap<String, Scalar>| {
        values.iter().map(|(key, value)| (Key::parse(key).unwrap(), value.clone())).collect()
    };
    let new = NewVersion {
        created_by,
        description: String::new(),
        visibility,
        detector: detector.clone().map(|name| (name, "1".to_owned())),
        dataset: dataset
            .clone()
            .map_or(DatasetOrigin::Unknown, |name| DatasetOrigin::Elsewhere { name, description: None }),
        git: git.clone(),
        environment: None,
        input_schema: None,
        artifact: None,
        threshold: None,
        job: None,
        parent: None,
        hyperparameters: typed(&hyperparameters),
        parameters: typed(&parameters),
        metrics: points,
        tags: tags.iter().map(|tag| Name::parse(tag).unwrap()).collect(),
        figures: vec![],
    };
    let name = Name::parse(["a", "A", "aX 50%"].choose(random).unwrap()).unwrap();
    let project_row = if project == id(0) { 1 } else { 2 };
    let model = TargetModel::Named(name.clone());
    let batch = store.prepare_versions([(&model, &new)].into_iter(), false).await.unwrap();
    let txn = store.0.db.begin().await.unwrap();
    let at = (project_row, project);
    let mut made = store.insert_versions(&txn, at, &batch, &[Found::default()], None).await.unwrap();
    let version = made.pop().unwrap();
    let model = version.model;
    // Ids that a strategy can name without knowing the database.
    let id = version_id(place);
    let values = vec![id.0.into(), version.row.into()];
    txn.execute_raw(db::sql(&txn, "UPDATE versions SET id = $1 WHERE row_id = $2", values)).await.unwrap();
    txn.commit().await.unwrap();
    Fake {
        row: version.row,
        id,
        workspace: WorkspaceId(project.0),
        project,
        model,
        name: name.into(),
        number: version.number,
        visibility,
        created_by,
        created_at: version.created_at,
        detector,
        dataset,
        branch: git.as_ref().and_then(|git| git.branch.clone()),
        commit: git.as_ref().and_then(|git| git.commit.clone()),
        dirty: git.as_ref().and_then(|git| git.dirty),
        hyperparameters,
        parameters,
        metrics,
        tags,
        aliases: vec![],
    }
}

async fn move_aliases(store: &Store, random: &mut StdRng, fakes: &mut [Fake]) {
    for name in ["a", "A", "aX", "a", "A"] {
        let place = random.gen_range(0..fakes.len());
        let (model, row) = (fakes[place].model, fakes[place].row);
        let alias = AliasName::parse(name).unwrap();
        let txn = store.0.db.begin().await.unwrap();
        store.move_alias_in(&txn, model, &alias, row, id(0), Default::default()).await.unwrap();
        txn.commit().await.unwrap();
        for fake in fakes.iter_mut().filter(|fake| fake.model == model) {
            fake.aliases.retain(|known| known != name);
        }
        fakes[place].aliases.push(name.to_owned());
    }
}
