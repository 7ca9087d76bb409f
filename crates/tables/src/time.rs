//! Times as people write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use crate::options::TimeFormat;

/// Numbers from these magnitudes on are milliseconds, microseconds and nanoseconds: as the unit before, the year would be
/// past 5100.
const MILLIS_FROM: f64 = 1e11;
const MICROS_FROM: f64 = 1e14;
const NANOS_FROM: f64 = 1e17;
/// The year 287,000 or so: beyond it a double no longer holds whole milliseconds.
const MAX_MICROS: f64 = 9.0e18;

const FORMATS: [&str; 5] =
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y/%m/%d %H:%M:%S%.f"];

impl TimeFormat {
    /// Microseconds since 1970-01-01 UTC; what names no zone is taken as UTC.
    pub(crate) fn parse(&self, text: &str) -> Option<i64> {
        match self {
            Self::Pattern(pattern) => by_pattern(text, pattern),
            Self::Iso => iso(text),
            Self::Auto => iso(text).or_else(|| self.of_number(text.parse().ok()?)),
            _ => match text.parse::<i64>() {
                Ok(whole) => self.of_integer(whole),
                Err(_) => self.of_number(text.parse().ok()?),
            },
        }
    }

    /// A number as a time.
    pub(crate) fn of_number(&self, number: f64) -> Option<i64> {
        let micros = match self {
            Self::UnixSeconds => number * 1e6,
            Self::UnixMillis => number * 1e3,
            Self::UnixMicros => number,
            Self::UnixNanos => number / 1e3,
            Self::Auto => match number.abs() {
                size if size >= NANOS_FROM => number / 1e3,
                size if size >= MICROS_FROM => number,
                size if size >= MILLIS_FROM => number * 1e3,
                _ => number * 1e6,
            },
            // `20260131` by `%Y%m%d`, where the file has it as a number.
            Self::Pattern(pattern) if number.fract() == 0.0 && number.abs() < 1e15 => {
                return by_pattern(&format!("{number}"), pattern);
            }
            Self::Iso | Self::Pattern(_) => return None,
        };
        #[expect(clippy::cast_possible_truncation, reason = "below 2^63 by the condition")]
        (micros.abs() < MAX_MICROS).then_some(micros.round() as i64)
    }

    /// Without a detour by a double, which does not hold nanoseconds of today.
    fn of_integer(&self, whole: i64) -> Option<i64> {
        match self {
            Self::UnixSeconds => whole.checked_mul(1_000_000),
            Self::UnixMillis => whole.checked_mul(1000),
            Self::UnixMicros => Some(whole),
            Self::UnixNanos => Some(whole.div_euclid(1000)),
            Self::Auto | Self::Iso | Self::Pattern(_) => None,
        }
    }
}

fn by_pattern(text: &str, pattern: &str) -> Option<i64> {
    if let Ok(time) = DateTime::parse_from_str(text, pattern) {
        return Some(time.timestamp_micros());
    }
    let time = NaiveDateTime::parse_from_str(text, pattern).ok();
    let time = time.or_else(|| NaiveDate::parse_from_str(text, pattern).ok()?.and_hms_opt(0, 0, 0));
    Some(time?.and_utc().timestamp_micros())
}

fn iso(text: &str) -> Option<i64> {
    plain(text.as_bytes()).or_else(|| {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(time.timestamp_micros());
        }
        let time = FORMATS.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
        let time = time.or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
        Some(time?.and_utc().timestamp_micros())
    })
}

/// `YYYY-MM-DD HH:MM:SS` in UTC without fractions, which most files have, without trying one way after another.
fn plain(text: &[u8]) -> Option<i64> {
    let text = text.strip_suffix(b"Z").unwrap_or(text);
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b' ' | b'T', h0, h1, b':', n0, n1, b':', s0, s1] = text else {
        return None;
    };
    let two = |a: &u8, b: &u8| {
        let digits = a.is_ascii_digit() && b.is_ascii_digit();
        digits.then(|| u32::from(a - b'0') * 10 + u32::from(b - b'0'))
    };
    let year = two(y0, y1)? * 100 + two(y2, y3)?;
    let date = NaiveDate::from_ymd_opt(year.cast_signed(), two(m0, m1)?, two(d0, d1)?)?;
    let second = two(s0, s1).filter(|second| *second < 60)?;
    Some(date.and_hms_opt(two(h0, h1)?, two(n0, n1)?, second)?.and_utc().timestamp_micros())
}

/// As text, UTC, with as many fractional digits as there are.
pub(crate) fn to_text(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros)
        .map_or_else(|| micros.to_string(), |time| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_usual_spellings() {
        let moment = Some(1_386_018_900_000_000);
        for text in [
            "2013-12-02 21:15:00",
            "2013-12-02T21:15:00Z",
            "2013-12-02T22:15:00+01:00",
            "2013-12-02 21:15",
            "1386018900",
            "1386018900000",
            "1386018900000000",
            "1386018900000000000",
        ] {
            assert_eq!(TimeFormat::Auto.parse(text), moment, "{text}");
        }
        assert_eq!(TimeFormat::Auto.parse("2013-12-02"), Some(1_385_942_400_000_000));
        for wrong in ["", "yesterday", "NaN", "inf", "1e300", "2013-13-02", "2013-12-0a 21:15:00"] {
            assert_eq!(TimeFormat::Auto.parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn reads_units_and_patterns_as_told() {
        assert_eq!(TimeFormat::UnixNanos.parse("1386018900000000123"), Some(1_386_018_900_000_000));
        assert_eq!(TimeFormat::UnixMillis.parse("7"), Some(7000));
        assert_eq!(TimeFormat::UnixSeconds.parse("1.5"), Some(1_500_000));
        assert_eq!(TimeFormat::Iso.parse("1386018900"), None);
        let pattern = |pattern: &str| TimeFormat::Pattern(pattern.into());
        assert_eq!(pattern("%d.%m.%Y %H:%M").parse("02.12.2013 21:15"), Some(1_386_018_900_000_000));
        assert_eq!(pattern("%Y%m%d").of_number(20_131_202.0), Some(1_385_942_400_000_000));
        assert_eq!(to_text(1_386_018_900_500_000), "2013-12-02T21:15:00.500Z");
    }
}
