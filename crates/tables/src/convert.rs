//! From a file to Parquet and a profile, in one pass behind a short look ahead.

mod track;

use std::{collections::BTreeMap, io::Write, path::Path};

pub(crate) use self::track::number_of;
use self::track::{Retype, Track};
use crate::{
    Cell, ColumnType, FileKind, Profile, TableError, TimeFormat, Wishes,
    error::{Result, problem},
    long::LongSource,
    parquet::{read::guarded, write::TableWriter},
    profile::{self, Guess, Summary},
    row::Row,
    sniff,
    source::{self, Flow, Source},
};

/// After the first cell that is wrong, other columns have this many rows to show theirs in the same answer.
const ROWS_AFTER_FAILURE: u64 = 1000;

/// A file and what is said of it.
#[derive(Debug)]
pub struct Request<'a> {
    pub path: &'a Path,
    /// As it was called where it came from; its ending is a hint.
    pub file_name: &'a str,
    pub wishes: &'a Wishes,
    /// The columns of an earlier version, which hold where nothing is said and the header still has them.
    pub usual: &'a Wishes,
    /// A directory for what must be sorted or turned round on the disk.
    pub scratch: &'a Path,
}

/// What became of the file.
#[derive(Debug)]
pub struct Converted<W> {
    pub kind: FileKind,
    pub profile: Profile,
    /// With the Parquet file written to it.
    pub output: W,
}

/// Writes the file as Parquet and says what is in it. Blocks; `output` gives a new, empty place to write to each time that
/// it is asked, which is seldom more than once: a column that turns out to be another than it began as begins anew.
///
/// # Errors
/// Problems with codes, at `upload`, `format`, `timeColumn` or `labelColumn`; a failing disk.
pub fn convert<W: Write + Send>(
    request: &Request<'_>,
    mut output: impl FnMut() -> std::io::Result<W>,
) -> std::result::Result<Converted<W>, TableError> {
    request.wishes.format.check()?;
    let kind = match request.wishes.format.kind {
        Some(kind) => kind,
        None => sniff::kind_of(request.path, request.file_name)?,
    };
    guarded(|| {
        let mut source = open(request, kind)?;
        let mut plan = Plan::new(source.as_mut(), request)?;
        loop {
            let (written, profile) = match plan.run(source.as_mut(), output()?)? {
                Ok(done) => done,
                Err((column, Retype::Words)) => {
                    plan.kinds[column] = ColumnType::Text;
                    continue;
                }
                Err((column, Retype::Feature)) => {
                    (plan.guesses[column], plan.kinds[column]) = (Guess::Feature, ColumnType::Number);
                    continue;
                }
            };
            return Ok(Converted { kind, profile, output: written });
        }
    })
}

fn open(request: &Request<'_>, kind: FileKind) -> Result<Box<dyn Source>> {
    let mut source = source::open(request.path, kind, &request.wishes.format, request.scratch)?;
    match &request.wishes.format.long {
        None => Ok(source),
        Some(long) => {
            let format = &request.wishes.format.time_format;
            Ok(Box::new(LongSource::open(source.as_mut(), long, format, request.scratch)?))
        }
    }
}

/// What each column is taken for.
struct Plan {
    names: Vec<String>,
    guesses: Vec<Guess>,
    kinds: Vec<ColumnType>,
    time_format: TimeFormat,
}

type Run<W> = std::result::Result<(W, Profile), (usize, Retype)>;

impl Plan {
    /// Looks at rows until every column has shown a value.
    fn new(source: &mut dyn Source, request: &Request<'_>) -> Result<Self> {
        let names = source.header().to_vec();
        let long_time = request.wishes.format.long.as_ref().map(|long| long.time.clone());
        let time_column = request.wishes.time_column.clone().or(long_time);
        let wishes = Wishes { time_column, ..request.wishes.clone() };
        let mut guesses = profile::guesses(&names, &wishes, request.usual)?;
        let told = told_types(&names, &request.wishes.format.types)?;
        let firsts = first_values(source, &guesses, &told)?;
        let kinds = (0..names.len()).map(|place| told[place].or(firsts[place]).unwrap_or(ColumnType::Number));
        let mut kinds: Vec<ColumnType> = kinds.collect();
        settle_times(&mut guesses, &mut kinds, &firsts);
        Ok(Self { names, guesses, kinds, time_format: request.wishes.format.time_format.clone() })
    }

