//! Which calls may be sent a second time when the first one's fate is unknown.

use serde_json::Value;

/// Mutations whose repetition changes nothing: upserts, and those that the server fences by the job's attempt.
///
/// Not here: `claimJob` (a lost answer is a claim that runs out by itself; asking again would take a second job).
const REPEATABLE: [&str; 9] = [
    "RegisterRunner",
    "DrainRunner",
    "Heartbeat",
    "ReportProgress",
    "ReportLogs",
    "CompleteJob",
    "FailJob",
    "CompleteUpload",
    "MoveAlias",
];

/// Queries may be repeated, and so may mutations with an idempotency key.
pub(crate) fn is_repeatable(operation: &str, document: &str, variables: &Value) -> bool {
    document.starts_with("query")
        || REPEATABLE.contains(&operation)
        || variables["input"]["idempotencyKey"].as_str().is_some_and(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::is_repeatable;

    #[test]
    fn a_creation_is_repeated_only_with_a_key() {
        let keyed = json!({ "input": { "name": "a", "idempotencyKey": "k" } });
        let bare = json!({ "input": { "name": "a", "idempotencyKey": null } });
        assert!(is_repeatable("TrainModel", "mutation TrainModel {}", &keyed));
        assert!(!is_repeatable("TrainModel", "mutation TrainModel {}", &bare));
        assert!(!is_repeatable("ClaimJob", "mutation ClaimJob {}", &json!({ "input": {} })));
        assert!(is_repeatable("Heartbeat", "mutation Heartbeat {}", &json!({ "input": {} })));
        assert!(is_repeatable("Viewer", "query Viewer {}", &json!(null)));
    }
}
