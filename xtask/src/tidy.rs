//! `cargo xtask tidy`: format, then check what rustfmt and clippy do not.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::{cargo, generated, process, test::Args, workspace};

/// The languages whose files people write and read.
const LANGUAGES: [&str; 4] = ["rs", "ts", "tsx", "py"];

/// Past this a file is listed: look for its second noun.
const LONG: usize = 400;
/// Past this the check fails.
const TOO_LONG: usize = 500;

/// What a Rust file must not hold, each with what to do instead. Spelt in two halves, as this is a Rust file.
const FORBIDDEN: [(&str, &str); 5] = [
    (concat!("to", "do!("), "finish it, or file an issue"),
    (concat!("db", "g!("), "remove it, or trace"),
    (concat!("#[", "ignore"), "a test that cannot run everywhere is fixed or removed"),
    (concat!("#[", "allow("), "write #[expect(lint, reason = \"…\")]"),
    (concat!("#![", "allow("), "write #![expect(lint, reason = \"…\")]"),
];

pub(crate) fn run() -> Result<()> {
    process::run(cargo::cargo().args(["fmt", "--all"]))?;
    check_files()
}

pub(crate) fn check(_: &Args) -> Result<()> {
    check_files()
}

fn check_files() -> Result<()> {
    let root = workspace::root();
    let mut wrong = Vec::new();
    for file in workspace::files() {
        let extension = file.extension().and_then(|extension| extension.to_str());
        if !extension.is_some_and(|extension| LANGUAGES.contains(&extension)) {
            continue;
        }
        let text = fs::read_to_string(root.join(&file))?;
        if !generated::is_generated(&file, &text) {
            wrong.extend(too_long(&file, &text));
            if extension == Some("rs") {
                wrong.extend(forbidden(&file, &text));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("not tidy:\n  {}", wrong.join("\n  "));
    }
    Ok(())
}

fn too_long(file: &Path, text: &str) -> Option<String> {
    let lines = text.lines().count();
    if lines > LONG {
        println!("{}: {lines} lines, more than {LONG}: look for its second noun", file.display());
    }
    (lines > TOO_LONG).then(|| format!("{}: {lines} lines, {TOO_LONG} at most", file.display()))
}

fn forbidden(file: &Path, text: &str) -> Vec<String> {
    let code = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let hits = code.flat_map(|(index, line)| {
        let words = FORBIDDEN.into_iter().filter(move |(word, _)| line.contains(word));
        words.map(move |(word, instead)| format!("{}:{}: `{word}`: {instead}", file.display(), index + 1))
    });
    hits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_words_are_found_in_code_and_not_in_comments() {
        let text = format!("// {0}\nfn f() {{ {0}) }}\n", FORBIDDEN[0].0);
        let found = forbidden(Path::new("a.rs"), &text);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a.rs:2: "));
    }

    #[test]
    fn only_a_file_past_the_limit_fails() {
        assert_eq!(too_long(Path::new("a.rs"), &"x\n".repeat(TOO_LONG)), None);
        assert!(too_long(Path::new("a.rs"), &"x\n".repeat(TOO_LONG + 1)).is_some());
    }
}
