//! What deny.toml says of licences, and the judgement of one package by it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use spdx::{Expression, Licensee, ParseMode};
use toml::Value;

use super::Package;

/// Licences of data and texts that tools of the build carry and our users never get: caniuse's tables
/// and SPDX's own lists.
const TOOLS_ONLY: [&str; 2] = ["CC-BY-4.0", "CC-BY-3.0"];

pub(super) struct Policy {
    allowed: Vec<Licensee>,
    for_tools: Vec<Licensee>,
    /// For packages that say nothing usable themselves: what a person read in their files.
    clarified: BTreeMap<String, String>,
}

impl Policy {
    pub(super) fn parse(deny: &str) -> Result<Self> {
        let deny: Value = deny.parse().context("deny.toml is not TOML")?;
        let licences = deny.get("licenses").context("deny.toml has no [licenses]")?;
        let allow = licences.get("allow").and_then(Value::as_array).context("deny.toml allows no licence")?;
        let clarify = licences.get("clarify").and_then(Value::as_array);
        Ok(Self {
            allowed: allow
                .iter()
                .map(|licence| licensee(licence.as_str().unwrap_or_default()))
                .collect::<Result<_>>()?,
            for_tools: TOOLS_ONLY.into_iter().map(licensee).collect::<Result<_>>()?,
            clarified: clarify.into_iter().flatten().filter_map(clarification).collect(),
        })
    }

    /// What is wrong with a package's licence, if something is.
    pub(super) fn objection(&self, package: &Package) -> Option<String> {
        let Package { name, licence, shipped } = package;
        let Some(licence) = self.clarified.get(name).or(licence.as_ref()) else {
            return Some(format!("{name}: names no licence (see [[licenses.clarify]])"));
        };
        // Old packages write `MIT/Apache-2.0`, and `GPL-2.0` for what is now `GPL-2.0-only`.
        let Ok(expression) = Expression::parse_mode(licence, ParseMode::LAX) else {
            return Some(format!("{name}: `{licence}` is no SPDX expression (see [[licenses.clarify]])"));
        };
        let tools = if *shipped { &[][..] } else { &self.for_tools };
        let allowed = expression.evaluate(|wanted| self.allowed.iter().chain(tools).any(|held| held.satisfies(wanted)));
        (!allowed).then(|| format!("{name}: {licence}"))
    }
}

fn licensee(licence: &str) -> Result<Licensee> {
    Licensee::parse(licence).with_context(|| format!("`{licence}` is no SPDX licence"))
}

fn clarification(entry: &Value) -> Option<(String, String)> {
    let text = |key| entry.get(key).and_then(Value::as_str).map(str::to_owned);
    Some((text("crate")?, text("expression")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(licence: &str, shipped: bool) -> bool {
        let deny = r#"
            [licenses]
            allow = ["MIT", "ISC", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]
            [[licenses.clarify]]
            crate = "odd"
            expression = "MIT"
        "#;
        let package = Package { name: "p".to_owned(), licence: Some(licence.to_owned()), shipped };
        Policy::parse(deny).unwrap().objection(&package).is_some()
    }

    #[test]
    fn one_side_of_an_or_is_enough_and_an_and_wants_both() {
        assert!(!objects("GPL-3.0-only OR MIT", true));
        assert!(objects("GPL-3.0-only AND MIT", true));
        assert!(!objects("ISC AND (Apache-2.0 OR GPL-3.0-only)", true));
        assert!(!objects("MIT/GPL-3.0", true));
    }

    #[test]
    fn an_exception_is_allowed_only_by_name() {
        assert!(!objects("Apache-2.0 WITH LLVM-exception", true));
        assert!(objects("Apache-2.0 WITH Swift-exception", true));
    }

    #[test]
    fn a_tool_may_carry_what_we_may_not_ship() {
        assert!(objects("CC-BY-4.0", true));
        assert!(!objects("CC-BY-4.0", false));
    }

    #[test]
    fn what_is_unknown_needs_a_clarification() {
        assert!(objects("see LICENSE.txt", true));
        let odd = Package { name: "odd".to_owned(), licence: None, shipped: true };
        let deny = "[licenses]\nallow = [\"MIT\"]\nclarify = [{ crate = \"odd\", expression = \"MIT\" }]";
        assert_eq!(Policy::parse(deny).unwrap().objection(&odd), None);
        assert!(Policy::parse("[licenses]\nallow = [\"MIT\"]").unwrap().objection(&odd).is_some());
    }
}
