//! docs/add-a-detector.md shows this crate, all of it, and what its program prints.

use std::process::Command;

const PAGE: &str = include_str!("../../../docs/add-a-detector.md");

/// The contents of the page's code blocks in a language, in their order.
fn blocks(language: &str) -> Vec<&'static str> {
    let opening = format!("\n```{language}\n");
    PAGE.split(&opening).skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

fn without_blank_lines(text: &str) -> String {
    text.lines().filter(|line| !line.trim().is_empty()).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_pages_code_is_this_crate_from_top_to_bottom() {
    for (language, file) in [("rust", include_str!("../src/main.rs")), ("toml", include_str!("../Cargo.toml"))] {
        let shown = blocks(language);
        for block in &shown {
            assert!(file.contains(block.trim_end()), "this is not in the {language} file:\n{block}");
        }
        assert_eq!(without_blank_lines(&shown.concat()), without_blank_lines(file), "{language}");
    }
}

#[test]
fn check_prints_what_the_page_shows() {
    let output = Command::new(env!("CARGO_BIN_EXE_anne-runner")).args(["--check"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert_eq!(text, blocks("text")[0]);
}

#[test]
fn list_prints_the_catalogue_without_a_server() {
    let output = Command::new(env!("CARGO_BIN_EXE_anne-runner")).arg("--list").env_clear().output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["\"name\": \"anne\"", "\"version\": \"1.0.0\"", "\"sample_size\"", "\"additionalProperties\": false"] {
        assert!(output.status.success() && text.contains(part), "{part}:\n{text}");
    }
}

#[test]
fn without_a_token_and_with_a_wrong_name_it_says_what_to_do() {
    for (arguments, hint) in [
        (&["--name", "x"][..], "set NUNATAK_TOKEN"),
        (&["--check", "knn"], "no detector `knn` here; this runner has: anne"),
        (&["--check", "--hyperparameters", "[1]"], "not a JSON object"),
        (&["--hyperparameters", "{}"], "--check"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_anne-runner")).args(arguments).env_clear().output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(hint), "{arguments:?}: {error}");
    }
}
