//! One column of one row group, read in stretches, whatever it is stored as.

use parquet::{
    basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{
        BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type, Int96, Int96Type,
    },
    schema::types::ColumnDescriptor,
};

use crate::{
    Cell,
    error::{Result, excerpt, problem, unreadable},
};

const DAY_MICROS: i64 = 86_400_000_000;

/// What the numbers of a column mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning {
    /// As they are.
    Number,
    /// Without a sign.
    Unsigned,
    /// Divided by this power of ten.
    Decimal(f64),
    /// Times, in this many microseconds (or nanoseconds, where it is none).
    Micros(i64),
    Nanos,
    Text,
}

/// What a column of a file means. Lists and structures are refused.
pub(crate) fn meaning(column: &ColumnDescriptor) -> Result<Meaning> {
    let name = excerpt(&column.path().string());
    if column.path().parts().len() != 1 || column.max_rep_level() > 0 || column.max_def_level() > 1 {
        let message =
            format!("the column `{name}` holds lists or structures; write their parts as columns of their own");
        return Err(problem("UNSUPPORTED_TYPE", message));
    }
    let foreign = |what: &str| {
        let message = format!("the column `{name}` is {what}; write it as numbers, text or timestamps, or drop it");
        Err(problem("UNSUPPORTED_TYPE", message))
    };
    let converted = column.converted_type();
    Ok(match (column.physical_type(), column.logical_type_ref(), converted) {
        (Physical::INT96, ..) => Meaning::Micros(1),
        (_, Some(LogicalType::Date), _) | (_, _, ConvertedType::DATE) => Meaning::Micros(DAY_MICROS),
        (Physical::INT64, Some(LogicalType::Timestamp(timestamp)), _) => match timestamp.unit {
            TimeUnit::MILLIS => Meaning::Micros(1000),
            TimeUnit::MICROS => Meaning::Micros(1),
            TimeUnit::NANOS => Meaning::Nanos,
        },
        (Physical::INT64, _, ConvertedType::TIMESTAMP_MILLIS) => Meaning::Micros(1000),
        (Physical::INT64, _, ConvertedType::TIMESTAMP_MICROS) => Meaning::Micros(1),
        (Physical::INT32 | Physical::INT64, _, ConvertedType::DECIMAL) => {
            Meaning::Decimal(10_f64.powi(column.type_scale()))
        }
        (Physical::INT32 | Physical::INT64, Some(LogicalType::Decimal(decimal)), _) => {
            Meaning::Decimal(10_f64.powi(decimal.scale))
        }
        (_, _, ConvertedType::UINT_32 | ConvertedType::UINT_64) => Meaning::Unsigned,
        (Physical::BYTE_ARRAY, Some(LogicalType::Decimal(_)), _) | (_, _, ConvertedType::DECIMAL) => {
            return foreign("a decimal of many digits");
        }
        (Physical::BYTE_ARRAY, ..) => Meaning::Text,
        (Physical::FIXED_LEN_BYTE_ARRAY, ..) => return foreign("made of bytes"),
        _ => Meaning::Number,
    })
}

/// A column under way: a stretch of it is in memory.
pub(crate) struct ColumnCursor {
    name: String,
    meaning: Meaning,
    nullable: bool,
    typed: Typed,
    levels: Vec<i16>,
    /// Rows of the stretch that have been taken, and values of those.
    row: usize,
    value: usize,
    rows: usize,
}

enum Typed {
    Bool(ColumnReaderImpl<BoolType>, Vec<bool>),
    Int32(ColumnReaderImpl<Int32Type>, Vec<i32>),
    Int64(ColumnReaderImpl<Int64Type>, Vec<i64>),
    Int96(ColumnReaderImpl<Int96Type>, Vec<Int96>),
    Float(ColumnReaderImpl<FloatType>, Vec<f32>),
    Double(ColumnReaderImpl<DoubleType>, Vec<f64>),
    Bytes(ColumnReaderImpl<ByteArrayType>, Vec<ByteArray>),
}

impl ColumnCursor {
    pub(crate) fn new(reader: ColumnReader, column: &ColumnDescriptor, meaning: Meaning) -> Result<Self> {
        let name = column.name().to_owned();
        let typed = match reader {
            ColumnReader::BoolColumnReader(reader) => Typed::Bool(reader, Vec::new()),
            ColumnReader::Int32ColumnReader(reader) => Typed::Int32(reader, Vec::new()),
            ColumnReader::Int64ColumnReader(reader) => Typed::Int64(reader, Vec::new()),
            ColumnReader::Int96ColumnReader(reader) => Typed::Int96(reader, Vec::new()),
            ColumnReader::FloatColumnReader(reader) => Typed::Float(reader, Vec::new()),
            ColumnReader::DoubleColumnReader(reader) => Typed::Double(reader, Vec::new()),
            ColumnReader::ByteArrayColumnReader(reader) => Typed::Bytes(reader, Vec::new()),
            ColumnReader::FixedLenByteArrayColumnReader(_) => {
                return Err(unreadable("Parquet", "a column of bytes of fixed length"));
            }
        };
        let nullable = column.self_type().get_basic_info().repetition() != Repetition::REQUIRED;
        Ok(Self { name, meaning, nullable, typed, levels: Vec::new(), row: 0, value: 0, rows: 0 })
    }

