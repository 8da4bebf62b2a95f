//! Lists of indexes such as `0,3-5,9`.

/// How many indexes there are in the list, of a job with that many completions.
///
/// # Errors
/// With upstream's texts.
pub fn count(list: &str, completions: i64) -> Result<i64, String> {
    if list.is_empty() {
        return Ok(0);
    }
    let mut total = 0;
    let mut last: Option<i64> = None;
    for interval in list.split(',') {
        let (first, end) = interval_of(interval, completions)?;
        if let Some(last) = last
            && last >= first
        {
            return Err(format!(
                "non-increasing order, previous: {last}, current: {first}"
            ));
        }
        total += end - first + 1;
        last = Some(end);
    }
    Ok(total)
}

fn interval_of(interval: &str, completions: i64) -> Result<(i64, i64), String> {
    let parts: Vec<&str> = interval.split('-').collect();
    match parts[..] {
        [only] => {
            let only = index(only, completions)?;
            Ok((only, only))
        }
        [first, end] => {
            let (first, end) = (index(first, completions)?, index(end, completions)?);
            if first >= end {
                return Err(format!("non-increasing order, previous: {first}, current: {end}"));
            }
            Ok((first, end))
        }
        _ => Err(format!(
            "the fragment {} violates the requirement that an index interval can have at most two parts separated by '-'",
            meta::quote(interval)
        )),
    }
}

fn index(text: &str, completions: i64) -> Result<i64, String> {
    let number: i64 = text.parse().map_err(|_| {
        format!(
            "cannot convert string to integer for index: {}",
            meta::quote(text)
        )
    })?;
    if number >= completions {
        return Err(format!("too large index: {}", meta::quote(text)));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn indexes_are_counted() {
        assert_eq!(count("", 3), Ok(0));
        assert_eq!(count("0,3-5,9", 10), Ok(5));
        for (list, why) in [
            ("5-1", r#"too large index: "5""#),
            ("2-1", "non-increasing order, previous: 2, current: 1"),
            ("1,1", "non-increasing order, previous: 1, current: 1"),
            ("x", r#"cannot convert string to integer for index: "x""#),
        ] {
            assert_eq!(count(list, 3), Err(why.to_owned()), "{list}");
        }
    }
}
