//! Writing a quantity: the largest unit that leaves no fraction.

use std::borrow::Cow;
use std::fmt::{self, Write};

use super::parse::parse;
use super::{Format, Quantity, QuantityError};

/// The text the API keeps of a quantity that was sent as `text`.
///
/// This is the canonical form, unless that has the very digits that were sent: then the text stays, so that `+5`, `1E3`
/// and `007` come back as they went in (as upstream has it, observed).
///
/// # Errors
/// If `text` is no quantity.
pub fn rewritten(text: &str) -> Result<Cow<'_, str>, QuantityError> {
    let parsed = parse(text)?;
    let quantity = parsed.quantity;
    let written = Written::of(quantity);
    if written.digits == 0 {
        return Ok(Cow::Borrowed("0"));
    }
    let same_notation = written.format == quantity.format;
    if same_notation && written.digits.unsigned_abs().to_string() == parsed.digits {
        return Ok(Cow::Borrowed(text));
    }
    Ok(Cow::Owned(quantity.to_string()))
}

pub(super) fn write(quantity: Quantity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let written = Written::of(quantity);
    write!(f, "{}", written.digits)?;
    written.write_unit(f)
}

/// A quantity taken apart for writing: `digits * 10^exponent`, or `digits * 1024^exponent` in binary notation.
struct Written {
    digits: i128,
    exponent: i32,
    format: Format,
}

impl Written {
    fn of(quantity: Quantity) -> Self {
        if quantity.is_zero() {
            return Self {
                digits: 0,
                exponent: 0,
                format: quantity.format,
            };
        }
        match quantity.format {
            Format::BinarySi => {
                Self::binary(quantity).unwrap_or_else(|| Self::decimal(quantity, Format::DecimalSi))
            }
            format => Self::decimal(quantity, format),
        }
    }

    /// None if the amount is small or not whole, which powers of 1024 cannot say without loss.
    fn binary(quantity: Quantity) -> Option<Self> {
        let mut digits = quantity.in_units_of(0);
        let exact = Quantity {
            mantissa: digits,
            exponent: 0,
            ..quantity
        } == quantity;
        if !exact || digits.abs() < 1024 {
            return None;
        }
        let mut exponent = 0;
        while digits % 1024 == 0 {
            digits /= 1024;
            exponent += 1;
        }
        Some(Self {
            digits,
            exponent,
            format: Format::BinarySi,
        })
    }

    fn decimal(quantity: Quantity, format: Format) -> Self {
        let (mut digits, mut exponent) = (quantity.mantissa, quantity.exponent);
        while digits % 10 == 0 {
            digits /= 10;
            exponent = exponent.saturating_add(1);
        }
        while exponent % 3 != 0 {
            digits = digits.saturating_mul(10);
            exponent -= 1;
        }
        Self {
            digits,
            exponent,
            format,
        }
    }

    fn write_unit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.format, self.exponent) {
            (_, 0) => Ok(()),
            (Format::DecimalExponent, exponent) => write!(f, "e{exponent}"),
            (Format::BinarySi, exponent) => {
                f.write_char(usize::try_from(exponent - 1).map_or('E', |i| char::from(b"KMGTPE"[i.min(5)])))?;
                f.write_char('i')
            }
            (Format::DecimalSi, exponent) => f.write_str(match exponent {
                -9 => "n",
                -6 => "u",
                -3 => "m",
                3 => "k",
                6 => "M",
                9 => "G",
                12 => "T",
                15 => "P",
                18 => "E",
                // Upstream has no letter beyond exa and writes none.
                _ => "",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Observed with kubectl 1.36: what was sent, and what came back.
    const OBSERVED: &[(&str, &str)] = &[
        ("0.5", "500m"),
        (".5", "500m"),
        ("-0.5", "-500m"),
        ("1.5Gi", "1536Mi"),
        ("-1.5Gi", "-1536Mi"),
        ("1024Mi", "1Gi"),
        ("1024.0Ki", "1Mi"),
        ("1000Mi", "1000Mi"),
        ("1025.5Ki", "1050112"),
        ("1.00149Ki", "1025525760u"),
        ("0.5Ki", "512"),
        ("0.0001Ki", "102400u"),
        ("1Ei", "1Ei"),
        ("8Ei", "9223372036854775807"),
        ("-9Ei", "-9223372036854775807"),
        ("9999999999999999999Ki", "9223372036854775807"),
        ("1000m", "1"),
        ("1000", "1k"),
        ("1000000k", "1G"),
        ("12.0m", "12m"),
        ("0.1n", "1n"),
        ("-0.00000000001", "-1n"),
        ("1.0E", "1E"),
        ("1.5E", "1500P"),
        ("1000E", "1"),
        ("1000P", "1E"),
        ("100000000000000000000m", "100P"),
        ("99999999999999999999.5", "99999999999999999999500m"),
        (
            "123456789012345678901234567890n",
            "123456789012345678901234567890n",
        ),
        ("1e2", "100"),
        ("1e4", "10e3"),
        ("15e4", "150e3"),
        ("0.1e1", "1"),
        ("1.5e3", "1500"),
        ("1.5e-3", "1500e-6"),
        ("1e-12", "1e-9"),
        ("1e19", "10e18"),
        ("12345e20", "1234500e18"),
        ("000", "0"),
        ("0Ki", "0"),
        ("0e5", "0"),
        (".", "0"),
        ("Ki", "0"),
        ("-", "0"),
    ];

    /// Likewise: texts that come back as they are, though the canonical form of the amount may differ.
    const KEPT: &[(&str, &str)] = &[
        ("+5", "5"),
        ("5.", "5"),
        ("00012", "12"),
        ("00012Ki", "12Ki"),
        ("+1Ki", "1Ki"),
        ("1E3", "1e3"),
        ("1e+3", "1e3"),
        ("1e03", "1e3"),
        ("1.1e1", "11"),
        ("1e21", "1e21"),
        ("99999999999999999999k", "99999999999999999999k"),
        ("123456789.123456789", "123456789123456789n"),
    ];

    #[test]
    fn the_canonical_form_is_upstreams() {
        for (text, canonical) in OBSERVED {
            assert_eq!(Quantity::parse(text).unwrap().to_string(), *canonical, "{text}");
            assert_eq!(rewritten(text).unwrap(), *canonical, "{text}");
        }
        for (text, canonical) in KEPT {
            assert_eq!(Quantity::parse(text).unwrap().to_string(), *canonical, "{text}");
            assert_eq!(rewritten(text).unwrap(), *text);
        }
    }

    #[test]
    fn errors_are_upstreams() {
        for text in [
            "", "1.1.M", " 1", "1 ", "1ZiB", "1e1.5", "1e1e1", "1e--3", "1E3i", "abc", "1,5",
        ] {
            assert_eq!(Quantity::parse(text).unwrap_err(), QuantityError::Form, "{text}");
        }
        for text in [
            "1i",
            ".5i",
            "1K",
            "1e",
            "1ek",
            "1e-",
            "1+3",
            "1k+",
            "1Mi1",
            "1m3",
            "ee",
            "1e99999999999",
        ] {
            assert_eq!(
                Quantity::parse(text).unwrap_err(),
                QuantityError::Suffix,
                "{text}"
            );
        }
    }
}
