//! `cargo xtask test`: the whole suite.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::interrupt;
use crate::steps::{self, Group, Step};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run one group of steps (repeat for more)
    #[arg(long, value_enum)]
    only: Vec<Group>,
    /// Leave the tests on PostgreSQL out
    #[arg(long)]
    no_postgres: bool,
    /// Run the later steps, and all tests of a step, when one has failed
    #[arg(long)]
    pub(crate) keep_going: bool,
}

enum Outcome {
    Passed(Duration),
    Failed(Duration),
    Skipped(&'static str),
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    let mut report = Vec::new();
    let mut stop = false;
    for step in steps::all() {
        if !args.only.is_empty() && !args.only.contains(&step.group) {
            continue;
        }
        let outcome = match skip_reason(&step, args, stop) {
            Some(reason) => Outcome::Skipped(reason),
            None => run_step(&step, args),
        };
        let failed = matches!(outcome, Outcome::Failed(_));
        stop |= interrupt::received().is_some() || (failed && !args.keep_going);
        report.push((step.name, outcome));
    }
    print_table(&report, started.elapsed());
    conclude(&report)
}

fn skip_reason(step: &Step, args: &Args, stop: bool) -> Option<&'static str> {
    if stop {
        return Some("not reached");
    }
    (args.no_postgres && step.group == Group::RustPostgres).then_some("--no-postgres")
}

fn run_step(step: &Step, args: &Args) -> Outcome {
    println!("\n==> {}", step.name);
    let started = Instant::now();
    let result = (step.run)(args);
    let time = started.elapsed();
    match result {
        Ok(()) => {
            println!("<== {} passed in {:.1} s", step.name, time.as_secs_f64());
            Outcome::Passed(time)
        }
        Err(error) => {
            println!("{error:#}\n<== {} FAILED after {:.1} s", step.name, time.as_secs_f64());
            Outcome::Failed(time)
        }
    }
}

fn print_table(report: &[(&str, Outcome)], total: Duration) {
    println!("\n{:<15} {:>8}  result", "step", "seconds");
    for (name, outcome) in report {
        let (time, result) = match outcome {
            Outcome::Passed(time) => (format!("{:.1}", time.as_secs_f64()), "passed".to_owned()),
            Outcome::Failed(time) => (format!("{:.1}", time.as_secs_f64()), "FAILED".to_owned()),
            Outcome::Skipped(reason) => (String::new(), format!("skipped: {reason}")),
        };
        println!("{name:<15} {time:>8}  {result}");
    }
    println!("{:<15} {:>8.1}", "total", total.as_secs_f64());
}

fn conclude(report: &[(&str, Outcome)]) -> Result<()> {
    interrupt::check()?;
    let failed = report.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
    let names = failed.map(|(name, _)| *name).collect::<Vec<_>>();
    if !names.is_empty() {
        bail!("failed: {}", names.join(", "));
    }
    Ok(())
}
