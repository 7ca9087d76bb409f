//! Long tables made wide.

use nunatak_tables::{FormatOptions, LongColumns, Wishes};

use crate::kit::{plain, problem, read};

fn long() -> Wishes {
    let long = LongColumns { time: "time".into(), sensor: "sensor".into(), value: "value".into() };
    Wishes { format: FormatOptions { long: Some(long), ..FormatOptions::default() }, ..Wishes::default() }
}

#[test]
fn readings_in_any_order_become_rows_by_time() {
    let csv = "time,sensor,value\n60,heat,2\n0,speed,1.5\n0,heat,1\n120,speed,\n";
    let json = r#"[{"sensor": "heat", "time": 60, "value": 2}, {"sensor": "speed", "time": 0, "value": 1.5},
        {"sensor": "heat", "time": 0, "value": 1}, {"sensor": "speed", "time": 120, "value": null}]"#;
    let wide = "time,heat,speed\n0,1,1.5\n60,2,\n120,,\n";
    let expected = plain("wide.csv", wide.as_bytes());
    for (name, text) in [("long.csv", csv), ("long.json", json)] {
        let table = read(name, text.as_bytes(), &long()).unwrap();
        assert!(table.bytes == expected.bytes, "{name}: {}", table.csv());
        assert_eq!(table.profile, expected.profile, "{name}");
    }
}

#[test]
fn more_readings_than_memory_is_given_are_sorted_on_the_disk() {
    // Backwards in time, so that every reading is in the wrong place: a run of two million, and a rest.
    let times = 1_050_000_u32;
    let mut text = String::from("time,sensor,value\n");
    for time in (0..times).rev() {
        text.push_str(&format!("{time},a,{time}\n{time},b,{}\n", time / 2));
    }
    let table = read("long.csv", text.as_bytes(), &long()).unwrap().open();
    assert_eq!(table.row_count(), u64::from(times));
    let mut values = vec![0.0; 2 * times as usize];
    table.read_numbers(&["a".into(), "b".into()], 0..u64::from(times), &mut values).unwrap();
    let right = |(time, pair): (u32, &[f64])| pair == [f64::from(time), f64::from(time / 2)];
    assert!((0..times).zip(values.chunks(2)).all(right));
}

#[test]
fn what_cannot_be_pivoted_says_why() {
    for (text, code) in [
        ("time,sensor,value\n0,a,1\n0,a,2\n", "DUPLICATE_READING"),
        ("time,sensor,value\nsoon,a,1\n", "INVALID_TIME"),
        ("time,sensor,value\n0,,1\n", "UNNAMED_COLUMN"),
        ("time,sensor,value\n0,a,much\n", "NON_NUMERIC"),
        ("time,sensor,value\n0,time,1\n", "DUPLICATE_COLUMN"),
        ("time,sensor\n0,a\n", "UNKNOWN_COLUMN"),
    ] {
        assert_eq!(problem("a.csv", text.as_bytes(), &long()).0, code, "{text}");
    }
}
