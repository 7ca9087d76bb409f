use std::{sync::Mutex, time::Duration};

use nunatak_test_support::TestDb;
use sea_orm::ConnectionTrait;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{Fault, World};

/// How long the database is away: longer than a statement takes, shorter than a lease.
const AWAY: Duration = Duration::from_secs(5);

/// The way from the server to PostgreSQL, which can be cut.
struct Wire {
    port: u16,
    database: String,
    carrying: Mutex<Option<JoinSet<()>>>,
}

impl Wire {
    /// To the host and port of this URL; and the URL that leads here instead.
    async fn to(url: &str) -> (Self, String) {
        let (before, rest) = url.split_once('@').unwrap();
        let (database, path) = rest.split_once('/').unwrap();
        let wire = Self { port: free_port().await, database: database.to_owned(), carrying: Mutex::default() };
        wire.mend().await;
        let url = format!("{before}@127.0.0.1:{}/{path}", wire.port);
        (wire, url)
    }

    /// All connections break, and no new ones come about.
    fn cut(&self) {
        drop(self.carrying.lock().unwrap().take());
    }

    async fn mend(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        let database = self.database.clone();
        let mut carrying = JoinSet::new();
        carrying.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut server, _)) = listener.accept().await {
                let database = database.clone();
                connections.spawn(async move {
                    let mut database = TcpStream::connect(database).await.unwrap();
                    // An error is a connection that broke.
                    drop(copy_bidirectional(&mut server, &mut database).await);
                });
            }
        });
        *self.carrying.lock().unwrap() = Some(carrying);
    }
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// One job is being handed in and another one runs when the connections to PostgreSQL are cut.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_for_seconds_costs_no_attempt() {
    let db = TestDb::fresh().await;
    if !db.is_postgres() {
        return;
    }
    let (wire, url) = Wire::to(&db.options.database_url).await;
    let world = World::new(db, "30", |command| {
        command.env("NUNATAK_DATABASE_URL", url);
    })
    .await;
    let [completing, uploading] = [world.proxy().await, world.proxy().await];
    completing.arrange(&[("CompleteJob", Fault::Before)]);
    uploading.arrange(&[("PUT /uploads", Fault::HalfSent)]);
    let _runners = [world.runner("one", &completing.url), world.runner("two", &uploading.url)];
    let jobs = [world.train().await, world.train().await];
    completing.reached("CompleteJob").await;
    uploading.reached("PUT /uploads").await;

    wire.cut();
    completing.go_on();
    uploading.go_on();
    tokio::time::sleep(AWAY).await;
    wire.mend().await;
    for job in &jobs {
        assert_eq!(world.succeeded(job).await.attempt, 1);
    }
    world.aftermath().await;
}

/// On SQLite the like of it is another process that holds the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_file_that_another_process_holds_for_seconds_costs_no_attempt() {
    let world = World::with_long_leases().await;
    if world.db.is_postgres() {
        return;
    }
    let proxy = world.proxy().await;
    proxy.arrange(&[("CompleteJob", Fault::Before)]);
    let _runner = world.runner("one", &proxy.url);
    let job = world.train().await;
    proxy.reached("CompleteJob").await;
    world.raw.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    proxy.go_on();
    tokio::time::sleep(AWAY).await;
    world.raw.execute_unprepared("ROLLBACK").await.unwrap();
    assert_eq!(world.succeeded(&job).await.attempt, 1);
    world.aftermath().await;
}
