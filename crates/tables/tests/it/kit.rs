//! Files and what becomes of them.

use std::io::{Cursor, Write};

use nunatak_tables::{ParquetTable, Profile, Request, TableError, Wishes, convert};
use tempfile::TempDir;
use zip::{ZipWriter, write::SimpleFileOptions};

/// A converted file.
pub(crate) struct Table {
    pub(crate) bytes: Vec<u8>,
    pub(crate) profile: Profile,
    pub(crate) kind: &'static str,
}

impl Table {
    pub(crate) fn text(&self) -> Vec<Vec<Option<String>>> {
        self.open().text(0..u64::MAX).unwrap()
    }

    pub(crate) fn csv(&self) -> String {
        let mut text = Vec::new();
        nunatak_tables::write_csv(&self.open(), 0..u64::MAX, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    pub(crate) fn open(&self) -> ParquetTable {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&self.bytes).unwrap();
        ParquetTable::open(file).unwrap()
    }
}

pub(crate) fn read(name: &str, bytes: &[u8], wishes: &Wishes) -> Result<Table, TableError> {
    let directory = TempDir::new().unwrap();
    let (path, out) = (directory.path().join("in"), directory.path().join("out"));
    std::fs::write(&path, bytes).unwrap();
    let usual = Wishes::default();
    let request = Request { path: &path, file_name: name, wishes, usual: &usual, scratch: directory.path() };
    let done = convert(&request, || std::fs::File::create(&out))?;
    Ok(Table { bytes: std::fs::read(&out).unwrap(), profile: done.profile, kind: done.kind.name() })
}

/// With nothing said of it.
pub(crate) fn plain(name: &str, bytes: &[u8]) -> Table {
    read(name, bytes, &Wishes::default()).unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

/// The code and sentence of the first problem.
pub(crate) fn problem(name: &str, bytes: &[u8], wishes: &Wishes) -> (&'static str, String) {
    match read(name, bytes, wishes) {
        Err(TableError::Invalid(problems)) => (problems[0].code, problems[0].message.clone()),
        Err(error) => panic!("{name}: {error:?}"),
        Ok(table) => panic!("{name} was read: {:?}", table.profile),
    }
}

/// A workbook with one sheet, `Sheet1`.
pub(crate) fn workbook(sheet: &str) -> Vec<u8> {
    let head = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let doc = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let parts = [
        (
            "_rels/.rels",
            format!(
                r#"{head}<Relationships xmlns="{package}"><Relationship Id="r1" Type="{doc}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                r#"{head}<workbook xmlns="{main}" xmlns:r="{doc}"><sheets><sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                r#"{head}<Relationships xmlns="{package}"><Relationship Id="r1" Type="{doc}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{doc}/styles" Target="styles.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                r#"{head}<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>"#
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(r#"{head}<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>"#),
        ),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}
