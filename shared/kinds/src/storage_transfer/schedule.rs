//! When a job runs (google.storagetransfer.v1.Schedule): all times are UTC.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use time::{Date, OffsetDateTime, Time};

const DAY: Duration = Duration::from_hours(24);
/// The shortest interval (`google.storagetransfer.v1.Schedule.repeat_interval`).
const SHORTEST_INTERVAL: Duration = Duration::from_hours(1);
/// Where only the last day is given.
const END_OF_DAY: TimeOfDay = TimeOfDay { hours: 23, minutes: 59, seconds: 59, nanos: 0 };

// As people write it: what is stored is also read by them.
time::serde::format_description!(day, Date, "[year]-[month]-[day]");

/// A time of day (google.type.TimeOfDay), without leap seconds and without the end of the day as 24:00.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names tell it")]
pub struct TimeOfDay {
    pub hours: u8,
    pub minutes: u8,
    pub seconds: u8,
    #[serde(default)]
    pub nanos: u32,
}

impl TimeOfDay {
    fn time(self) -> Option<Time> {
        Time::from_hms_nano(self.hours, self.minutes, self.seconds, self.nanos).ok()
    }
}

/// Why a schedule can't be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// 24:00, or something like it.
    #[error("startTimeOfDay is no time of day")]
    StartTime,
    /// The same of the end.
    #[error("endTimeOfDay is no time of day")]
    EndTime,
    /// It ends before it starts.
    #[error("the end is before the start")]
    EndBeforeStart,
    /// A time on no day.
    #[error("endTimeOfDay needs scheduleEndDate")]
    EndTimeWithoutDate,
    /// Too often.
    #[error("repeatInterval must be at least 3600s")]
    Interval,
}

/// When a job runs: at an instant of its first day, then again and again until its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schedule {
    /// The first day.
    #[serde(with = "day")]
    pub start_date: Date,
    /// The last day on which it starts; the first day again: it runs once.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "day::option")]
    pub end_date: Option<Date>,
    /// When on the first day. Without, it runs as soon as it is made, and then at midnight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<TimeOfDay>,
    /// The last moment of the last day at which it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<TimeOfDay>,
    /// From start to start; a day where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_interval: Option<Duration>,
}

impl Schedule {
    /// Whether it can be kept.
    ///
    /// # Errors
    /// [`InvalidSchedule`] with the vendor's name of the field.
    pub fn check(&self) -> Result<(), InvalidSchedule> {
        if self.start_time.is_some_and(|time| time.time().is_none()) {
            return Err(InvalidSchedule::StartTime);
        }
        if self.end_time.is_some_and(|time| time.time().is_none()) {
            return Err(InvalidSchedule::EndTime);
        }
        if self.end_time.is_some() && self.end_date.is_none() {
            return Err(InvalidSchedule::EndTimeWithoutDate);
        }
        if self.repeat_interval.is_some_and(|interval| interval < SHORTEST_INTERVAL) {
            return Err(InvalidSchedule::Interval);
        }
        if self.end().is_some_and(|end| end < at(self.start_date, self.start_time)) {
            return Err(InvalidSchedule::EndBeforeStart);
        }
        Ok(())
    }

    /// The first run after `after` of a job that was made at `made`; `None` where there is none any more. What was missed in
    /// between is not made up for: who fires late asks for the next run after now.
    pub fn next_run(&self, made: OffsetDateTime, after: OffsetDateTime) -> Option<OffsetDateTime> {
        let (first, anchor) = self.first_run(made)?;
        let next = if first > after {
            Some(first)
        } else if self.end_date == Some(self.start_date) {
            None
        } else {
            first_after(anchor, self.repeat_interval.unwrap_or(DAY), after.max(first))
        };
        next.filter(|next| self.end().is_none_or(|end| *next <= end))
    }

    /// The first run, and the instant from which the others are counted.
    fn first_run(&self, made: OffsetDateTime) -> Option<(OffsetDateTime, OffsetDateTime)> {
        let start = at(self.start_date, self.start_time);
        if start >= made {
            return Some((start, start));
        }
        if self.start_time.is_none() && self.start_date == made.date() {
            // At once, and then at midnight.
            return Some((made, start));
        }
        // Too late for its first day: from the day after it was made.
        let start = at(made.date().next_day()?, self.start_time);
        Some((start, start))
    }

    /// The last moment at which it starts.
    fn end(&self) -> Option<OffsetDateTime> {
        self.end_date.map(|date| at(date, Some(self.end_time.unwrap_or(END_OF_DAY))))
    }
}

