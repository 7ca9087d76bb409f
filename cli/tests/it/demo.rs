use std::process::Command;

/// Command 1 of the README, with `--exit`, twice in the same place.
#[test]
fn the_demo_trains_shows_and_changes_nothing_the_second_time() {
    let dir = tempfile::tempdir().unwrap();
    let run = || {
        let output = Command::new(env!("CARGO_BIN_EXE_nunatak"))
            .args(["demo", "--exit", "--port", "0"])
            .current_dir(&dir)
            .env_clear()
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let first = run();
    for expected in ["isolation_forest", "gaussian_mixture", "sub_pca", "<- champion", "nunatak-demo", "Its answer:"] {
        assert!(first.contains(expected), "{expected} is missing:\n{first}");
    }
    assert_eq!(first.matches("<- champion").count(), 4, "{first}");
    // Same versions, metrics and times to the last digit: nothing was trained again. Only the port may differ.
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.contains("http://127.0.0.1")).map(str::to_owned).collect()
    };
    assert_eq!(lines(&first), lines(&run()));
}
