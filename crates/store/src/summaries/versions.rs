//! What stands in `versions` itself. Deleted versions are in none of the indexes used here, and private ones are in
//! indexes of their own, by author.

use super::{Scope, walk};
use crate::versions::COUNT_CAP;

/// The words of the partial indexes: only with these very words do the databases take them.
const PUBLIC: &str = "x.deleted_at IS NULL AND x.visibility = 0";
const PRIVATE: &str = "x.deleted_at IS NULL AND x.visibility = 1";

/// `authors(project_row, author)`: those of whose private versions the actor sees all. Where it reads only its own,
/// that is the actor, whether it has any or not.
fn authors(scope: &Scope) -> String {
    let condition = format!("x.project_row = o.project_row AND {PRIVATE}");
    let from = "(SELECT * FROM mine WHERE sees_all = 1)";
    let all = walk("every", from, &["project_row"], "versions", "created_by", &condition);
    format!(
        "{all}, authors AS (SELECT project_row, value AS author FROM every WHERE value IS NOT NULL \
         UNION ALL SELECT project_row, {} FROM mine WHERE sees_all = 0)",
        scope.me
    )
}

pub(super) fn branches_seen(scope: &mut Scope) -> String {
    let public = format!("x.project_row = o.project_row AND {PUBLIC} AND x.git_branch IS NOT NULL");
    let private =
        format!("x.project_row = o.project_row AND x.created_by = o.author AND {PRIVATE} AND x.git_branch IS NOT NULL");
    format!(
        "{}, {}, {}, seen AS (SELECT project_row, value FROM public WHERE value IS NOT NULL \
         UNION SELECT project_row, value FROM private WHERE value IS NOT NULL)",
        authors(scope),
        walk("public", "mine", &["project_row"], "versions", "git_branch", &public),
        walk("private", "authors", &["project_row", "author"], "versions", "git_branch", &private),
    )
}

/// The models of which a version is visible.
pub(super) fn models_seen(scope: &mut Scope) -> String {
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
pub(super) fn contributors_seen(scope: &mut Scope) -> String {
    let public = format!("x.project_row = o.project_row AND {PUBLIC}");
    format!(
        "{}, {}, makers AS (SELECT project_row, value FROM public WHERE value IS NOT NULL \
         UNION SELECT a.project_row, a.author FROM authors a WHERE (SELECT 1 FROM versions x \
         WHERE x.project_row = a.project_row AND x.created_by = a.author AND {PRIVATE} LIMIT 1) IS NOT NULL), \
         seen AS (SELECT k.project_row, k.value, u.login FROM makers k JOIN users u ON u.id = k.value)",
        authors(scope),
        walk("public", "mine", &["project_row"], "versions", "created_by", &public),
    )
}

/// How many public versions, and how many private ones of each author, a row each.
pub(super) fn counted(scope: &mut Scope) -> String {
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