/// Midnight where there is no time, or none of the day (which [`Schedule::check`] refuses).
fn at(date: Date, time: Option<TimeOfDay>) -> OffsetDateTime {
    date.with_time(time.and_then(TimeOfDay::time).unwrap_or(Time::MIDNIGHT)).assume_utc()
}

/// The first of `anchor`, `anchor + interval`, … after `after`; `None` at the end of the calendar.
fn first_after(anchor: OffsetDateTime, interval: Duration, after: OffsetDateTime) -> Option<OffsetDateTime> {
    if after < anchor {
        return Some(anchor);
    }
    let interval = i128::try_from(interval.max(SHORTEST_INTERVAL).as_nanos()).ok()?;
    let passed = (after - anchor).whole_nanoseconds() / interval;
    let nanos = anchor.unix_timestamp_nanos().checked_add((passed + 1).checked_mul(interval)?)?;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::format_description::well_known::Rfc3339;

    fn time(text: &str) -> OffsetDateTime {
        OffsetDateTime::parse(text, &Rfc3339).expect("a time")
    }

    fn date(text: &str) -> Date {
        time(&format!("{text}T00:00:00Z")).date()
    }

    fn of_day(text: &str) -> TimeOfDay {
        let time = time(&format!("2026-01-01T{text}Z"));
        TimeOfDay { hours: time.hour(), minutes: time.minute(), seconds: time.second(), nanos: time.nanosecond() }
    }

    fn schedule(start: &str, end: Option<&str>, start_time: Option<&str>, hours: Option<u64>) -> Schedule {
        Schedule {
            start_date: date(start),
            end_date: end.map(date),
            start_time: start_time.map(of_day),
            end_time: None,
            repeat_interval: hours.map(Duration::from_hours),
        }
    }

    /// The first runs, each asked for after the one before.
    fn runs(schedule: &Schedule, made: &str, count: usize) -> Vec<String> {
        let made = time(made);
        let first = schedule.next_run(made, made - time::Duration::NANOSECOND);
        std::iter::successors(first, |run| schedule.next_run(made, *run))
            .take(count)
            .map(|run| run.format(&Rfc3339).expect("a time"))
            .collect()
    }

    #[test]
    fn runs_follow_the_vendors_rules() {
        let made = "2026-02-27T10:30:00Z";
        for (name, schedule, expect) in [
            (
                "each day at a time to come",
                schedule("2026-02-27", None, Some("13:00:00"), None),
                &["2026-02-27T13:00:00Z", "2026-02-28T13:00:00Z", "2026-03-01T13:00:00Z"][..],
            ),
            (
                "the time of its first day has passed",
                schedule("2026-02-27", None, Some("09:00:00"), None),
                &["2026-02-28T09:00:00Z", "2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z"],
            ),
            (
                "its first day has passed",
                schedule("2026-01-01", None, Some("13:00:00"), None),
                &["2026-02-28T13:00:00Z", "2026-03-01T13:00:00Z", "2026-03-02T13:00:00Z"],
            ),
            ("once, at once", schedule("2026-02-27", Some("2026-02-27"), None, None), &["2026-02-27T10:30:00Z"]),
            (
                "once, though it is to be repeated",
                schedule("2026-02-27", Some("2026-02-27"), Some("13:00:00"), Some(1)),
                &["2026-02-27T13:00:00Z"],
            ),
            ("once, too late", schedule("2026-02-27", Some("2026-02-27"), Some("09:00:00"), None), &[]),
            ("once, on a day that has passed", schedule("2026-02-26", Some("2026-02-26"), None, None), &[]),
            (
                "at once, and then at midnight",
                schedule("2026-02-27", Some("2026-02-28"), None, None),
                &["2026-02-27T10:30:00Z", "2026-02-28T00:00:00Z"],
            ),
            (
                "without a time, on a day to come",
                schedule("2026-03-01", None, None, None),
                &["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"],
            ),
            (
                "every 7 hours, which does not divide a day",
                schedule("2026-02-28", None, Some("20:00:00"), Some(7)),
                &["2026-02-28T20:00:00Z", "2026-03-01T03:00:00Z", "2026-03-01T10:00:00Z"],
            ),
            (
                "through the last moment of the last day",
                schedule("2026-02-27", Some("2026-02-28"), Some("23:59:59"), None),
                &["2026-02-27T23:59:59Z", "2026-02-28T23:59:59Z"],
            ),
        ] {
            assert_eq!(schedule.check(), Ok(()), "{name}");
            assert_eq!(runs(&schedule, made, 3), expect, "{name}");
        }
    }

    #[test]
    fn it_is_stored_as_people_write_it() {
        let stored = schedule("2026-02-27", Some("2026-03-01"), Some("13:00:00"), Some(1));
        let json = serde_json::to_value(stored).expect("JSON");
        assert_eq!((&json["startDate"], &json["endDate"]), (&"2026-02-27".into(), &"2026-03-01".into()));
        assert_eq!(serde_json::from_value::<Schedule>(json).ok(), Some(stored));
        let least = serde_json::from_str::<Schedule>(r#"{"startDate": "2026-02-27"}"#);
        assert_eq!(least.ok(), Some(schedule("2026-02-27", None, None, None)));
        assert!(serde_json::from_str::<Schedule>(r#"{"startDate": "2026-02-30"}"#).is_err(), "there is no such day");
    }

    #[test]
    fn a_leap_day_is_a_day() {
        let daily = schedule("2028-02-28", Some("2028-03-01"), Some("00:00:00"), None);
        let expect = ["2028-02-28T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"];
        assert_eq!(runs(&daily, "2028-01-01T00:00:00Z", 9), expect);
        let once = schedule("2028-02-29", Some("2028-02-29"), None, None);
        assert_eq!(runs(&once, "2028-02-29T23:59:59Z", 9), ["2028-02-29T23:59:59Z"]);
    }

    #[test]
    fn midnight_belongs_to_the_day_that_begins() {
        let daily = schedule("2026-02-27", None, None, None);
        let made = "2026-02-27T00:00:00Z";
        assert_eq!(runs(&daily, made, 2), ["2026-02-27T00:00:00Z", "2026-02-28T00:00:00Z"]);
        let made = "2026-02-27T23:59:59.999999999Z";
        assert_eq!(runs(&daily, made, 2), ["2026-02-27T23:59:59.999999999Z", "2026-02-28T00:00:00Z"]);
    }

    #[test]
    fn the_end_is_a_moment_of_its_day() {
        let end_time = Some(of_day("14:00:00"));
        let hourly = Schedule { end_time, ..schedule("2026-03-01", Some("2026-03-02"), Some("13:00:00"), Some(12)) };
        assert_eq!(hourly.check(), Ok(()));
        let expect = ["2026-03-01T13:00:00Z", "2026-03-02T01:00:00Z", "2026-03-02T13:00:00Z"];
        assert_eq!(runs(&hourly, "2026-02-01T00:00:00Z", 9), expect);
    }

    #[test]
    fn what_was_missed_is_not_made_up_for() {
        let hourly = schedule("2026-03-01", None, Some("00:00:00"), Some(1));
        let made = time("2026-02-01T00:00:00Z");
        let next = hourly.next_run(made, time("2026-03-20T17:20:00Z"));
        assert_eq!(next, Some(time("2026-03-20T18:00:00Z")));
        // An instance's own moment is over when it is asked for what comes after it.
        assert_eq!(hourly.next_run(made, time("2026-03-20T18:00:00Z")), Some(time("2026-03-20T19:00:00Z")));
    }

    #[test]
    fn the_calendar_has_an_end() {
        let last = schedule("9999-12-31", None, Some("23:00:00"), None);
        assert_eq!(runs(&last, "2026-01-01T00:00:00Z", 9), ["9999-12-31T23:00:00Z"]);
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let good = schedule("2026-03-02", Some("2026-03-02"), Some("13:00:00"), None);
        let no_time = TimeOfDay { hours: 24, ..TimeOfDay::default() };
        let minute = Some(Duration::from_secs(3_599));
        for (schedule, expect) in [
            (Schedule { start_time: Some(no_time), ..good }, InvalidSchedule::StartTime),
            (Schedule { end_time: Some(no_time), ..good }, InvalidSchedule::EndTime),
            (Schedule { end_date: None, end_time: good.start_time, ..good }, InvalidSchedule::EndTimeWithoutDate),
            (Schedule { repeat_interval: minute, ..good }, InvalidSchedule::Interval),
            (Schedule { end_date: Some(date("2026-03-01")), ..good }, InvalidSchedule::EndBeforeStart),
            (Schedule { end_time: Some(of_day("12:59:59")), ..good }, InvalidSchedule::EndBeforeStart),
        ] {
            assert_eq!(schedule.check(), Err(expect));
        }
        assert_eq!(good.check(), Ok(()));
    }
}
