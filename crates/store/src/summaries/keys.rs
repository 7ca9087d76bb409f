//! Keys and tags: rows that `audience` keeps apart.

use super::{Scope, Walk};
use crate::versions::audience;

/// The keys in `table` that a visible version has.
///
/// For each audience that the actor belongs to, all keys by jumping along (project, audience, key), then for each
/// key a look at its first row: is that version still visible? `audience` tells where to look, `versions` decides.
pub(super) fn seen(table: &str, scope: &mut Scope) -> String {
    let own = scope.binds.bind(audience::of(scope.actor));
    let me = &scope.me;
    let anybody = audience::ANYBODY;
    // Who sees all belongs to every audience but nobody's.
    let all = Walk {
        name: "every",
        from: "(SELECT * FROM mine WHERE sees_all = 1)",
        carried: &["project_row"],
        table,
        column: "audience",
        belongs: "x.project_row = o.project_row",
        begins: &format!(">= {anybody}"),
    };
    let keys = Walk {
        name: "keyed",
        from: "audiences",
        carried: &["project_row", "sees_all", "audience"],
        table,
        column: "key_id",
        belongs: "x.project_row = o.project_row AND x.audience = o.audience",
        begins: "> 0",
    };
    let (all, keys) = (all.text(), keys.text());
    // A subquery of one row, and not EXISTS: PostgreSQL would join all versions to find out about a few keys.
    format!(
        "{all}, audiences AS (SELECT project_row, 1 AS sees_all, value AS audience FROM every \
         WHERE value IS NOT NULL \
         UNION ALL SELECT project_row, 0, {anybody} FROM mine WHERE sees_all = 0 \
         UNION ALL SELECT project_row, 0, {own} FROM mine WHERE sees_all = 0), {keys}, \
         seen AS (SELECT DISTINCT w.project_row, k.name AS value FROM keyed w JOIN keys k ON k.id = w.value \
         WHERE (SELECT 1 FROM {table} x CROSS JOIN versions v WHERE x.project_row = w.project_row \
         AND x.audience = w.audience AND x.key_id = w.value AND v.row_id = x.version_row AND v.deleted_at IS NULL \
         AND (w.sees_all = 1 OR v.visibility = 0 OR v.created_by = {me}) LIMIT 1) IS NOT NULL)"
    )
}

/// The tags that a visible version carries.
pub(super) fn tags_seen(scope: &mut Scope) -> String {
    let own = scope.binds.bind(audience::of(scope.actor));
    let me = &scope.me;
    let anybody = audience::ANYBODY;
    let found = |audience: &str| {
        format!(
            "(SELECT 1 FROM version_tags x CROSS JOIN versions v WHERE x.tag_id = t.id AND x.audience {audience} \
             AND v.row_id = x.version_row AND v.deleted_at IS NULL \
             AND (m.sees_all = 1 OR v.visibility = 0 OR v.created_by = {me}) LIMIT 1) IS NOT NULL"
        )
    };
    format!(
        "seen AS (SELECT m.project_row, t.name AS value FROM mine m JOIN tags t ON t.project_row = m.project_row \
         WHERE {} OR {} OR (m.sees_all = 1 AND {}))",
        found(&format!("= {anybody}")),
        found(&format!("= {own}")),
        found(&format!("> {anybody}")),
    )
}
