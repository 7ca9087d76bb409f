//! Columns of rows to row groups of a file. The same rows give the same bytes.

use std::{collections::HashMap, io::Write, sync::Arc};

use parquet::{
    basic::{Compression, ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type},
    file::{
        properties::{EnabledStatistics, WriterProperties},
        writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::{ColumnPath, Type, TypePtr},
};

use crate::{error::Result, profile::ColumnType};

/// Rows of a group: large enough that its headers vanish, small enough to be held.
const GROUP_ROWS: usize = 100_000;
/// Cells of a group: 64 MB of numbers, so that a table of 1000 columns has groups of 8,000 rows.
const GROUP_CELLS: usize = 8_000_000;
/// Bytes of words of a group.
const GROUP_TEXT: usize = 64 << 20;
/// Different words of a column in a group that are kept once; of those beyond, each is kept.
const MAX_INTERNED: usize = 10_000;

/// One column of the group at hand.
#[derive(Debug)]
pub(crate) enum Values {
    /// NaN is missing.
    Numbers(Vec<f64>),
    /// [`i64::MIN`] is missing.
    Times(Vec<i64>),
    Words(Words),
}

#[derive(Debug, Default)]
pub(crate) struct Words {
    rows: Vec<Option<ByteArray>>,
    seen: HashMap<String, ByteArray>,
    bytes: usize,
}

impl Words {
    pub(crate) fn push(&mut self, word: Option<&str>) {
        let Some(word) = word else { return self.rows.push(None) };
        if let Some(known) = self.seen.get(word) {
            // The bytes are shared, not copied.
            return self.rows.push(Some(known.clone()));
        }
        let bytes = ByteArray::from(word);
        self.bytes += word.len();
        if self.seen.len() < MAX_INTERNED {
            self.seen.insert(word.to_owned(), bytes.clone());
        }
        self.rows.push(Some(bytes));
    }
}

impl Values {
    pub(crate) fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Number => Self::Numbers(Vec::new()),
            ColumnType::Time => Self::Times(Vec::new()),
            ColumnType::Text => Self::Words(Words::default()),
        }
    }

    pub(crate) fn text_bytes(&self) -> usize {
        if let Self::Words(words) = self { words.bytes } else { 0 }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::Numbers(values) => values.clear(),
            Self::Times(values) => values.clear(),
            Self::Words(words) => *words = Words::default(),
        }
    }
}

/// A file in the making.
pub(crate) struct TableWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    group_rows: usize,
}

impl<W: Write + Send> TableWriter<W> {
    pub(crate) fn new(output: W, columns: &[(String, ColumnType)]) -> Result<Self> {
        let file = SerializedFileWriter::new(output, schema(columns)?, Arc::new(properties(columns)))?;
        Ok(Self { file, group_rows: (GROUP_CELLS / columns.len().max(1)).clamp(1, GROUP_ROWS) })
    }

    /// Whether so many rows make a group.
    pub(crate) fn is_full(&self, rows: usize, text_bytes: usize) -> bool {
        rows >= self.group_rows || text_bytes >= GROUP_TEXT
    }

    /// Writes the columns as one group and empties them.
    pub(crate) fn write(&mut self, columns: &mut [&mut Values]) -> Result<()> {
        let mut group = self.file.next_row_group()?;
        for values in columns.iter_mut() {
            write_column(&mut group, values)?;
            values.clear();
        }
        group.close()?;
        Ok(())
    }

    /// Writes the footer and gives the output back.
    pub(crate) fn finish(self) -> Result<W> {
        Ok(self.file.into_inner()?)
    }
}

fn write_column<W: Write + Send>(group: &mut SerializedRowGroupWriter<'_, W>, values: &mut Values) -> Result<()> {
    let Some(mut column) = group.next_column()? else { return Ok(()) };
    match values {
        Values::Numbers(values) => {
            let levels = levels(values.iter().map(|value| !value.is_nan()));
            values.retain(|value| !value.is_nan());
            column.typed::<DoubleType>().write_batch(values, Some(&levels), None)?;
        }
        Values::Times(values) => {
            let levels = levels(values.iter().map(|value| *value != i64::MIN));
            values.retain(|value| *value != i64::MIN);
            column.typed::<Int64Type>().write_batch(values, Some(&levels), None)?;
        }
        Values::Words(words) => write_words(&mut column, std::mem::take(&mut words.rows))?,
    }
    column.close()?;
    Ok(())
}

fn write_words(column: &mut SerializedColumnWriter<'_>, rows: Vec<Option<ByteArray>>) -> Result<()> {
    let levels = levels(rows.iter().map(Option::is_some));
    let present: Vec<ByteArray> = rows.into_iter().flatten().collect();
    column.typed::<ByteArrayType>().write_batch(&present, Some(&levels), None)?;
    Ok(())
}

fn levels(present: impl Iterator<Item = bool>) -> Vec<i16> {
    present.map(i16::from).collect()
}

fn schema(columns: &[(String, ColumnType)]) -> Result<TypePtr> {
    let fields = columns.iter().map(|(name, kind)| {
        let (physical, logical, converted) = match kind {
            ColumnType::Number => (Physical::DOUBLE, None, ConvertedType::NONE),
            ColumnType::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String), ConvertedType::UTF8),
            ColumnType::Time => {
                (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS)), ConvertedType::TIMESTAMP_MICROS)
            }
        };
        let field = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
        Ok(Arc::new(field.with_logical_type(logical).with_converted_type(converted).build()?))
    });
    let fields = fields.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Type::group_type_builder("table").with_fields(fields).build()?))
}

/// Measurements seldom repeat: a dictionary of them is built only to be thrown away. Words do.
fn properties(columns: &[(String, ColumnType)]) -> WriterProperties {
    let level = ZstdLevel::try_new(1).unwrap_or_default();
    let mut builder = WriterProperties::builder()
        // The crate's version would change the bytes, and with them the checksum, at every upgrade.
        .set_created_by("nunatak".to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for (name, kind) in columns {
        let path = ColumnPath::new(vec![name.clone()]);
        builder = builder.set_column_dictionary_enabled(path, *kind == ColumnType::Text);
    }
    builder.build()
}
