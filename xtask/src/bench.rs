//! `cargo xtask bench NAME`: runs `bench/NAME.py`.

use std::fs;

use anyhow::{Result, bail};

use crate::{process, workspace};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The benchmark's name; without one they are listed
    name: Option<String>,
    /// Passed on to the benchmark
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let names = names();
    match &args.name {
        None if names.is_empty() => println!("bench/ has no benchmark yet"),
        None => println!("{}", names.join("\n")),
        Some(name) if names.contains(name) => {
            let script = script(name);
            process::run(workspace::command("python3", "").arg(script).args(&args.arguments))?;
        }
        Some(name) if names.is_empty() => bail!("no benchmark `{name}`: bench/ has none yet"),
        Some(name) => bail!("no benchmark `{name}`; there are: {}", names.join(", ")),
    }
    Ok(())
}

/// Where the benchmark is. An underscore at the end keeps a name free that Python's own library has.
fn script(name: &str) -> String {
    let plain = format!("bench/{name}.py");
    if workspace::root().join(&plain).is_file() { plain } else { format!("bench/{name}_.py") }
}

fn names() -> Vec<String> {
    let files = fs::read_dir(workspace::root().join("bench")).into_iter().flatten().flatten();
    let scripts = files.filter_map(|file| file.file_name().to_str()?.strip_suffix(".py").map(str::to_owned));
    let scripts = scripts.map(|name| name.strip_suffix('_').map(str::to_owned).unwrap_or(name));
    // A leading underscore marks a module that benchmarks share.
    let mut names = scripts.filter(|name| !name.starts_with('_')).collect::<Vec<_>>();
    names.sort();
    names
}
