//! Amounts as people read them: short, and with a unit.

use std::time::Duration;

const STEPS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/// As a number with a fraction: beyond 2^53 the last digits go, which no person misses.
#[expect(clippy::cast_precision_loss, reason = "amounts for people")]
pub(crate) fn float(amount: u64) -> f64 {
    amount as f64
}

/// `512 B`, `1.5 KiB`, `312 MiB`: three digits, in steps of 1024.
pub(crate) fn bytes(amount: u64) -> String {
    if amount < 1024 {
        return format!("{amount} B");
    }
    let (mut scaled, mut step) = (float(amount), 0);
    // What would round to 1024 belongs to the next step.
    while scaled >= 1023.5 && step + 1 < STEPS.len() {
        scaled /= 1024.0;
        step += 1;
    }
    if scaled < 9.95 {
        format!("{scaled:.1} {}", STEPS[step])
    } else {
        format!("{scaled:.0} {}", STEPS[step])
    }
}

/// [`bytes`] in a second; nothing at all is `0`.
pub(crate) fn rate(bytes_per_second: f64) -> String {
    if bytes_per_second < 0.5 {
        return "0".into();
    }
    format!("{}/s", bytes(bytes_per_second as u64))
}

/// `0`, `0.4`, `12`, `3500`, `120k`: how often in a second.
pub(crate) fn frequency(per_second: f64) -> String {
    match per_second {
        ..0.05 => "0".into(),
        ..9.95 => format!("{per_second:.1}"),
        ..99_999.5 => format!("{per_second:.0}"),
        _ => format!("{:.0}k", per_second / 1000.0),
    }
}

/// `0.42s`, `3.10s`, `4m05s`, `2h07m`, `3d04h`: the two largest units.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0 if time.subsec_millis() < 5 => "0s".into(),
        0..=9 if time.subsec_millis() > 0 => format!("{:.2}s", time.as_secs_f64()),
        0..=59 => format!("{seconds}s"),
        60..=3599 => format!("{minutes}m{:02}s", seconds % 60),
        3600..=86399 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// One decimal: `0.0`, `12.3`, `400.0`.
pub(crate) fn percent(share: f64) -> String {
    format!("{share:.1}")
}

/// `part` of `whole` in hundredths; of nothing it is nothing.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { float(part) * 100.0 / float(whole) }
}

/// A point in time, in UTC: `2026-11-21 07:04:05Z`. Before 1970 there were no processes.
pub(crate) fn moment(seconds_since_1970: f64) -> String {
    let seconds = seconds_since_1970.max(0.0) as u64;
    let (year, month, day) = date(seconds / 86400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a day counted from 1970-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    // Counted from 0000-03-01, so that a leap day is the last of its year; 400 years are one era.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (10_188, "9.9 KiB"),
            (10_240, "10 KiB"),
            (1_048_064, "1.0 MiB"),
            (327_155_712, "312 MiB"),
            (u64::MAX, "16384 PiB"),
        ];
        for (amount, text) in cases {
            assert_eq!(bytes(amount), text);
        }
        assert_eq!((rate(0.0), rate(2048.0)), ("0".to_owned(), "2.0 KiB/s".to_owned()));
    }

    #[test]
    fn frequencies_are_short() {
        let shown = [0.0, 0.04, 0.42, 9.9, 12.4, 99_999.0, 123_456.0].map(frequency);
        assert_eq!(shown, ["0", "0", "0.4", "9.9", "12", "99999", "123k"]);
    }

    #[test]
    fn spans_name_their_two_largest_units() {
        let cases = [
            (0, "0s"),
            (4, "0s"),
            (5, "0.01s"),
            (420, "0.42s"),
            (3100, "3.10s"),
            (59_900, "59s"),
            (245_000, "4m05s"),
            (7_620_000, "2h07m"),
            (273_600_000, "3d04h"),
        ];
        for (milliseconds, text) in cases {
            assert_eq!(span(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn moments_are_those_of_the_calendar() {
        let cases = [
            (0.0, "1970-01-01 00:00:00Z"),
            (951_782_400.9, "2000-02-29 00:00:00Z"),
            (1_795_244_645.0, "2026-11-21 07:04:05Z"),
            (4_107_542_399.0, "2100-02-28 23:59:59Z"),
            (4_107_542_400.0, "2100-03-01 00:00:00Z"),
        ];
        for (seconds, text) in cases {
            assert_eq!(moment(seconds), text);
        }
    }
}
