//! Properties of a schedule, whatever it says, whenever its job was made, and whenever somebody asks.

use proptest::prelude::*;
use safepoint_kinds::storage_transfer::{Schedule, TimeOfDay};
use std::time::Duration;
use time::{Date, OffsetDateTime, Time};

const NANOSECOND: time::Duration = time::Duration::NANOSECOND;

/// Days around the end of February of a leap year.
fn day(number: i32) -> Date {
    Date::from_calendar_date(2028, time::Month::February, 1).expect("a day") + time::Duration::days(number.into())
}

fn time_of_day() -> impl Strategy<Value = TimeOfDay> {
    let few = prop_oneof![Just((0, 0, 0)), Just((23, 59, 59)), (0..24u8, 0..60u8, 0..60u8)];
    few.prop_map(|(hours, minutes, seconds)| TimeOfDay { hours, minutes, seconds, nanos: 0 })
}

fn interval() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (1..100u64).prop_map(Duration::from_hours),
        (3_600..300_000u64, 0..1_000_000_000u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos)),
    ]
}

fn moment(days: std::ops::Range<i32>) -> impl Strategy<Value = OffsetDateTime> {
    let nanos = prop_oneof![Just(0u32), 0..1_000_000_000u32];
    (days, time_of_day(), nanos).prop_map(|(number, time, nanos)| {
        let time = Time::from_hms_nano(time.hours, time.minutes, time.seconds, nanos).expect("a time");
        day(number).with_time(time).assume_utc()
    })
}

prop_compose! {
    /// One that can be kept.
    fn schedule()(
        start in 0..40i32,
        length in prop::option::of(0..20i32),
        start_time in prop::option::of(time_of_day()),
        end_time in prop::option::of(time_of_day()),
        repeat_interval in prop::option::of(interval()),
    ) -> Schedule {
        let end_date = length.map(|length| day(start + length));
        let end_time = end_time.filter(|_| end_date.is_some());
        let wanted = Schedule { start_date: day(start), end_date, start_time, end_time, repeat_interval };
        // What ends on its first day before its time is refused: then to the end of that day.
        if wanted.check().is_ok() { wanted } else { Schedule { end_time: None, ..wanted } }
    }
}

/// The instances, counted one by one as the vendor tells it: another way than the product's.
fn instances(schedule: &Schedule, made: OffsetDateTime, until: OffsetDateTime) -> Vec<OffsetDateTime> {
    let at = |date: Date, time: TimeOfDay| {
        date.with_time(Time::from_hms(time.hours, time.minutes, time.seconds).expect("a time")).assume_utc()
    };
    let time = schedule.start_time.unwrap_or_default();
    let mut next = at(schedule.start_date, time);
    let mut all = Vec::new();
    if schedule.start_time.is_none() && schedule.start_date == made.date() && next < made {
        // At once. Then those of its first day that have not passed.
        all.push(made);
        while next <= made {
            next += schedule.repeat_interval.unwrap_or(Duration::from_hours(24));
        }
    } else if next < made {
        next = at(made.date().next_day().expect("a day"), time);
    }
    while next <= until {
        all.push(next);
        next += schedule.repeat_interval.unwrap_or(Duration::from_hours(24));
    }
    if let Some(date) = schedule.end_date {
        let last = at(date, schedule.end_time.unwrap_or(TimeOfDay { hours: 23, minutes: 59, seconds: 59, nanos: 0 }));
        all.retain(|instance| *instance <= last);
        if date == schedule.start_date {
            all.truncate(1);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// It is on the grid, never before the start or after the end, and none is left out.
    #[test]
    fn the_next_run_is_the_first_instance_after_the_moment(
        schedule in schedule(), made in moment(-3..45), after in moment(-5..60),
    ) {
        let all = instances(&schedule, made, day(100).midnight().assume_utc());
        let next = schedule.next_run(made, after);
        prop_assert_eq!(next, all.iter().copied().find(|instance| *instance > after));
        if let Some(next) = next {
            prop_assert!(next > after && next >= made && next.date() >= schedule.start_date);
            prop_assert!(schedule.end_date.is_none_or(|end| next.date() <= end));
            prop_assert_eq!(schedule.next_run(made, next - NANOSECOND), Some(next), "it is its own first");
        }
    }

    /// Who asks later never gets an earlier one.
    #[test]
    fn who_asks_later_gets_no_earlier_run(
        schedule in schedule(), made in moment(-3..45), one in moment(-5..60), other in moment(-5..60),
    ) {
        let (sooner, later) = (one.min(other), one.max(other));
        match (schedule.next_run(made, sooner), schedule.next_run(made, later)) {
            (Some(first), Some(second)) => prop_assert!(first <= second),
            (first, None) => prop_assert!(first.is_none_or(|first| first <= later)),
            (None, second) => prop_assert_eq!(second, None, "what has ended does not begin again"),
        }
    }

    /// From start to start, but from a run at once to the first on the grid.
    #[test]
    fn runs_are_an_interval_apart(schedule in schedule(), made in moment(-3..45)) {
        let first = schedule.next_run(made, made - NANOSECOND);
        let runs: Vec<_> = std::iter::successors(first, |run| schedule.next_run(made, *run)).take(20).collect();
        let interval = schedule.repeat_interval.unwrap_or(Duration::from_hours(24));
        for (number, pair) in runs.windows(2).enumerate() {
            let apart = pair[1] - pair[0];
            let at_once = number == 0 && pair[0] == made;
            prop_assert!(apart == interval || (at_once && apart < interval), "{:?}", pair);
        }
        prop_assert!(schedule.end_date != Some(schedule.start_date) || runs.len() <= 1, "it runs once");
    }
}
