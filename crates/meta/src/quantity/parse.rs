//! Reading a quantity.

use super::{Format, NANO, Quantity, QuantityError, divide_by_power_of_ten, multiply_by_power_of_ten};

/// A quantity, and how many digits it was written with.
pub(super) struct Parsed {
    pub quantity: Quantity,
    /// Digits without leading zeros (but one before the point); whether they equal the canonical digits decides if the text is kept as it is. Empty if some were rounded away.
    pub digits: String,
}

/// More digits than this are not kept exactly (upstream keeps any number of them).
const MAX_DIGITS: usize = 36;

pub(super) fn parse(text: &str) -> Result<Parsed, QuantityError> {
    let parts = Parts::split(text)?;
    let unit = Unit::parse(parts.suffix)?;
    let whole = parts.whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let digits = format!("{whole}{}", parts.fraction);
    let (mut quantity, rounded) = match unit {
        Unit::Ten(exponent, format) => {
            let exponent = i64::from(exponent) - parts.fraction.len() as i64;
            (decimal(&digits, exponent, format), exponent < i64::from(NANO))
        }
        Unit::Two(bits) => (binary(whole, parts.fraction, bits), false),
    };
    if parts.negative {
        quantity.mantissa = -quantity.mantissa;
    }
    Ok(Parsed {
        quantity,
        digits: if rounded { String::new() } else { digits },
    })
}

/// A quantity's text cut in pieces.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Form);
        }
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, rest) = take_while(unsigned, |b| b.is_ascii_digit());
        let (fraction, suffix) = match rest.strip_prefix('.') {
            Some(rest) => take_while(rest, |b| b.is_ascii_digit()),
            None => ("", rest),
        };
        let (_, rest) = take_while(suffix, |b| b"eEinumkKMGTP".contains(&b));
        let (_, rest) = take_while(rest.strip_prefix(['-', '+']).unwrap_or(rest), |b| {
            b.is_ascii_digit()
        });
        if !rest.is_empty() {
            return Err(QuantityError::Form);
        }
        Ok(Self {
            negative,
            whole,
            fraction,
            suffix,
        })
    }
}

fn take_while(text: &str, wanted: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|b| !wanted(b)).unwrap_or(text.len());
    text.split_at(end)
}

/// What the number is multiplied with.
enum Unit {
    Ten(i32, Format),
    Two(u32),
}

impl Unit {
    fn parse(suffix: &str) -> Result<Self, QuantityError> {
        let decimal = |exponent| Ok(Self::Ten(exponent, Format::DecimalSi));
        match suffix {
            "n" => decimal(-9),
            "u" => decimal(-6),
            "m" => decimal(-3),
            "" => decimal(0),
            "k" => decimal(3),
            "M" => decimal(6),
            "G" => decimal(9),
            "T" => decimal(12),
            "P" => decimal(15),
            "E" => decimal(18),
            "Ki" => Ok(Self::Two(10)),
            "Mi" => Ok(Self::Two(20)),
            "Gi" => Ok(Self::Two(30)),
            "Ti" => Ok(Self::Two(40)),
            "Pi" => Ok(Self::Two(50)),
            "Ei" => Ok(Self::Two(60)),
            _ => suffix
                .strip_prefix(['e', 'E'])
                .and_then(|exponent| exponent.parse().ok())
                .map(|exponent| Self::Ten(exponent, Format::DecimalExponent))
                .ok_or(QuantityError::Suffix),
        }
    }
}

/// `digits * 10^exponent`, rounded up to a billionth.
fn decimal(digits: &str, mut exponent: i64, format: Format) -> Quantity {
    let digits = digits.trim_start_matches('0');
    let kept = digits.get(..MAX_DIGITS).unwrap_or(digits);
    let dropped = &digits[kept.len()..];
    let mut mantissa: i128 = kept.parse().unwrap_or(0);
    exponent += dropped.len() as i64;
    if dropped.bytes().any(|b| b != b'0') {
        mantissa += 1;
    }
    let nano = i64::from(NANO);
    if exponent < nano {
        mantissa = divide_by_power_of_ten(mantissa, nano - exponent);
        exponent = nano;
    }
    if mantissa == 0 {
        exponent = 0;
    }
    Quantity {
        mantissa,
        exponent: i32::try_from(exponent).unwrap_or(i32::MAX),
        format,
    }
}

/// `whole.fraction * 2^bits`, rounded up to a billionth, and no more than the largest 64-bit number.
fn binary(whole: &str, fraction: &str, bits: u32) -> Quantity {
    const LARGEST: i128 = i64::MAX as i128;
    const BILLION: i128 = 1_000_000_000;

    let whole = whole.parse::<i128>().unwrap_or(LARGEST).min(LARGEST);
    let whole = (whole << bits).min(LARGEST);
    let billionths = whole * BILLION + fraction_in_billionths(fraction, bits);
    if billionths % BILLION == 0 || billionths > LARGEST * BILLION {
        return Quantity {
            mantissa: (billionths / BILLION).min(LARGEST),
            exponent: 0,
            format: Format::BinarySi,
        };
    }
    Quantity {
        mantissa: billionths,
        exponent: NANO,
        // Less than one unit cannot be said in powers of 1024.
        format: if billionths < BILLION {
            Format::DecimalSi
        } else {
            Format::BinarySi
        },
    }
}

/// `0.fraction * 2^bits` in billionths, rounded up. Digits after the twentieth only count as "and a little more".
fn fraction_in_billionths(fraction: &str, bits: u32) -> i128 {
    const DIGITS: usize = 20;

    let kept = fraction.get(..DIGITS).unwrap_or(fraction);
    let scaled = kept.parse::<i128>().unwrap_or(0) << bits;
    let shift = kept.len() as i64 + i64::from(NANO);
    let billionths = if shift <= 0 {
        multiply_by_power_of_ten(scaled, -shift)
    } else {
        divide_by_power_of_ten(scaled, shift)
    };
    let and_more = fraction[kept.len()..].bytes().any(|b| b != b'0');
    billionths + i128::from(and_more)
}
