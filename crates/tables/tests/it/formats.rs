//! One table in every format.

use nunatak_tables::{ColumnRole, ColumnType, FormatOptions, TimeFormat, Wishes};

use crate::kit::{plain, problem, read, workbook};

const CSV: &str = "time,kind,a,b,label\n\
    2026-01-01T00:00:00Z,M,1.5,10,0\n\
    2026-01-01T00:01:00Z,L,-2,,1\n\
    2026-01-01T00:02:00Z,,3.25,30,0\n";

/// The table as each format has it, with a file name.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let records = [
        r#"{"time": "2026-01-01T00:00:00Z", "kind": "M", "a": 1.5, "b": 10, "label": 0}"#,
        r#"{"time": "2026-01-01T00:01:00Z", "kind": "L", "b": null, "a": -2, "label": 1}"#,
        r#"{"time": "2026-01-01T00:02:00Z", "a": 3.25, "b": 30, "label": 0}"#,
    ];
    let columns = r#"{"time": {"0": 1767225600000, "1": 1767225660000, "2": 1767225720000},
        "kind": {"0": "M", "1": "L", "2": null}, "a": {"0": 1.5, "1": -2.0, "2": 3.25},
        "b": {"0": 10.0, "1": null, "2": 30.0}, "label": {"0": 0, "1": 1, "2": 0}}"#;
    let lists = r#"{"time": [1767225600, 1767225660, 1767225720], "kind": ["M", "L", null], "a": [1.5, -2, 3.25],
        "b": [10, null, 30], "label": [0, 1, 0]}"#;
    let words = |at: &str, text: &str| format!(r#"<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>"#);
    let number = |at: &str, value: &str| format!(r#"<c r="{at}"><v>{value}</v></c>"#);
    let time = |at: &str, value: &str| format!(r#"<c r="{at}" s="1"><v>{value}</v></c>"#);
    let sheet = [
        format!(
            r#"<row r="2">{}{}{}{}{}</row>"#,
            words("B2", "time"),
            words("C2", "kind"),
            words("D2", "a"),
            words("E2", "b"),
            words("F2", "label")
        ),
        format!(
            r#"<row r="3">{}{}{}{}{}</row>"#,
            time("B3", "46023"),
            words("C3", "M"),
            number("D3", "1.5"),
            number("E3", "10"),
            number("F3", "0")
        ),
        // A minute is 1/1440 of a day.
        format!(
            r#"<row r="5">{}{}{}{}</row>"#,
            time("B5", "46023.000694444447"),
            words("C5", "L"),
            number("D5", "-2"),
            number("F5", "1")
        ),
        format!(
            r#"<row r="6">{}{}{}{}</row>"#,
            time("B6", "46023.001388888886"),
            number("D6", "3.25"),
            number("E6", "30"),
            number("F6", "0")
        ),
    ];
    vec![
        ("a.csv", CSV.into()),
        ("a.tsv", CSV.replace(',', "\t").into()),
        ("b.csv", format!("\u{feff}{}", CSV.replace(',', ";").replace('\n', "\r\n")).into()),
        ("a.json", format!("[{}]", records.join(",\n")).into()),
        ("a.jsonl", records.join("\n").into()),
        ("columns.json", columns.into()),
        ("lists.json", lists.into()),
        ("a.xlsx", workbook(&sheet.concat())),
        ("a.parquet", plain("a.csv", CSV.as_bytes()).bytes),
    ]
}

#[test]
fn the_same_table_is_the_same_parquet_whatever_it_came_as() {
    let expected = plain("a.csv", CSV.as_bytes());
    let kinds: Vec<&str> = files()
        .iter()
        .map(|(name, bytes)| {
            let table = plain(name, bytes);
            assert_eq!(table.text(), expected.text(), "{name}");
            assert_eq!(table.profile, expected.profile, "{name}");
            assert!(table.bytes == expected.bytes, "{name} has other bytes");
            table.kind
        })
        .collect();
    let told = ["CSV", "CSV", "CSV", "JSON", "JSON_LINES", "JSON_COLUMNS", "JSON_COLUMNS", "XLSX", "PARQUET"];
    assert_eq!(kinds, told);
}

#[test]
fn columns_are_what_they_hold() {
    let table = plain("a.csv", CSV.as_bytes());
    let columns: Vec<_> =
        table.profile.columns.iter().map(|column| (column.kind, column.role, column.missing)).collect();
    assert_eq!(
        columns,
        [
            (ColumnType::Time, ColumnRole::Time, 0),
            (ColumnType::Text, ColumnRole::Ignored, 1),
            (ColumnType::Number, ColumnRole::Feature, 0),
            (ColumnType::Number, ColumnRole::Feature, 1),
            (ColumnType::Number, ColumnRole::Label, 0),
        ]
    );
    assert_eq!((table.profile.row_count, table.profile.anomaly_count), (3, Some(1)));
    assert_eq!(table.csv(), CSV, "the way back is the way in");
}

#[test]
fn a_table_of_many_groups_reads_back_row_by_row() {
    let rows = 250_003;
    let mut text = String::from("i,half,word\n");
    for i in 0..rows {
        let half = if i % 7 == 0 { String::new() } else { format!("{}", f64::from(i) / 2.0) };
        text.push_str(&format!("{i},{half},w{}\n", i % 3));
    }
    let table = plain("a.csv", text.as_bytes()).open();
    assert_eq!(table.row_count(), u64::try_from(rows).unwrap());
    let mut values = vec![0.0; 20_000];
    // Across the border of two groups.
    table.read_numbers(&["half".into(), "i".into()], 95_000..105_000, &mut values).unwrap();
    for (i, pair) in (95_000_i32..105_000).zip(values.chunks(2)) {
        assert_eq!(pair[1], f64::from(i));
        assert!(if i % 7 == 0 { pair[0].is_nan() } else { pair[0] == f64::from(i) / 2.0 }, "row {i}");
    }
    assert_eq!(table.text(249_999..250_002).unwrap()[1][2].as_deref(), Some("w1"));
}

#[test]
fn what_is_said_of_a_file_holds() {
    let said = |format: FormatOptions| Wishes { time_column: Some("t".into()), format, ..Wishes::default() };
    let by_pattern =
        FormatOptions { time_format: TimeFormat::Pattern("%d.%m.%Y %H:%M".into()), ..FormatOptions::default() };
    let table = read("a.csv", b"t|zip|x\n31.01.2026 12:00|01067|1\n", &said(by_pattern.clone())).unwrap();
    assert_eq!(table.csv(), "t,zip,x\n2026-01-31T12:00:00Z,1067,1\n");

    let types = [("zip".to_owned(), ColumnType::Text)].into();
    let table =
        read("a.csv", b"t|zip|x\n31.01.2026 12:00|01067|1\n", &said(FormatOptions { types, ..by_pattern })).unwrap();
    assert_eq!(table.csv(), "t,zip,x\n2026-01-31T12:00:00Z,01067,1\n");

    let nanos = FormatOptions { time_format: TimeFormat::UnixNanos, delimiter: Some('!'), ..FormatOptions::default() };
    let table = read("a.txt", b"t!x\n1767225600000000000!1\n", &said(nanos)).unwrap();
    assert_eq!(table.csv(), "t,x\n2026-01-01T00:00:00Z,1\n");

    let wrong = FormatOptions { time_format: TimeFormat::Pattern("%Q".into()), ..FormatOptions::default() };
    assert_eq!(problem("a.csv", b"t,x\n1,1\n", &said(wrong)).0, "INVALID_FORMAT");
    let types = [("y".to_owned(), ColumnType::Text)].into();
    assert_eq!(
        problem("a.csv", b"t,x\n1,1\n", &said(FormatOptions { types, ..FormatOptions::default() })).0,
        "UNKNOWN_COLUMN"
    );
}

#[test]
fn a_column_that_turns_out_otherwise_begins_anew() {
    // Numbers first, then names of classes; a column that is called a time and holds none.
    let text = b"time,x,label\n1,1,0\n2,2,0\nNaN,3,stuck valve\n";
    let table = plain("a.csv", text);
    let kinds: Vec<_> = table.profile.columns.iter().map(|column| (column.kind, column.role)).collect();
    assert_eq!(kinds[0], (ColumnType::Number, ColumnRole::Feature));
    assert_eq!(kinds[2], (ColumnType::Text, ColumnRole::Label));
    assert_eq!(table.csv(), "time,x,label\n1,1,0\n2,2,0\n,3,stuck valve\n");
}
