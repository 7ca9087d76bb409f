//! What `bench/data.py` runs: converts a file to Parquet as the server does, or reads one as a runner does, in a process of
//! its own whose memory can be looked at. Prints one line of JSON.
//!
//! ```sh
//! data convert rows.csv rows.parquet
//! data read rows.parquet
//! ```

use std::{error::Error, fs::File, path::Path, time::Instant};

use nunatak_tables::{ParquetTable, Request, Wishes, convert};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let started = Instant::now();
    let (rows, columns) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["convert", input, output] => converted(Path::new(input), Path::new(output))?,
        ["read", input] => read(Path::new(input))?,
        _ => return Err("say `convert FILE FILE` or `read FILE`".into()),
    };
    let (seconds, peak_mb) = (started.elapsed().as_secs_f64(), peak_mb()?);
    println!(r#"{{"rows": {rows}, "columns": {columns}, "seconds": {seconds:.3}, "peak_mb": {peak_mb}}}"#);
    Ok(())
}

fn converted(input: &Path, output: &Path) -> Result<(u64, usize), Box<dyn Error>> {
    let (wishes, usual) = (Wishes::default(), Wishes::default());
    let scratch = output.parent().unwrap_or(Path::new("."));
    let file_name = input.to_string_lossy();
    let request = Request { path: input, file_name: &file_name, wishes: &wishes, usual: &usual, scratch };
    let done = convert(&request, || File::create(output))?;
    Ok((done.profile.row_count.unsigned_abs(), done.profile.columns.len()))
}

/// Every column of numbers into one table, as a runner has it.
fn read(input: &Path) -> Result<(u64, usize), Box<dyn Error>> {
    let table = ParquetTable::open(File::open(input)?)?;
    let names: Vec<String> = table.names().iter().filter(|name| *name != "time").cloned().collect();
    let mut values = vec![0.0; usize::try_from(table.row_count())? * names.len()];
    table.read_numbers(&names, 0..table.row_count(), &mut values)?;
    Ok((table.row_count(), names.len()))
}

/// The most memory that the process has had.
fn peak_mb() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kb: u64 = line.split_whitespace().next().unwrap_or("0").parse()?;
    Ok(kb / 1024)
}
