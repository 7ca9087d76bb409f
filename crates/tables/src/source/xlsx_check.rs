//! Looks through a workbook before it is read, because its reader believes what it finds: a workbook is a ZIP file, and a few
//! kilobytes of it may become gigabytes.

use std::{fs::File, io::Read, path::Path};

use zip::ZipArchive;

use crate::error::{Result, problem, unreadable};

/// Parts that the reader holds in memory: words that cells share, styles, names of sheets.
const MAX_HELD: u64 = 128 << 20;
/// A sheet of a million rows and fifty columns has 2 GB.
const MAX_SHEET: u64 = 8 << 30;
/// Between two marks of XML: a cell's text has 32,767 characters at most.
const MAX_GAP: u64 = 1 << 20;
/// A workbook has some tens of parts, and a few for each sheet.
const MAX_PARTS: usize = 10_000;

/// Unpacks every part of the workbook and counts.
pub(super) fn check(path: &Path) -> Result<()> {
    let mut archive = ZipArchive::new(File::open(path)?).map_err(|error| unreadable("XLSX", &error.to_string()))?;
    if archive.len() > MAX_PARTS {
        return Err(unreadable("XLSX", &format!("it has {} parts, more than {MAX_PARTS}", archive.len())));
    }
    let mut held = 0;
    for part in 0..archive.len() {
        let mut part = archive.by_index(part).map_err(|error| unreadable("XLSX", &error.to_string()))?;
        let name = part.name().map_err(|error| unreadable("XLSX", &error.to_string()))?.to_ascii_lowercase();
        let is_sheet = name.starts_with("xl/worksheets/") && name.ends_with(".xml");
        if !is_sheet && !name.ends_with(".xml") && !name.ends_with(".rels") {
            continue;
        }
        let left = if is_sheet { MAX_SHEET } else { MAX_HELD - held };
        let size = unpacked(&mut part, left).map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => unreadable("XLSX", &error.to_string()),
            std::io::ErrorKind::QuotaExceeded => too_large(is_sheet),
            _ => error.into(),
        })?;
        held += if is_sheet { 0 } else { size };
    }
    Ok(())
}

fn too_large(is_sheet: bool) -> crate::TableError {
    let (what, most) = if is_sheet { ("a sheet", MAX_SHEET) } else { ("the text of the workbook", MAX_HELD) };
    let message = format!(
        "{what} has more than {} MB unpacked, or a cell of more than 1 MB; save the sheet as CSV and send that",
        most >> 20
    );
    problem("FILE_TOO_LARGE", message)
}

/// How many bytes a part has, if it is no more than `most` and has no long stretch without a mark.
fn unpacked(part: &mut impl Read, most: u64) -> std::io::Result<u64> {
    let (mut size, mut gap) = (0_u64, 0_u64);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = part.read(&mut buffer)?;
        if read == 0 {
            return Ok(size);
        }
        size += read as u64;
        for piece in buffer[..read].split_inclusive(|byte| *byte == b'<') {
            gap += piece.len() as u64;
            if gap > MAX_GAP || size > most {
                return Err(std::io::ErrorKind::QuotaExceeded.into());
            }
            if piece.ends_with(b"<") {
                gap = 0;
            }
        }
    }
}
