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
            let script = format!("bench/{name}.py");
            process::run(workspace::command("python3", "").arg(script).args(&args.arguments))?;
        }
        Some(name) if names.is_empty() => bail!("no benchmark `{name}`: bench/ has none yet"),
        Some(name) => bail!("no benchmark `{name}`; there are: {}", names.join(", ")),
    }
    Ok(())
}

fn names() -> Vec<String> {
    let files = fs::read_dir(workspace::root().join("bench")).into_iter().flatten().flatten();
    let scripts = files.filter_map(|file| file.file_name().to_str()?.strip_suffix(".py").map(str::to_owned));
    // A leading underscore marks a module that benchmarks share.
    let mut names = scripts.filter(|name| !name.starts_with('_')).collect::<Vec<_>>();
    names.sort();
    names
}
