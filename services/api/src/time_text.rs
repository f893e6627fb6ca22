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

/// A duration as protobuf writes it, in seconds: `30s`, `1.5s`; never negative.
/// <https://protobuf.dev/reference/protobuf/google.protobuf/#duration>
pub fn duration(text: &str) -> Option<Duration> {
    let (seconds, fraction) = {
        let number = text.strip_suffix('s')?;
        number.split_once('.').unwrap_or((number, "0"))
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(seconds) || !is_digits(fraction) || fraction.len() > 9 {
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
        for (text, expected) in [
            ("30s", Some(Duration::from_secs(30))),
            ("1.5s", Some(Duration::from_millis(1_500))),
            ("0s", Some(Duration::ZERO)),
            ("0.000000001s", Some(Duration::from_nanos(1))),
            ("1", None),
            ("s", None),
            ("-1s", None),
            ("+1s", None),
            ("1.s", None),
            ("1.0000000000s", None),
            ("1e3s", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
        assert_eq!(seconds(Duration::from_millis(1_500)), "1.500s");
        assert_eq!(seconds(Duration::from_secs(3)), "3s");
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
