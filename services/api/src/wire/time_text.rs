//! Times and counts as texts.

use std::time::Duration;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

/// RFC 3339, UTC, always with microseconds: what the database knows, no more.
const MICROSECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// `2026-11-23T07:00:00.000000Z`
pub fn rfc3339(time: OffsetDateTime) -> String {
    time.to_offset(UtcOffset::UTC).format(MICROSECONDS).unwrap_or_default()
}

/// The seconds of a protobuf Duration in JSON, `"1.5s"`: at most nine digits behind the point, none below zero.
/// <https://protobuf.dev/programming-guides/json/>
pub fn duration(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str, most| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds, 12) || !digits(fraction, 9) {
        return None;
    }
    Some(Duration::new(seconds.parse().ok()?, format!("{fraction:0<9}").parse().ok()?))
}

/// `1.5s`, as protobuf writes it, to the millisecond.
pub fn seconds(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        millis => format!("{}.{millis:03}s", duration.as_secs()),
    }
}

/// The same, with nothing left out: none, three, six or nine digits behind the point.
pub fn exact_seconds(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    match nanos {
        0 => format!("{seconds}s"),
        _ if nanos.is_multiple_of(1_000_000) => format!("{seconds}.{:03}s", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1_000) => format!("{seconds}.{:06}s", nanos / 1_000),
        _ => format!("{seconds}.{nanos:09}s"),
    }
}

/// `1,234,567`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `116 MB`, in powers of 1,000.
pub fn bytes(number: u64) -> String {
    match number {
        0..1_000 => format!("{number} bytes"),
        1_000..1_000_000 => format!("{} kB", number / 1_000),
        _ => format!("{} MB", thousands(number / 1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn durations() {
        for (text, millis) in [("0s", 0), ("30s", 30_000), ("0.5s", 500), ("1.250s", 1_250), ("1.000000000s", 1_000)] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "s", "30", "30 s", "-1s", "+1s", "1.s", ".5s", "1e3s", "1m", "1.0000000000s", "9999999999999s", "٣s"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!(seconds(Duration::from_millis(1_500)), "1.500s");
        assert_eq!(seconds(Duration::from_secs(3)), "3s");
        for text in ["3s", "3.500s", "3.000001s", "3.000000001s"] {
            assert_eq!(duration(text).map(exact_seconds).as_deref(), Some(text));
        }
    }

    #[test]
    fn texts() {
        assert_eq!(rfc3339(datetime!(2026-11-23 07:00:00.123456789 +02:00)), "2026-11-23T05:00:00.123456Z");
        assert_eq!(rfc3339(datetime!(2026-11-23 07:00 UTC)), "2026-11-23T07:00:00.000000Z");
        for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), expected);
        }
        for (number, expected) in
            [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1 kB"), (116_999_999, "116 MB"), (1_300_000_000, "1,300 MB")]
        {
            assert_eq!(bytes(number), expected);
        }
    }
}
