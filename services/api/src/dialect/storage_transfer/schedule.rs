//! When a job runs by itself (google.storagetransfer.v1.Schedule, google.type.Date, google.type.TimeOfDay).

use super::wire;
use crate::wire::error::Violations;
use crate::wire::fields::Fields;
use crate::wire::time_text;
use kinds::storage_transfer::{InvalidSchedule, Schedule, TimeOfDay};
use time::{Date, Month};

/// Reads a schedule that says something; nothing where something of it is wrong.
pub fn read(mut fields: Fields, violations: &mut Violations) -> Option<Schedule> {
    let start = fields.path("scheduleStartDate");
    let start_date = date(&mut fields, "scheduleStartDate", violations);
    if start_date.is_none() {
        violations.add(start, "is required");
    }
    let end_date = date(&mut fields, "scheduleEndDate", violations);
    let start_time = time_of_day(&mut fields, "startTimeOfDay", violations);
    let end_time = time_of_day(&mut fields, "endTimeOfDay", violations);
    let repeat_interval = fields.text("repeatInterval", violations).and_then(|text| {
        let interval = time_text::duration(&text);
        if interval.is_none() {
            violations.add(fields.path("repeatInterval"), "must be a duration in seconds, e.g. \"3600s\"");
        }
        interval
    });
    let schedule = Schedule { start_date: start_date?, end_date, start_time, end_time, repeat_interval };
    if let Err(error) = schedule.check() {
        let field = match error {
            InvalidSchedule::StartTime => "startTimeOfDay",
            InvalidSchedule::EndTime | InvalidSchedule::EndTimeWithoutDate => "endTimeOfDay",
            InvalidSchedule::EndBeforeStart => "scheduleEndDate",
            InvalidSchedule::Interval => "repeatInterval",
        };
        violations.add(fields.path(field), format!("does not hold: {error}"));
    }
    fields.finish(violations);
    Some(schedule)
}

/// A whole date: the vendor's can be a month or a year elsewhere.
fn date(fields: &mut Fields, name: &str, violations: &mut Violations) -> Option<Date> {
    let mut date = fields.object(name, violations)?;
    let mut part = |name: &str| date.integer(name, violations).unwrap_or_default();
    let (year, month, day) = (part("year"), part("month"), part("day"));
    date.finish(violations);
    let whole = || {
        let year = i32::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
        let month: Month = u8::try_from(month).ok()?.try_into().ok()?;
        Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()
    };
    let whole = whole();
    if whole.is_none() {
        violations.add(fields.path(name), "must be a date: year, month and day");
    }
    whole
}

/// What is not said is 0.
fn time_of_day(fields: &mut Fields, name: &str, violations: &mut Violations) -> Option<TimeOfDay> {
    let mut time = fields.object(name, violations)?;
    let mut part = |name: &str| time.integer(name, violations).unwrap_or_default();
    let (hours, minutes, seconds, nanos) = (part("hours"), part("minutes"), part("seconds"), part("nanos"));
    time.finish(violations);
    let small = |number: i64| u8::try_from(number).ok();
    let whole = small(hours).zip(small(minutes)).zip(small(seconds)).zip(u32::try_from(nanos).ok());
    let whole = whole.map(|(((hours, minutes), seconds), nanos)| TimeOfDay { hours, minutes, seconds, nanos });
    if whole.is_none() {
        violations.add(fields.path(name), "is no time of day");
    }
    whole
}

