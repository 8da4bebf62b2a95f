//! The canonical text of values that JSON carries as strings: read in every form Go accepts, written in the one it writes.

pub(crate) mod base64;

use std::borrow::Cow;

use meta::{Duration, MicroTime, Quantity, Time};
use serde_json::Value;

/// Seconds since the epoch of Go's zero time, which stands for no time.
const ZERO_TIME_SECONDS: i64 = -62_135_596_800;

/// A quantity: `1.5Gi` is `1536Mi`.
pub(crate) fn quantity(text: &str) -> Result<Cow<'_, str>, String> {
    meta::quantity::rewritten(text.trim()).map_err(|error| error.to_string())
}

/// Rounds an amount of resources, in canonical form, up to thousandths: the API keeps no finer ones.
pub(crate) fn to_thousandths(amount: &mut Value) {
    // Nearly every amount is written without a fraction or with a unit that is coarse enough.
    let may_be_finer = |text: &str| text.ends_with(['n', 'u']) || text.contains(['.', 'e', 'E']);
    let text = amount.as_str().filter(|text| may_be_finer(text));
    let Some(Ok(exact)) = text.map(Quantity::parse) else {
        return;
    };
    let rounded = exact.round_up(-3);
    if rounded != exact {
        *amount = rounded.to_string().into();
    }
}

/// A time in UTC with whole seconds; none for the zero time.
pub(crate) fn time(text: &str) -> Result<Option<Cow<'_, str>>, String> {
    if is_plain_time(text) {
        return Ok(Some(Cow::Borrowed(text)));
    }
    let time = Time::parse(text).map_err(|error| error.to_string())?;
    let is_zero = time.seconds() == ZERO_TIME_SECONDS;
    Ok((!is_zero).then(|| Cow::Owned(time.to_string())))
}

/// A time in UTC with microseconds; none for the zero time.
pub(crate) fn micro_time(text: &str) -> Result<Option<Cow<'_, str>>, String> {
    let time = MicroTime::parse(text).map_err(|error| error.to_string())?;
    let is_zero = time.micros() == ZERO_TIME_SECONDS * 1_000_000;
    Ok((!is_zero).then(|| Cow::Owned(time.to_string())))
}

/// A duration: `60s` is `1m0s`.
pub(crate) fn duration(text: &str) -> Result<Cow<'_, str>, String> {
    let duration = Duration::parse(text).map_err(|error| error.to_string())?;
    Ok(Cow::Owned(duration.to_string()))
}

/// Bytes in base64, without line ends and stray bits.
pub(crate) fn bytes(text: &str) -> Result<Cow<'_, str>, String> {
    if base64::is_canonical(text) {
        return Ok(Cow::Borrowed(text));
    }
    Ok(Cow::Owned(base64::to_text(&base64::parse(text)?)))
}

/// Whether `text` is surely canonical already. Almost all times are, so that they need not be taken apart.
fn is_plain_time(text: &str) -> bool {
    const FORM: &[u8; 20] = b"0000-00-00T00:00:00Z";
    let bytes = text.as_bytes();
    let formed = bytes.len() == FORM.len()
        && bytes.iter().zip(FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == form,
        });
    let within = |from: usize, least: &[u8], most: &[u8]| (least..=most).contains(&&bytes[from..from + 2]);
    formed
        && &bytes[..4] != b"0001"
        && within(5, b"01", b"12")
        && within(8, b"01", b"28")
        && within(11, b"00", b"23")
        && within(14, b"00", b"59")
        && within(17, b"00", b"59")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: fn(&str) -> Result<Cow<'_, str>, String>, cases: &[(&str, &str)]) {
        for (text, canonical) in cases {
            assert_eq!(form(text).as_deref(), Ok(*canonical), "{text}");
        }
    }

    #[test]
    fn forms_become_canonical() {
        check(quantity, &[("1.5Gi", "1536Mi"), ("100m", "100m"), (" 1 ", "1")]);
        check(duration, &[("60s", "1m0s"), ("1m0s", "1m0s")]);
        check(bytes, &[("YQ==", "YQ=="), ("Y\nQ==", "YQ=="), ("YR==", "YQ==")]);
    }

    #[test]
    fn amounts_are_no_finer_than_thousandths() {
        for (amount, rounded) in [
            ("1500u", "2m"),
            ("1", "1"),
            ("1500m", "1500m"),
            ("1n", "1m"),
            ("1e3", "1e3"),
        ] {
            let mut value = Value::from(amount);
            to_thousandths(&mut value);
            assert_eq!(value, rounded, "{amount}");
        }
    }

    #[test]
    fn times_become_canonical_and_the_zero_time_none() {
        for (text, canonical) in [
            ("2020-01-31T00:30:00+01:00", Some("2020-01-30T23:30:00Z")),
            ("2020-01-02T03:04:05Z", Some("2020-01-02T03:04:05Z")),
            ("0001-01-01T00:00:00Z", None),
        ] {
            assert_eq!(
                time(text).map(|t| t.map(Cow::into_owned)),
                Ok(canonical.map(str::to_owned))
            );
        }
        assert_eq!(micro_time("0001-01-01T00:00:00.000000Z"), Ok(None));
    }

    #[test]
    fn plain_times_are_recognised() {
        for (text, plain) in [
            ("2020-01-02T03:04:05Z", true),
            ("2020-01-31T03:04:05Z", false),
            ("2020-01-02T03:04:05z", false),
            ("2020-01-02T24:04:05Z", false),
            ("0001-01-01T00:00:00Z", false),
            ("", false),
        ] {
            assert_eq!(is_plain_time(text), plain, "{text}");
        }
    }
}
