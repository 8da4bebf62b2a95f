//! Ages as tables show them: `5d3h`, short and precise enough.

/// The age of something that began `seconds` ago, as `kubectl get` shows it: two units at most, the smaller one only
/// while it matters. A begin in the future (by more than clock skew) is `<invalid>`.
pub fn human_duration(seconds: i64) -> String {
    if seconds < -1 {
        return String::from("<invalid>");
    }
    let seconds = seconds.max(0);
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / (24 * 365));
    if seconds < 2 * 60 {
        format!("{seconds}s")
    } else if minutes < 10 {
        two_units(minutes, 'm', seconds % 60, 's')
    } else if minutes < 3 * 60 {
        format!("{minutes}m")
    } else if hours < 8 {
        two_units(hours, 'h', minutes % 60, 'm')
    } else if hours < 48 {
        format!("{hours}h")
    } else if days < 8 {
        two_units(days, 'd', hours % 24, 'h')
    } else if years < 2 {
        format!("{days}d")
    } else if years < 8 {
        two_units(years, 'y', days % 365, 'd')
    } else {
        format!("{years}y")
    }
}

/// The same with one unit only.
pub fn short_human_duration(seconds: i64) -> String {
    match seconds {
        ..-1 => String::from("<invalid>"),
        -1..0 => String::from("0s"),
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        86_400..31_536_000 => format!("{}d", seconds / 86_400),
        _ => format!("{}y", seconds / 31_536_000),
    }
}

/// The age at `now` (seconds since the epoch) of something that began at `since`; `<unknown>` if nobody knows when.
pub fn age(since: Option<crate::time::Time>, now: i64) -> String {
    match since {
        Some(since) => human_duration(now.saturating_sub(since.seconds())),
        None => String::from("<unknown>"),
    }
}

fn two_units(large: i64, large_unit: char, small: i64, small_unit: char) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small}{small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_kubectl_shows_them() {
        const DAY: i64 = 86_400;
        for (seconds, long, short) in [
            (-2, "<invalid>", "<invalid>"),
            (-1, "0s", "0s"),
            (0, "0s", "0s"),
            (119, "119s", "1m"),
            (120, "2m", "2m"),
            (125, "2m5s", "2m"),
            (599, "9m59s", "9m"),
            (600, "10m", "10m"),
            (10_799, "179m", "2h"),
            (10_800, "3h", "3h"),
            (11_000, "3h3m", "3h"),
            (28_800, "8h", "8h"),
            (2 * DAY - 1, "47h", "1d"),
            (2 * DAY, "2d", "2d"),
            (5 * DAY + 3 * 3600, "5d3h", "5d"),
            (8 * DAY, "8d", "8d"),
            (729 * DAY, "729d", "1y"),
            (730 * DAY, "2y", "2y"),
            (3 * 365 * DAY + 4 * DAY, "3y4d", "3y"),
            (9 * 365 * DAY + 4 * DAY, "9y", "9y"),
        ] {
            assert_eq!(human_duration(seconds), long, "{seconds}");
            assert_eq!(short_human_duration(seconds), short, "{seconds}");
        }
    }
}
