//! What stands in `versions` itself. Deleted versions are in none of the indexes used here, and private ones are in
//! indexes of their own, by author.

use super::{Scope, Walk};
use crate::versions::COUNT_CAP;

/// The words of the partial indexes: only with these very words do the databases take them.
const PUBLIC: &str = "x.deleted_at IS NULL AND x.visibility = 0";
const PRIVATE: &str = "x.deleted_at IS NULL AND x.visibility = 1";

/// `authors(project_row, author)`: those of whose private versions the actor sees all. Where it reads only its own,
/// that is the actor, whether it has any or not.
fn authors(scope: &Scope) -> String {
    let all = Walk {
        name: "every",
        from: "(SELECT * FROM mine WHERE sees_all = 1)",
        carried: &["project_row"],
        table: "versions",
        column: "created_by",
        belongs: &format!("x.project_row = o.project_row AND {PRIVATE}"),
        begins: "IS NOT NULL",
    };
    format!(
        "{}, authors AS (SELECT project_row, value AS author FROM every WHERE value IS NOT NULL \
         UNION ALL SELECT project_row, {} FROM mine WHERE sees_all = 0)",
        all.text(),
        scope.me
    )
}

/// `public(project_row, value, step)`: what stands in `column` of public versions.
fn public(column: &str) -> String {
    let walk = Walk {
        name: "public",
        from: "mine",
        carried: &["project_row"],
        table: "versions",
        column,
        belongs: &format!("x.project_row = o.project_row AND {PUBLIC}"),
        begins: "IS NOT NULL",
    };
    walk.text()
}

pub(super) fn branches_seen(scope: &Scope) -> String {
    let private = Walk {
        name: "private",
        from: "authors",
        carried: &["project_row", "author"],
        table: "versions",
        column: "git_branch",
        belongs: &format!("x.project_row = o.project_row AND x.created_by = o.author AND {PRIVATE}"),
        begins: "IS NOT NULL",
    };
    format!(
        "{}, {}, {}, seen AS (SELECT project_row, value FROM public WHERE value IS NOT NULL \
         UNION SELECT project_row, value FROM private WHERE value IS NOT NULL)",
        authors(scope),
        public("git_branch"),
        private.text(),
    )
}

/// The models of which a version is visible.
pub(super) fn models_seen(scope: &Scope) -> String {
    let me = &scope.me;
    let found =
        |which: &str| format!("(SELECT 1 FROM versions x WHERE x.model_id = o.id AND {which} LIMIT 1) IS NOT NULL");
    format!(
        "seen AS (SELECT m.project_row, o.name AS value FROM mine m JOIN projects p ON p.row_id = m.project_row \
         JOIN models o ON o.project_id = p.id AND o.deleted_at IS NULL \
         WHERE {} OR {} OR (m.sees_all = 1 AND {}))",
        found(PUBLIC),
        found(&format!("x.created_by = {me} AND {PRIVATE}")),
        found(PRIVATE),
    )
}

/// Those who made a visible version, with their logins.
pub(super) fn contributors_seen(scope: &Scope) -> String {
    format!(
        "{}, {}, makers AS (SELECT project_row, value FROM public WHERE value IS NOT NULL \
         UNION SELECT a.project_row, a.author FROM authors a WHERE (SELECT 1 FROM versions x \
         WHERE x.project_row = a.project_row AND x.created_by = a.author AND {PRIVATE} LIMIT 1) IS NOT NULL), \
         seen AS (SELECT k.project_row, k.value, u.login FROM makers k JOIN users u ON u.id = k.value)",
        authors(scope),
        public("created_by"),
    )
}

/// How many public versions, and how many private ones of each author, a row each.
pub(super) fn counted(scope: &Scope) -> String {
    let rows = COUNT_CAP + 1;
    let count =
        |which: &str| format!("(SELECT COUNT(*) FROM (SELECT 1 FROM versions x WHERE {which} LIMIT {rows}) AS found)");
    format!(
        "{}, counted AS (SELECT m.project_row, {} AS count FROM mine m \
         UNION ALL SELECT a.project_row, {} FROM authors a) \
         SELECT p.id AS project, counted.count FROM counted JOIN projects p ON p.row_id = counted.project_row",
        authors(scope),
        count(&format!("x.project_row = m.project_row AND {PUBLIC}")),
        count(&format!("x.project_row = a.project_row AND x.created_by = a.author AND {PRIVATE}")),
    )
}
