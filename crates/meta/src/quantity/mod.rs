//! Quantities such as `100m` or `1.5Gi`: exact decimal numbers that remember the notation they were written in.

mod canonical;
mod parse;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use canonical::rewritten;

/// The notation a quantity is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `1500M`, `100m`: powers of ten with a letter.
    #[default]
    DecimalSi,
    /// `1536Mi`: powers of 1024 with a letter.
    BinarySi,
    /// `15e8`: powers of ten as a number.
    DecimalExponent,
}

/// Why a text is not a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The text has not the form of a quantity at all.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Form,
    /// The unit is unknown.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// An exact amount, `mantissa * 10^exponent`. Equality and order look at the amount alone: `1Ki` equals `1024`.
///
/// Nothing finer than a billionth is kept; smaller parts are rounded away from zero, so that asking for a little is
/// never asking for nothing. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    mantissa: i128,
    exponent: i32,
    format: Format,
}

/// The finest exponent a quantity keeps.
const NANO: i32 = -9;

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self {
        mantissa: 0,
        exponent: 0,
        format: Format::DecimalSi,
    };

    /// A whole amount.
    pub const fn new(amount: i64, format: Format) -> Self {
        Self {
            mantissa: amount as i128,
            exponent: 0,
            format,
        }
    }

    /// Thousandths, such as CPU time.
    pub const fn from_milli(amount: i64) -> Self {
        Self {
            mantissa: amount as i128,
            exponent: -3,
            format: Format::DecimalSi,
        }
    }

    /// Bytes.
    pub const fn from_bytes(amount: i64) -> Self {
        Self::new(amount, Format::BinarySi)
    }

    /// Reads a quantity as the API accepts it.
    ///
    /// # Errors
    /// With upstream's texts.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        parse::parse(text).map(|parsed| parsed.quantity)
    }

    /// The notation.
    pub fn format(self) -> Format {
        self.format
    }

    /// The whole amount, rounded away from zero.
    pub fn value(self) -> i64 {
        self.scaled_value(0)
    }

    /// The amount in thousandths, rounded away from zero.
    pub fn milli_value(self) -> i64 {
        self.scaled_value(-3)
    }

    /// The amount in units of `10^exponent`, rounded away from zero; the largest number of that sign if it does not fit.
    pub fn scaled_value(self, exponent: i32) -> i64 {
        let amount = self.in_units_of(exponent);
        i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
    }

    /// As a floating-point number, with the usual loss.
    pub fn as_f64(self) -> f64 {
        self.mantissa as f64 * 10f64.powi(self.exponent)
    }

    /// Rounded away from zero to a multiple of `10^exponent`. The API keeps no finer resource amounts than thousandths.
    #[must_use]
    pub fn round_up(self, exponent: i32) -> Self {
        if self.exponent >= exponent {
            return self;
        }
        Self {
            mantissa: self.in_units_of(exponent),
            exponent,
            format: self.format,
        }
    }

    /// Whether the amount is nothing.
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// -1, 0 or 1.
    pub fn sign(self) -> i32 {
        match self.mantissa.cmp(&0) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }
    }

    fn in_units_of(self, exponent: i32) -> i128 {
        let shift = i64::from(self.exponent) - i64::from(exponent);
        if shift >= 0 {
            multiply_by_power_of_ten(self.mantissa, shift)
        } else {
            divide_by_power_of_ten(self.mantissa, -shift)
        }
    }

    fn combined(self, other: Self, combine: fn(i128, i128) -> i128) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        // The exponent of nothing says nothing; aligning to it could overflow for no reason.
        let exponent = match (self.is_zero(), other.is_zero()) {
            (true, false) => other.exponent,
            (false, true) => self.exponent,
            _ => self.exponent.min(other.exponent),
        };
        let mantissa = combine(self.in_units_of(exponent), other.in_units_of(exponent));
        Self {
            mantissa,
            exponent,
            format,
        }
    }
}

/// `mantissa * 10^power`, saturating.
fn multiply_by_power_of_ten(mantissa: i128, power: i64) -> i128 {
    if mantissa == 0 {
        return 0;
    }
    u32::try_from(power)
        .ok()
        .and_then(|power| 10i128.checked_pow(power))
        .and_then(|factor| mantissa.checked_mul(factor))
        .unwrap_or(if mantissa < 0 { i128::MIN } else { i128::MAX })
}

/// `mantissa / 10^power`, rounded away from zero.
fn divide_by_power_of_ten(mantissa: i128, power: i64) -> i128 {
    match u32::try_from(power)
        .ok()
        .and_then(|power| 10i128.checked_pow(power))
    {
        Some(divisor) => mantissa / divisor + (mantissa % divisor).signum(),
        None => mantissa.signum(),
    }
}

