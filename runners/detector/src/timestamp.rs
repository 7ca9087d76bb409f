//! Times as people write them in CSV files.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// Numbers from this magnitude on are milliseconds, below it seconds: as seconds it would be the year 5138.
const MILLISECONDS_FROM: f64 = 1e11;

/// Milliseconds since 1970-01-01 UTC from RFC 3339, `YYYY-MM-DD HH:MM:SS[.fff]` (taken as UTC), `YYYY-MM-DD`, or a number
/// (seconds, or milliseconds from 1e11 on).
pub(crate) fn parse_millis(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return epoch_millis(number);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S%.f"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(time.and_utc().timestamp_millis());
        }
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}

fn epoch_millis(number: f64) -> Option<i64> {
    let millis = if number.abs() >= MILLISECONDS_FROM { number } else { number * 1000.0 };
    // Beyond 2^53 a double no longer holds whole milliseconds.
    (millis.abs() < 9.0e15).then_some(millis.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::parse_millis;

    #[test]
    fn reads_the_usual_spellings() {
        let moment = Some(1_386_018_900_000);
        assert_eq!(parse_millis("2013-12-02 21:15:00"), moment);
        assert_eq!(parse_millis("2013-12-02T21:15:00Z"), moment);
        assert_eq!(parse_millis("2013-12-02T22:15:00+01:00"), moment);
        assert_eq!(parse_millis("1386018900"), moment);
        assert_eq!(parse_millis("1386018900000"), moment);
        assert_eq!(parse_millis("2013-12-02"), Some(1_385_942_400_000));
        for wrong in ["", "yesterday", "NaN", "inf", "1e300", "2013-13-02"] {
            assert_eq!(parse_millis(wrong), None, "{wrong}");
        }
    }
}
