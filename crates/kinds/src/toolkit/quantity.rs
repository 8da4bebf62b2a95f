//! Quantities as they stand in objects.

pub use meta::Quantity;
use serde_json::Value;

/// The quantity in a field. Objects have been checked against the type table, so what cannot be read is not there.
pub fn read(value: Option<&Value>) -> Option<Quantity> {
    match value? {
        Value::String(text) => Quantity::parse(text).ok(),
        Value::Number(number) => Quantity::parse(&number.to_string()).ok(),
        _ => None,
    }
}

/// The quantity of that name in a list of resources.
pub fn of(resources: &Value, name: &str) -> Option<Quantity> {
    read(resources.get(name))
}

/// Whether the amount is a whole number. Upstream looks at thousandths, of which there can be no more than fit: what is
/// larger counts as a fraction.
pub fn is_whole(quantity: Quantity) -> bool {
    quantity.milli_value() % 1000 == 0
}
