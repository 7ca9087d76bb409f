//! What a file is, told from its first bytes and its name.

use std::{fs::File, io::Read, path::Path};

use crate::{
    FileKind,
    error::{Result, problem},
};

/// Enough for a header of a thousand names, mostly.
const HEAD: u64 = 64 * 1024;

/// File name endings of formats that are not read, with what they are.
const FOREIGN_ENDINGS: [(&str, &str); 9] = [
    (".xls", "an old Excel file"),
    (".xlsb", "a binary Excel file"),
    (".ods", "OpenDocument"),
    (".feather", "Arrow"),
    (".npy", "NumPy"),
    (".gz", "gzip"),
    (".zst", "Zstandard"),
    (".zip", "ZIP"),
    (".mat", "MATLAB"),
];
/// First bytes of formats that are not read.
const FOREIGN_BYTES: [(&[u8], &str); 6] = [
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"ARROW1", "Arrow"),
    (b"\x93NUMPY", "NumPy"),
    (b"%PDF", "PDF"),
];

/// The kind of a file of which nothing was said.
pub(crate) fn kind_of(path: &Path, file_name: &str) -> Result<FileKind> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    let lower = file_name.to_ascii_lowercase();
    if head.starts_with(b"PAR1") {
        return Ok(FileKind::Parquet);
    }
    if head.starts_with(b"PK\x03\x04") && !lower.ends_with(".zip") {
        return Ok(FileKind::Xlsx);
    }
    let by_bytes = FOREIGN_BYTES.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, format)| *format);
    let by_name = FOREIGN_ENDINGS.iter().find(|(ending, _)| lower.ends_with(ending)).map(|(_, format)| *format);
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Err(problem("NOT_UTF8", "the file is UTF-16; save it as UTF-8"));
    }
    let binary = head.contains(&0).then_some("a binary format");
    let named = [(".parquet", "a Parquet file"), (".xlsx", "an Excel file")];
    let damaged = named.iter().find(|(ending, _)| lower.ends_with(ending)).map(|(_, format)| *format);
    if let Some(format) = by_bytes.or(by_name).or(damaged).or(binary) {
        let message = format!(
            "this looks like {format}{}; send CSV, TSV, Parquet, XLSX or JSON, not packed",
            if damaged.is_some() { " by its name, but its bytes are not" } else { "" }
        );
        return Err(problem("UNSUPPORTED_FORMAT", message));
    }
    Ok(text_kind(&head))
}

/// JSON begins with a bracket and is followed by more of JSON; else it is separated text.
fn text_kind(head: &[u8]) -> FileKind {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let mut marks = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace());
    match (marks.next(), marks.next()) {
        (Some(b'['), Some(b'{' | b'[' | b']')) => FileKind::Json,
        (Some(b'{'), Some(b'"')) if first_value_nests(text) => FileKind::JsonColumns,
        (Some(b'{'), Some(b'"' | b'}')) => FileKind::JsonLines,
        _ => FileKind::Csv,
    }
}

/// Whether what stands behind the first key begins with a bracket.
fn first_value_nests(text: &[u8]) -> bool {
    let mut quoted = false;
    let mut escaped = false;
    for (place, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b':' if !quoted => {
                let value = text[place + 1..].iter().find(|byte| !byte.is_ascii_whitespace());
                return matches!(value, Some(b'{' | b'['));
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_from_text() {
        for (text, kind) in [
            ("[ {\"a\": 1}]", FileKind::Json),
            ("{\"a\": 1}\n{\"a\": 2}", FileKind::JsonLines),
            ("\u{feff}{\"a:\": {\"0\": 1}}", FileKind::JsonColumns),
            ("{\"a\": [1, 2]}", FileKind::JsonColumns),
            ("[x],y\n1,2\n", FileKind::Csv),
            ("a,b\n", FileKind::Csv),
        ] {
            assert_eq!(text_kind(text.as_bytes()), kind, "{text}");
        }
    }
}
