//! Times as people write them in CSV files. The runners' reader takes the same spellings.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// Numbers from this magnitude on are milliseconds, below it seconds: as seconds it would be the year 5138.
const MILLISECONDS_FROM: f64 = 1e11;
/// Beyond it a double no longer holds whole milliseconds.
const MAX_MILLIS: f64 = 9.0e15;

const FORMATS: [&str; 4] = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S%.f"];

/// Milliseconds since 1970-01-01 UTC; what names no zone is taken as UTC.
pub(super) fn parse_millis(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<f64>() {
        let millis = if number.abs() >= MILLISECONDS_FROM { number } else { number * 1000.0 };
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53 by the condition")]
        return (millis.abs() < MAX_MILLIS).then_some(millis.round() as i64);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    let time = FORMATS.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let time = time.or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
    Some(time?.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::parse_millis;

    #[test]
    fn reads_the_usual_spellings() {
        let moment = Some(1_386_018_900_000);
        for text in ["2013-12-02 21:15:00", "2013-12-02T22:15:00+01:00", "1386018900", "1386018900000"] {
            assert_eq!(parse_millis(text), moment, "{text}");
        }
        assert_eq!(parse_millis("2013-12-02"), Some(1_385_942_400_000));
        for wrong in ["", "yesterday", "NaN", "inf", "1e300", "2013-13-02"] {
            assert_eq!(parse_millis(wrong), None, "{wrong}");
        }
    }
}
