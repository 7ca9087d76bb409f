//! What the demo tells at its end.

use nunatak_client::{Client, jobs::PredictionSummary};

use super::{
    LOGIN, PASSWORD,
    operations::{BestForests, EXAMPLE, best_forests},
    training::{Leaders, Row},
};

pub(super) async fn print(
    client: &Client,
    url: &str,
    leaders: &[Leaders],
    predictions: &[PredictionSummary],
) -> anyhow::Result<()> {
    table(leaders);
    println!();
    for (row, prediction) in leaders.iter().zip(predictions) {
        println!(
            "champion of {}: {} of {} rows score above its threshold {:.4}",
            row.dataset, prediction.anomaly_count, prediction.row_count, prediction.threshold
        );
    }
    println!("\nGraphiQL   {url}/graphiql\nlogin      {LOGIN}\npassword   {PASSWORD}");
    println!("\nA query, filtered by a hyperparameter and a metric:\n\n{EXAMPLE}");
    let answer = client.query::<BestForests>(best_forests::Variables {}).await?;
    println!("Its answer:\n\n{}", serde_json::to_string_pretty(&answer)?);
    Ok(())
}

fn table(leaders: &[Leaders]) {
    let heads = ["data set", "detector", "hyperparameters", "ROC-AUC", "avg. precision", "fit s", "score s"];
    println!(
        "\n{:<20} {:<17} {:<34} {:>7} {:>14} {:>7} {:>7}",
        heads[0], heads[1], heads[2], heads[3], heads[4], heads[5], heads[6]
    );
    for leader in leaders {
        for (place, row) in leader.rows.iter().enumerate() {
            let mark = if place == 0 { "  <- champion" } else { "" };
            println!(
                "{:<20} {:<17} {:<34} {:>7} {:>14} {:>7} {:>7}{mark}",
                leader.dataset,
                row.detector,
                row.hyperparameters,
                metric(row, "roc_auc", 4),
                metric(row, "average_precision", 4),
                metric(row, "fit_seconds", 2),
                metric(row, "score_seconds", 2),
            );
        }
    }
}

fn metric(row: &Row, key: &str, digits: usize) -> String {
    row.metrics.get(key).map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}