/// As the vendor shows it.
pub fn show(schedule: &Schedule) -> wire::Schedule {
    let date = |date: Date| wire::Date { year: date.year(), month: u8::from(date.month()), day: date.day() };
    let time = |time: TimeOfDay| wire::TimeOfDay {
        hours: time.hours,
        minutes: time.minutes,
        seconds: time.seconds,
        nanos: time.nanos,
    };
    wire::Schedule {
        schedule_start_date: date(schedule.start_date),
        schedule_end_date: schedule.end_date.map(date),
        start_time_of_day: schedule.start_time.map(time),
        end_time_of_day: schedule.end_time.map(time),
        repeat_interval: schedule.repeat_interval.map(time_text::exact_seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(body: &Value, expected: Result<Value, &str>) {
        let mut violations = Violations::default();
        let read = read(Fields::parse(body.to_string().as_bytes()).unwrap(), &mut violations);
        match (violations.into_result(), expected) {
            (Ok(()), Ok(shown)) => {
                assert_eq!(serde_json::to_value(show(&read.expect("a schedule"))).unwrap(), shown, "{body}");
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{body}: {error}"),
            (got, expected) => panic!("{body}: {got:?}, not {expected:?}"),
        }
    }

    fn day(year: i32, month: u8, day: u8) -> Value {
        json!({"year": year, "month": month, "day": day})
    }

    #[test]
    fn a_schedule_is_shown_as_it_was_given() {
        let start = day(2028, 2, 29);
        check(&json!({"scheduleStartDate": start}), Ok(json!({"scheduleStartDate": start})));
        let full = json!({
            "scheduleStartDate": start,
            "scheduleEndDate": day(2028, 3, 1),
            "startTimeOfDay": {"hours": 13, "minutes": 0, "seconds": 0, "nanos": 5},
            "endTimeOfDay": {"hours": 23, "minutes": 59, "seconds": 59, "nanos": 0},
            "repeatInterval": "3600.500s",
        });
        check(&full, Ok(full.clone()));
        let other = json!({
            "schedule_start_date": {"year": "2028", "month": "2", "day": "29"},
            "schedule_end_date": day(2028, 3, 1),
            "start_time_of_day": {"hours": 13, "nanos": 5},
            "end_time_of_day": {"hours": 23, "minutes": 59, "seconds": 59},
            "repeat_interval": "3600.500s",
        });
        check(&other, Ok(full));
        check(
            &json!({"scheduleStartDate": start, "startTimeOfDay": {}}),
            Ok(
                json!({"scheduleStartDate": start, "startTimeOfDay": {"hours": 0, "minutes": 0, "seconds": 0, "nanos": 0}}),
            ),
        );
    }

    #[test]
    fn what_cannot_be_kept_is_named() {
        let with = |name: &str, value: Value| {
            let mut body = json!({"scheduleStartDate": day(2027, 1, 2)});
            body[name] = value;
            body
        };
        check(&json!({"scheduleEndDate": day(2027, 1, 1)}), Err("scheduleStartDate: is required"));
        for wrong in
            [day(2027, 2, 29), day(2027, 13, 1), day(0, 1, 1), day(10_000, 1, 1), json!({"year": 2027}), json!({})]
        {
            check(&with("scheduleStartDate", wrong), Err("scheduleStartDate: must be a date"));
        }
        check(&with("scheduleEndDate", day(2027, 1, 1)), Err("scheduleEndDate: does not hold: the end is before"));
        check(&with("startTimeOfDay", json!({"hours": 24})), Err("startTimeOfDay: does not hold"));
        check(&with("startTimeOfDay", json!({"hours": -1})), Err("startTimeOfDay: is no time of day"));
        check(&with("startTimeOfDay", json!({"hours": 1.5})), Err("startTimeOfDay.hours: must be a whole number"));
        check(&with("endTimeOfDay", json!({"hours": 1})), Err("endTimeOfDay: does not hold: endTimeOfDay needs"));
        check(&with("repeatInterval", json!("3599s")), Err("repeatInterval: does not hold: repeatInterval must be"));
        check(&with("repeatInterval", json!("1h")), Err("repeatInterval: must be a duration in seconds"));
        check(&with("repeatInterval", json!(3600)), Err("repeatInterval: must be a string"));
        check(&with("cron", json!("* * * * *")), Err("cron: is not a field of this message"));
    }
}
