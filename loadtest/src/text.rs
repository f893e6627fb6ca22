//! Numbers and times as people read them.

use std::time::Duration;
use time::OffsetDateTime;
use time::macros::format_description;

/// `5000000` as `5,000,000`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in megabytes, as throughputs are quoted.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A duration in milliseconds, with as many digits as matter.
pub fn millis(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1e3;
    if millis < 100.0 { format!("{millis:.1} ms") } else { format!("{millis:.0} ms") }
}

/// A duration in seconds.
pub fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

/// From one server time to another; zero where the second is the earlier.
pub fn between(from: OffsetDateTime, to: OffsetDateTime) -> Duration {
    Duration::try_from(to - from).unwrap_or(Duration::ZERO)
}

/// The date and time now.
#[expect(clippy::disallowed_methods, reason = "a name and a date for people: nothing is decided by it")]
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// A name for this run that sorts by its time.
pub fn run_name() -> String {
    now()
        .format(format_description!("[year][month][day]-[hour][minute][second]"))
        .unwrap_or_else(|_| uuid::Uuid::now_v7().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn small_times_show_a_decimal() {
        assert_eq!(millis(Duration::from_micros(2840)), "2.8 ms");
        assert_eq!(millis(Duration::from_millis(1234)), "1234 ms");
    }

    #[test]
    fn a_time_before_is_no_time() {
        let (early, late) = (datetime!(2026-01-01 0:00 UTC), datetime!(2026-01-01 0:01 UTC));
        assert_eq!(between(early, late), Duration::from_mins(1));
        assert_eq!(between(late, early), Duration::ZERO);
    }
}