impl std::ops::Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.combined(other, i128::saturating_add)
    }
}

impl std::ops::AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::ops::Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.combined(other, i128::saturating_sub)
    }
}

impl std::ops::SubAssign for Quantity {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl std::ops::Neg for Quantity {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            mantissa: self.mantissa.saturating_neg(),
            ..self
        }
    }
}

impl std::iter::Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(quantities: I) -> Self {
        quantities.fold(Self::ZERO, |sum, quantity| sum + quantity)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_sign = self.sign().cmp(&other.sign());
        if by_sign != Ordering::Equal || self.is_zero() {
            return by_sign;
        }
        // Only the larger exponent is scaled, and what no longer fits is larger in magnitude than anything that does.
        let exponent = self.exponent.min(other.exponent);
        self.in_units_of(exponent).cmp(&other.in_units_of(exponent))
    }
}

/// In canonical form: the largest unit that leaves no fraction.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        canonical::write(*self, f)
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Self::parse(text)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From text or a plain number.
impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
                Quantity::parse(text.trim()).map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Quantity, E> {
                Ok(Quantity::new(number, Format::DecimalSi))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_unit<E: de::Error>(self) -> Result<Quantity, E> {
                Ok(Quantity::ZERO)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_round_away_from_zero() {
        for (text, value, milli) in [
            ("0", 0, 0),
            ("1500m", 2, 1500),
            ("-1500m", -2, -1500),
            ("1n", 1, 1),
            ("-1n", -1, -1),
            ("1Ki", 1024, 1_024_000),
            ("1e3", 1000, 1_000_000),
            ("1e100", i64::MAX, i64::MAX),
            ("-1e2000000000", i64::MIN, i64::MIN),
        ] {
            assert_eq!(
                (quantity(text).value(), quantity(text).milli_value()),
                (value, milli),
                "{text}"
            );
        }
    }

    #[test]
    fn order_is_by_amount() {
        let ascending = [
            "-1e2000000000",
            "-1Ki",
            "-1n",
            "0",
            "1n",
            "1m",
            "0.5",
            "1Ki",
            "1025",
            "1M",
            "1e2000000000",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(quantity(a).cmp(&quantity(b)), i.cmp(&j), "{a} {b}");
            }
        }
        assert_eq!(quantity("1Ki"), quantity("1.024k"));
    }

    #[test]
    fn sums_keep_the_notation_of_the_first_that_is_not_nothing() {
        for (a, b, sum, difference) in [
            ("1Gi", "500M", "1573741824", "573741824"),
            ("0", "1Gi", "1Gi", "-1Gi"),
            ("100m", "0.9", "1", "-800m"),
            ("1Mi", "1Mi", "2Mi", "0"),
        ] {
            assert_eq!((quantity(a) + quantity(b)).to_string(), sum);
            assert_eq!((quantity(a) - quantity(b)).to_string(), difference);
        }
    }

    #[test]
    fn resources_are_rounded_up_to_thousandths() {
        assert_eq!(quantity("0.0001").round_up(-3).to_string(), "1m");
        assert_eq!(quantity("1.5Gi").round_up(-3).to_string(), "1536Mi");
    }

    #[test]
    fn json_has_text_or_numbers() {
        let read = |json: &str| serde_json::from_str::<Quantity>(json).map(|q| q.to_string());
        assert_eq!(read("\"1.5Gi\"").unwrap(), "1536Mi");
        assert_eq!(read("0.5").unwrap(), "500m");
        assert_eq!(read("1000").unwrap(), "1k");
        assert_eq!(read("null").unwrap(), "0");
        assert!(read("true").is_err());
        assert_eq!(serde_json::to_string(&quantity("1024Mi")).unwrap(), "\"1Gi\"");
    }

    fn any_quantity() -> impl Strategy<Value = Quantity> {
        (
            any::<i64>(),
            prop::sample::select(vec!["n", "u", "m", "", "k", "M", "Ki", "Mi", "e3", "e-3"]),
        )
            .prop_map(|(number, suffix)| quantity(&format!("{number}{suffix}")))
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(q in any_quantity()) {
            let text = q.to_string();
            prop_assert_eq!(quantity(&text), q);
            prop_assert_eq!(quantity(&text).to_string(), text);
        }

        #[test]
        fn subtraction_undoes_addition(a in any_quantity(), b in any_quantity()) {
            prop_assert_eq!(a + b - b, a);
            prop_assert_eq!(a + b, b + a);
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.eEinumkKMGTP]{0,60}") {
            if let Ok(q) = Quantity::parse(&text) {
                let _ = (q.to_string(), q.value(), q.milli_value(), q.as_f64());
            }
        }
    }
}