    /// Passes over rows.
    pub(crate) fn skip(&mut self, rows: usize) -> Result<()> {
        let skipped = match &mut self.typed {
            Typed::Bool(reader, _) => reader.skip_records(rows),
            Typed::Int32(reader, _) => reader.skip_records(rows),
            Typed::Int64(reader, _) => reader.skip_records(rows),
            Typed::Int96(reader, _) => reader.skip_records(rows),
            Typed::Float(reader, _) => reader.skip_records(rows),
            Typed::Double(reader, _) => reader.skip_records(rows),
            Typed::Bytes(reader, _) => reader.skip_records(rows),
        };
        self.as_many(skipped?, rows)
    }

    /// Reads the next `rows` rows into memory, in place of those before.
    pub(crate) fn read(&mut self, rows: usize) -> Result<()> {
        (self.row, self.value, self.rows) = (0, 0, rows);
        self.levels.clear();
        let levels = self.nullable.then_some(&mut self.levels);
        let read = match &mut self.typed {
            Typed::Bool(reader, values) => fill(reader, levels, values, rows),
            Typed::Int32(reader, values) => fill(reader, levels, values, rows),
            Typed::Int64(reader, values) => fill(reader, levels, values, rows),
            Typed::Int96(reader, values) => fill(reader, levels, values, rows),
            Typed::Float(reader, values) => fill(reader, levels, values, rows),
            Typed::Double(reader, values) => fill(reader, levels, values, rows),
            Typed::Bytes(reader, values) => fill(reader, levels, values, rows),
        };
        self.as_many(read?, rows)
    }

    fn as_many(&self, found: usize, rows: usize) -> Result<()> {
        if found == rows {
            return Ok(());
        }
        Err(unreadable("Parquet", &format!("the column `{}` ends early", excerpt(&self.name))))
    }

    /// The cell of the next row of the stretch.
    pub(crate) fn next_cell(&mut self) -> Result<Cell<'_>> {
        let row = self.row;
        self.row += 1;
        if row >= self.rows || (self.nullable && self.levels.get(row) != Some(&1)) {
            return Ok(Cell::Missing);
        }
        let at = self.value;
        self.value += 1;
        let meaning = self.meaning;
        let cell = match &self.typed {
            Typed::Bool(_, values) => values.get(at).map(|value| Cell::Number(f64::from(u8::from(*value)))),
            Typed::Int32(_, values) => values.get(at).map(|value| whole(i64::from(*value), meaning, true)),
            Typed::Int64(_, values) => values.get(at).map(|value| whole(*value, meaning, false)),
            Typed::Int96(_, values) => values.get(at).map(|value| Cell::Time(value.to_micros())),
            Typed::Float(_, values) => values.get(at).map(|value| Cell::Number(f64::from(*value))),
            Typed::Double(_, values) => values.get(at).map(|value| Cell::Number(*value)),
            Typed::Bytes(_, values) => match values.get(at).map(|value| std::str::from_utf8(value.data())) {
                Some(Err(_)) => {
                    let message = format!("the column `{}` has text that is not UTF-8", excerpt(&self.name));
                    return Err(problem("NOT_UTF8", message));
                }
                text => text.and_then(std::result::Result::ok).map(Cell::Text),
            },
        };
        cell.ok_or_else(|| unreadable("Parquet", &format!("the column `{}` ends early", excerpt(&self.name))))
    }

    /// The numbers of the stretch that are there, where they are stored as they are meant, and whether each row has one.
    pub(crate) fn doubles(&self) -> Option<(&[f64], Option<&[i16]>)> {
        match &self.typed {
            Typed::Double(_, values) => Some((values, self.nullable.then_some(self.levels.as_slice()))),
            _ => None,
        }
    }
}

fn fill<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    levels: Option<&mut Vec<i16>>,
    values: &mut Vec<T::T>,
    rows: usize,
) -> Result<usize> {
    values.clear();
    Ok(reader.read_records(rows, levels, None, values)?.0)
}

#[expect(clippy::cast_precision_loss, reason = "a measurement above 2^53 loses what no instrument resolves")]
fn whole(value: i64, meaning: Meaning, narrow: bool) -> Cell<'static> {
    match meaning {
        Meaning::Micros(unit) => value.checked_mul(unit).map_or(Cell::Missing, Cell::Time),
        Meaning::Nanos => Cell::Time(value.div_euclid(1000)),
        Meaning::Decimal(power) => Cell::Number(value as f64 / power),
        Meaning::Unsigned if narrow => Cell::Number((value & 0xffff_ffff) as f64),
        Meaning::Unsigned => Cell::Number(value.cast_unsigned() as f64),
        Meaning::Number | Meaning::Text => Cell::Number(value as f64),
    }
}
