//! Schedules in the form of cron.

/// Whether the schedule names a time zone itself, which is not for the API.
pub fn names_zone(schedule: &str) -> bool {
    schedule.contains("TZ")
}

/// What a field may hold.
struct Bounds {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Bounds; 5] = [
    Bounds {
        least: 0,
        most: 59,
        names: &[],
    },
    Bounds {
        least: 0,
        most: 23,
        names: &[],
    },
    Bounds {
        least: 1,
        most: 31,
        names: &[],
    },
    Bounds {
        least: 1,
        most: 12,
        names: MONTHS,
    },
    Bounds {
        least: 0,
        most: 6,
        names: DAYS,
    },
];

/// What upstream's parser says of a schedule; nothing if it is good.
///
/// # Errors
/// With that parser's texts.
pub fn check(schedule: &str) -> Result<(), String> {
    if schedule.is_empty() {
        return Err("empty spec string".to_owned());
    }
    let mut rest = schedule;
    if let Some(zoned) = schedule
        .strip_prefix("TZ=")
        .or_else(|| schedule.strip_prefix("CRON_TZ="))
    {
        let (zone, after) = zoned.split_once(' ').unwrap_or((zoned, ""));
        if meta::time::zone(zone).is_none() {
            return Err(format!("provided bad location {zone}: unknown time zone {zone}"));
        }
        rest = after.trim();
    }
    if rest.starts_with('@') {
        return descriptor(rest);
    }
    let fields: Vec<&str> = rest.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(format!(
            "expected exactly {} fields, found {}: [{}]",
            FIELDS.len(),
            fields.len(),
            fields.join(" ")
        ));
    }
    for (field, bounds) in fields.iter().zip(&FIELDS) {
        for expression in field.split(',').filter(|part| !part.is_empty()) {
            range(expression, bounds)?;
        }
    }
    Ok(())
}

fn descriptor(text: &str) -> Result<(), String> {
    if matches!(
        text,
        "@yearly" | "@annually" | "@monthly" | "@weekly" | "@daily" | "@midnight" | "@hourly"
    ) {
        return Ok(());
    }
    if let Some(duration) = text.strip_prefix("@every ") {
        return match meta::Duration::parse(duration) {
            Ok(_) => Ok(()),
            Err(why) => Err(format!("failed to parse duration {text}: {why}")),
        };
    }
    Err(format!("unrecognized descriptor: {text}"))
}

/// One of `*`, `5`, `1-5`, each perhaps with `/step`.
fn range(expression: &str, bounds: &Bounds) -> Result<(), String> {
    let range_and_step: Vec<&str> = expression.split('/').collect();
    let low_and_high: Vec<&str> = range_and_step[0].split('-').collect();
    let (mut start, mut end) = (bounds.least, bounds.most);
    if !matches!(low_and_high[0], "*" | "?") {
        start = number_or_name(low_and_high[0], bounds)?;
        end = match low_and_high[..] {
            [_] => start,
            [_, high] => number_or_name(high, bounds)?,
            _ => return Err(format!("too many hyphens: {expression}")),
        };
    }
    let step = match range_and_step[..] {
        [_] => 1,
        [_, step] => {
            let step = number(step)?;
            if low_and_high.len() == 1 {
                end = bounds.most;
            }
            step
        }
        _ => return Err(format!("too many slashes: {expression}")),
    };
    if start < bounds.least {
        let least = bounds.least;
        return Err(format!(
            "beginning of range ({start}) below minimum ({least}): {expression}"
        ));
    }
    if end > bounds.most {
        let most = bounds.most;
        return Err(format!(
            "end of range ({end}) above maximum ({most}): {expression}"
        ));
    }
    if start > end {
        return Err(format!(
            "beginning of range ({start}) beyond end of range ({end}): {expression}"
        ));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {expression}"));
    }
    Ok(())
}

fn number_or_name(text: &str, bounds: &Bounds) -> Result<u32, String> {
    let lower = text.to_lowercase();
    let named = (bounds.least..)
        .zip(bounds.names)
        .find(|(_, name)| **name == lower);
    match named {
        Some((number, _)) => Ok(number),
        None => number(text),
    }
}

fn number(text: &str) -> Result<u32, String> {
    let fail = |why: &str| {
        format!(
            "failed to parse int from {text}: strconv.Atoi: parsing {}: {why}",
            meta::quote(text)
        )
    };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fail("invalid syntax"));
    }
    let number: i64 = text.parse().map_err(|_| fail("value out of range"))?;
    if number < 0 {
        return Err(format!("negative number ({number}) not allowed: {text}"));
    }
    u32::try_from(number).map_err(|_| fail("value out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(schedule: &str, expected: &str) {
        assert_eq!(check(schedule), Err(expected.to_owned()), "{schedule}");
    }

    #[test]
    fn good_schedules_are_taken() {
        for schedule in [
            "* * * * *",
            "*/5 0-6,12 1 jan-mar MON",
            "0 0 ? * 0",
            "5/10 * * * *",
            "@daily",
            "@every 1h30m",
        ] {
            assert_eq!(check(schedule), Ok(()), "{schedule}");
        }
    }

    #[test]
    fn wrong_schedules_are_explained() {
        says("61 * * * *", "end of range (61) above maximum (59): 61");
        says("* * * *", "expected exactly 5 fields, found 4: [* * * *]");
        says("* * 0 * *", "beginning of range (0) below minimum (1): 0");
        says(
            "5-1 * * * *",
            "beginning of range (5) beyond end of range (1): 5-1",
        );
        says("*/0 * * * *", "step of range should be a positive number: */0");
        says("1-2-3 * * * *", "too many hyphens: 1-2-3");
        says("1/2/3 * * * *", "too many slashes: 1/2/3");
        says(
            "x * * * *",
            r#"failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax"#,
        );
        says("@never", "unrecognized descriptor: @never");
        says("", "empty spec string");
    }
}