    /// One pass over the rows; the column that must begin anew, where there is one.
    fn run<W: Write + Send>(&self, source: &mut dyn Source, output: W) -> Result<Run<W>> {
        let columns: Vec<(String, ColumnType)> = self.names.iter().cloned().zip(self.kinds.iter().copied()).collect();
        let mut writer = TableWriter::new(output, &columns)?;
        let mut tracks: Vec<Track> = (0..columns.len()).map(|place| self.track(place)).collect();
        let (mut rows, mut in_group, mut last_row, mut retype) = (0_u64, 0_usize, u64::MAX, None);
        source.each(&mut |row| {
            (rows, in_group) = (rows + 1, in_group + 1);
            let mut failed = false;
            for (place, track) in tracks.iter_mut().enumerate() {
                if let Err(other) = track.add(rows, row.cell(place)) {
                    retype = Some((place, other));
                    return Ok(Flow::Stop);
                }
                failed |= track.failed;
            }
            if failed && last_row == u64::MAX {
                last_row = rows.saturating_add(ROWS_AFTER_FAILURE);
            }
            let text: usize = tracks.iter().map(|track| track.values.text_bytes()).sum();
            if writer.is_full(in_group, text) {
                if !failed {
                    write_group(&mut writer, &mut tracks)?;
                }
                tracks.iter_mut().for_each(|track| track.values.clear());
                in_group = 0;
            }
            Ok(if rows >= last_row { Flow::Stop } else { Flow::On })
        })?;
        if let Some(retype) = retype {
            return Ok(Err(retype));
        }
        if rows == 0 {
            return Err(problem("NO_ROWS", "the file has a header but no rows"));
        }
        if in_group > 0 && tracks.iter().all(|track| !track.failed) {
            write_group(&mut writer, &mut tracks)?;
        }
        let profile = profile::finish(tracks.into_iter().map(|track| track.summary).collect(), rows)?;
        Ok(Ok((writer.finish()?, profile)))
    }

    fn track(&self, place: usize) -> Track {
        let (guess, kind) = (self.guesses[place], self.kinds[place]);
        let format = match (guess, &self.time_format) {
            // What is said of times is said of the time column; others are told as they are.
            (Guess::Time | Guess::MaybeTime, format) => format.clone(),
            _ => TimeFormat::Auto,
        };
        Track::new(Summary::new(self.names[place].clone(), guess, kind), guess, kind, format)
    }
}

fn write_group<W: Write + Send>(writer: &mut TableWriter<W>, tracks: &mut [Track]) -> Result<()> {
    let mut columns: Vec<_> = tracks.iter_mut().map(|track| &mut track.values).collect();
    writer.write(&mut columns)
}

/// The types that the client gives, a place for each column.
fn told_types(names: &[String], types: &BTreeMap<String, ColumnType>) -> Result<Vec<Option<ColumnType>>> {
    if let Some(unknown) = types.keys().find(|name| !names.contains(name)) {
        let known = names.iter().take(50).map(String::as_str).collect::<Vec<_>>().join(", ");
        let message = format!("there is no column `{unknown:.60}`; the file has: {known}");
        return Err(nunatak_domain::Problem::new("UNKNOWN_COLUMN", message).at("types").at("format").into());
    }
    Ok(names.iter().map(|name| types.get(name).copied()).collect())
}

/// What the first value of each column is; nothing where none is there.
fn first_values(
    source: &mut dyn Source,
    guesses: &[Guess],
    told: &[Option<ColumnType>],
) -> Result<Vec<Option<ColumnType>>> {
    let mut firsts = vec![None; guesses.len()];
    let mut open: Vec<usize> = (0..guesses.len()).filter(|place| told[*place].is_none()).collect();
    source.each(&mut |row: &Row| {
        open.retain(|place| {
            firsts[*place] = track::type_of(row.cell(*place), guesses[*place]);
            firsts[*place].is_none()
        });
        Ok(if open.is_empty() { Flow::Stop } else { Flow::On })
    })?;
    Ok(firsts)
}

/// The time column holds times. A column that is named like one is one where it looks so; where none is named, the only one
/// that holds times is.
fn settle_times(guesses: &mut [Guess], kinds: &mut [ColumnType], firsts: &[Option<ColumnType>]) {
    for (place, guess) in guesses.iter_mut().enumerate() {
        match (*guess, firsts[place]) {
            (Guess::Time, _) => kinds[place] = ColumnType::Time,
            (Guess::MaybeTime, Some(ColumnType::Number)) => kinds[place] = ColumnType::Time,
            (Guess::MaybeTime, Some(_)) => (*guess, kinds[place]) = (Guess::Time, ColumnType::Time),
            // Told to be something else, or without a value.
            (Guess::MaybeTime, None) if kinds[place] == ColumnType::Time => *guess = Guess::Time,
            (Guess::MaybeTime, None) => *guess = Guess::Feature,
            (Guess::Label, _) if kinds[place] == ColumnType::Time => kinds[place] = ColumnType::Text,
            (Guess::Label | Guess::Feature, _) => {}
        }
    }
    if guesses.iter().any(|guess| matches!(guess, Guess::Time | Guess::MaybeTime)) {
        return;
    }
    let mut times =
        (0..kinds.len()).filter(|place| guesses[*place] == Guess::Feature && kinds[*place] == ColumnType::Time);
    if let (Some(only), None) = (times.next(), times.next()) {
        guesses[only] = Guess::Time;
    }
}

/// Whether a cell is there.
pub(crate) fn is_missing(cell: Cell<'_>) -> bool {
    match cell {
        Cell::Missing => true,
        Cell::Number(number) => number.is_nan(),
        Cell::Text(text) => number_of(text.trim()).is_some_and(f64::is_nan),
        Cell::Time(_) => false,
    }
}
