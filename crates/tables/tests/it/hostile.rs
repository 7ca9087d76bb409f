//! Files that are broken, or meant to break the reader.

use std::io::{Cursor, Write};

use nunatak_tables::Wishes;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::kit::{plain, problem, workbook};

fn code(name: &str, bytes: &[u8]) -> &'static str {
    problem(name, bytes, &Wishes::default()).0
}

#[test]
fn broken_text_has_a_code_and_a_place() {
    for (name, text, code, place) in [
        ("a.csv", "a,b\n1,2\n3\n", "RAGGED_ROW", "row 2 (line 3)"),
        ("a.csv", "a;a\n1;2\n", "DUPLICATE_COLUMN", "`a`"),
        ("a.json", "[{\"a\": 1}, {\"a\": }]", "UNREADABLE_FILE", "record 2"),
        ("a.json", "[{\"a\": 1}, {\"a\": NaN}]", "UNREADABLE_FILE", "null"),
        ("a.json", "[{\"a\": 1}", "UNREADABLE_FILE", "not closed"),
        ("a.json", "[{\"a\": 1}, {\"a\"", "UNREADABLE_FILE", "cut off"),
        ("a.json", "[{\"a\": {\"b\": 1}}]", "UNSUPPORTED_TYPE", "`a`"),
        ("a.json", "[{\"a\": 1, \"a\": 2}]", "DUPLICATE_COLUMN", "record 1"),
        ("a.json", "[]", "NO_ROWS", ""),
        ("a.json", "{\"a\": {\"0\": 1}, \"b\": {\"1\": 1}}", "RAGGED_ROW", "`b`"),
        ("a.json", "{\"a\": [1, 2], \"b\": [1]}", "RAGGED_ROW", "`b` (1 rows)"),
        ("a.json", "{\"a\": [1, 1e999]}", "UNREADABLE_FILE", "out of range"),
        ("a.jsonl", "{\"a\": 1}\n{\"a\": \"x\"}\n", "NON_NUMERIC", "row 2"),
    ] {
        let (found, message) = problem(name, text.as_bytes(), &Wishes::default());
        assert_eq!(found, code, "{text}: {message}");
        assert!(message.contains(place), "{text}: {message}");
    }
    let late = format!("{}{{\"b\": 1}}", "{\"a\": 1}\n".repeat(1000));
    assert_eq!(code("a.jsonl", late.as_bytes()), "RAGGED_ROW");
}

#[test]
fn damaged_parquet_is_refused_wherever_it_is_damaged() {
    let whole = plain("a.csv", b"time,a,w\n1,2,x\n2,3,y\n3,4,x\n").bytes;
    for length in [4, 11, 12, whole.len() / 2, whole.len() - 1] {
        assert_eq!(code("a.parquet", &whole[..length]), "UNREADABLE_FILE", "{length} bytes");
    }
    // Any byte may be wrong: it is then refused, or was one that says nothing. Never a panic that gets out.
    for place in 4..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x55;
        let _ = crate::kit::read("a.parquet", &bytes, &Wishes::default());
    }
}

#[test]
fn a_zip_bomb_is_seen_before_it_is_unpacked_into_memory() {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("xl/sharedStrings.xml", SimpleFileOptions::default()).unwrap();
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..200 {
        archive.write_all(&zeros).unwrap();
    }
    let bomb = archive.finish().unwrap().into_inner();
    assert!(bomb.len() < 1 << 20, "{} bytes", bomb.len());
    assert_eq!(code("a.xlsx", &bomb), "FILE_TOO_LARGE");
}

#[test]
fn broken_workbooks_are_refused() {
    assert_eq!(code("a.xlsx", b"PK\x03\x04 and nothing"), "UNREADABLE_FILE");
    assert_eq!(code("a.xlsx", &workbook("")), "EMPTY_FILE");
    let words = |at: &str, text: &str| format!(r#"<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>"#);
    let header = format!("<row r=\"1\">{}</row>", words("A1", "a"));
    assert_eq!(code("a.xlsx", &workbook(&header)), "NO_ROWS");
    let beside = format!("{header}<row r=\"2\">{}</row>", r#"<c r="C2"><v>1</v></c>"#);
    assert_eq!(code("a.xlsx", &workbook(&beside)), "RAGGED_ROW");
    assert_eq!(code("a.xls", b"\xd0\xcf\x11\xe0 old"), "UNSUPPORTED_FORMAT");
    assert_eq!(code("a.csv.gz", b"\x1f\x8b\x08"), "UNSUPPORTED_FORMAT");
}
