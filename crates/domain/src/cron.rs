//! Moments that come again, as a cron expression in a time zone.
//!
//! Clocks are put forward and back. What is set for one hour (`30 2 * * *`) happens once a day: where 02:30 is left out,
//! at the first moment after the gap; where it comes twice, the first time. What is set for every hour or minute
//! follows the clock on the wall: what a gap leaves out is left out, what comes twice happens twice.

use chrono::DateTime;
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};

use crate::{Problem, Timestamp};

/// A checked cron expression: five fields, so that a minute is the shortest time between two moments.
#[derive(Clone, Debug)]
pub struct Cron {
    pattern: croner::Cron,
    zone: Tz,
}

/// Longer is no schedule but a mistake, and parsing takes time.
const MAX_CHARS: usize = 200;

impl Cron {
    /// # Errors
    /// `INVALID_CRON` at `expression`, `UNKNOWN_TIME_ZONE` at `timeZone`, with what to change.
    pub fn parse(expression: &str, time_zone: &str) -> Result<Self, Problem> {
        let zone = time_zone.parse::<Tz>().map_err(|_| unknown_zone(time_zone))?;
        let fields = expression.split_whitespace().count();
        if expression.len() > MAX_CHARS || (fields != 5 && !expression.trim_start().starts_with('@')) {
            return Err(wrong(&format!("this one has {fields} fields")));
        }
        let pattern = parser().parse(expression).map_err(|error| wrong(&blame(expression, &error.to_string())))?;
        Ok(Self { pattern, zone })
    }

    /// The first moment after `now`; none where the expression names a day that there is not, 30 February.
    #[must_use]
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let local: DateTime<Tz> = now.to_utc().with_timezone(&self.zone);
        let next = self.pattern.find_next_occurrence(&local, false).ok()?;
        Some(next.to_utc().into())
    }
}

fn wrong(why: &str) -> Problem {
    let message = format!(
        "a cron expression has five fields, minute hour day month weekday, such as `30 2 * * MON`, or is `@daily`, \
         `@hourly`, `@weekly`…; {why}"
    );
    Problem::new("INVALID_CRON", message).at("expression")
}

fn parser() -> CronParser {
    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build()
}

const FIELDS: [&str; 5] = ["minute (0-59)", "hour (0-23)", "day (1-31)", "month (1-12)", "weekday (0-7)"];

/// The first field that is wrong by itself: the parser does not say which.
fn blame(expression: &str, error: &str) -> String {
    let fields = expression.split_whitespace().zip(FIELDS).enumerate();
    let alone = |place: usize, field: &str| {
        let all: Vec<_> = (0..FIELDS.len()).map(|other| if other == place { field } else { "*" }).collect();
        all.join(" ")
    };
    let mut wrong = fields.filter(|(place, (field, _))| parser().parse(&alone(*place, field)).is_err());
    wrong.next().map_or_else(|| error.to_owned(), |(_, (field, name))| format!("`{field}` is no {name}"))
}

fn unknown_zone(name: &str) -> Problem {
    let name: String = name.chars().take(60).collect();
    let message = format!("`{name}` is no time zone; take a name of the IANA list such as `Europe/Berlin`, or `UTC`");
    Problem::new("UNKNOWN_TIME_ZONE", message).at("timeZone")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(expression: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(expression, zone).unwrap();
        let mut now: Timestamp = from.parse::<DateTime<chrono::Utc>>().unwrap().into();
        let next = || {
            now = cron.next_after(now)?;
            Some(now.to_utc().format("%d %H:%M").to_string())
        };
        std::iter::from_fn(next).take(count).collect()
    }

    #[test]
    fn a_daily_time_that_the_spring_leaves_out_comes_after_the_gap() {
        // 2026-03-29 02:00 in Berlin is 03:00 at once, 01:00 UTC.
        let got = times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
        assert_eq!(got, ["28 01:30", "29 01:00", "30 00:30"]);
    }

    #[test]
    fn a_daily_time_that_the_autumn_repeats_comes_once() {
        // 2026-10-25 02:30 in Berlin is 00:30 UTC and 01:30 UTC.
        let got = times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(got, ["25 00:30", "26 01:30"]);
    }

    #[test]
    fn every_half_hour_goes_through_both_changes() {
        let spring = times("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:10:00Z", 3);
        assert_eq!(spring, ["29 00:30", "29 01:00", "29 01:30"]);
        let autumn = times("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:10:00Z", 3);
        assert_eq!(autumn, ["25 00:30", "25 01:00", "25 01:30"]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (expression, zone, code, says) in [
            ("0 0 3 * * *", "UTC", "INVALID_CRON", "this one has 6 fields"),
            ("0 24 * * *", "UTC", "INVALID_CRON", "`24` is no hour (0-23)"),
            ("@often", "UTC", "INVALID_CRON", "five fields"),
            ("never", "UTC", "INVALID_CRON", "this one has 1 fields"),
            ("0 3 * * *", "Berlin", "UNKNOWN_TIME_ZONE", "Europe/Berlin"),
        ] {
            let problem = Cron::parse(expression, zone).unwrap_err();
            assert_eq!(problem.code, code, "{expression}");
            assert!(problem.message.contains(says), "{}", problem.message);
        }
    }

    #[test]
    fn a_day_that_there_is_not_never_comes() {
        assert!(times("0 0 30 2 *", "UTC", "2026-01-01T00:00:00Z", 1).is_empty());
        assert_eq!(times("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1), ["29 00:00"]);
    }
}
