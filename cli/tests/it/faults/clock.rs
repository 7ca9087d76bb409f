use serde_json::Value;

use super::{Fault, World};

/// A runner whose clock is an hour behind the server's sees leases that end in an hour and more.
fn an_hour_later(answer: &mut Value) {
    shift(answer, 1);
}

/// A runner whose clock is an hour ahead sees leases that ended long ago.
fn an_hour_earlier(answer: &mut Value) {
    shift(answer, -1);
}

fn shift(value: &mut Value, hours: i64) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| match field {
            Value::String(time) if name == "leaseExpiresAt" => {
                let moment = chrono::DateTime::parse_from_rfc3339(time).unwrap() + chrono::TimeDelta::hours(hours);
                *time = moment.to_rfc3339();
            }
            field => shift(field, hours),
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| shift(item, hours)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_whose_clock_is_ahead_keeps_its_jobs() {
    let world = World::with_short_leases().await;
    let proxy = world.proxy().await;
    proxy.change_answers(an_hour_earlier);
    proxy.arrange(&[("PUT /uploads", Fault::Before)]);
    let _runner = world.runner("ahead", &proxy.url);
    let job = world.train().await;
    proxy.reached("PUT /uploads").await;
    let so_far = proxy.count("Heartbeat");
    // More than a lease of signs of life.
    proxy.came("Heartbeat", so_far + 4).await;
    proxy.go_on();
    assert_eq!(world.succeeded(&job).await.attempt, 1);
    world.aftermath().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_whose_clock_is_behind_knows_when_its_lease_is_over() {
    let world = World::with_short_leases().await;
    let proxy = world.proxy().await;
    proxy.change_answers(an_hour_later);
    let lost = [("PUT /uploads", Fault::Before), ("Heartbeat", Fault::Before), ("ReportProgress", Fault::Before)];
    proxy.arrange(&lost);
    let behind = world.runner("behind", &proxy.url);
    let job = world.train().await;
    proxy.reached("PUT /uploads").await;
    let claims = proxy.count("ClaimJob");
    // It drops the work by itself, and asks for other work; nobody told it.
    proxy.came("ClaimJob", claims + 1).await;
    assert_eq!(proxy.count("CompleteJob") + proxy.count("FailJob"), 0);
    drop(behind);
    let _other = world.runner("other", &world.url);
    assert!(world.succeeded(&job).await.attempt > 1);
    world.aftermath().await;
}
