//! Rules many fields share: ranges, choices, uniqueness, immutability.

use std::collections::BTreeSet;

use schema::SchemaRef;
use serde_json::Value;

use super::field::Field;

/// What upstream says of a negative number.
pub const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
/// What upstream says of a changed field.
pub const IMMUTABLE: &str = "field is immutable";

impl Field<'_, '_> {
    /// A number that must not be negative.
    pub fn non_negative(&self) {
        if self.number() < 0 {
            self.invalid(NOT_NEGATIVE);
        }
    }

    /// A number that must lie between two others, both allowed.
    pub fn between(&self, least: i64, most: i64) {
        if !(least..=most).contains(&self.number()) {
            self.invalid_as(self.number(), &not_between(least, most));
        }
    }

    /// A text that must be one of these; required.
    pub fn one_of(&self, supported: &[&str]) {
        if self.text().is_empty() {
            self.required("");
        } else {
            self.any_of(supported);
        }
    }

    /// A text that must be one of these, the empty one being just another wrong one.
    pub fn any_of(&self, supported: &[&str]) {
        if !supported.contains(&self.text()) {
            self.not_supported(supported);
        }
    }

    /// A text that, if it is there, must be one of these.
    pub fn any_of_if_set(&self, supported: &[&str]) {
        if self.is_set() {
            self.any_of(supported);
        }
    }

    /// A text that must not be empty.
    pub fn needed(&self) {
        if self.is_empty() {
            self.required("");
        }
    }

    /// Every one of these complaints about a text.
    pub fn complain(&self, complaints: Vec<String>) {
        for complaint in complaints {
            self.invalid_as(self.text(), &complaint);
        }
    }

    /// The items of a list, each of which may be there once: the place named is the item's.
    pub fn each_once(&self) {
        let mut seen = Seen::new();
        for item in self.items() {
            if seen.again(item.text()) {
                item.duplicate_as(item.text());
            }
        }
    }

    /// The same, told apart by the text in a field of theirs.
    pub fn each_once_by(&self, key: &str) {
        let mut seen = Seen::new();
        for item in self.items() {
            let key = item.text_of(key);
            if seen.again(key) {
                item.duplicate_as(key);
            }
        }
    }

    /// A field that must stay as it was.
    pub fn immutable(&self, old: Option<&Value>) {
        if !self.is_same(old) {
            self.invalid(IMMUTABLE);
        }
    }

    /// Whether another value of the same type means the same.
    pub fn is_same(&self, other: Option<&Value>) -> bool {
        // The type is looked for only where it may matter.
        self.value() == other || same_as(self.value(), other, self.schema())
    }
}

/// What upstream says of a number outside a range.
pub fn not_between(least: i64, most: i64) -> String {
    format!("must be between {least} and {most}, inclusive")
}

/// Whether two values mean the same where no map is among them: a missing list is an empty one, null is missing.
pub fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    same_as(a, b, None)
}

/// Whether two values of a type mean the same: a missing list or map is an empty one, null is missing.
pub fn same_as(a: Option<&Value>, b: Option<&Value>, schema: Option<SchemaRef>) -> bool {
    schema::stored::means_same(a, b, schema)
}

/// Whether a field of two objects means the same where no map is among its values.
pub fn same_field(a: &Value, b: &Value, field: &str) -> bool {
    same(a.get(field), b.get(field))
}

/// Whether a field of two objects of a type means the same.
pub fn same_field_as(a: &Value, b: &Value, field: &str, schema: Option<SchemaRef>) -> bool {
    same_as(
        a.get(field),
        b.get(field),
        schema.and_then(|schema| schema.field(field)),
    )
}

/// What has been seen already, to find duplicates.
#[derive(Debug, Default)]
pub struct Seen<T: Ord>(BTreeSet<T>);

impl<T: Ord> Seen<T> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Whether `what` is there.
    pub fn contains<Q: Ord + ?Sized>(&self, what: &Q) -> bool
    where
        T: std::borrow::Borrow<Q>,
    {
        self.0.contains(what)
    }

    /// Everything seen, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    /// Whether `what` was there before; it is now.
    pub fn again(&mut self, what: T) -> bool {
        !self.0.insert(what)
    }
}

#[cfg(test)]
mod tests {
    use crate::toolkit::field::Report;
    use serde_json::json;

    #[test]
    fn rules_say_what_upstream_says() {
        let object = json!({"n": -1, "p": 70000, "t": "x", "e": ""});
        let errors = Report::of_any(&object, |root| {
            root.child("n").non_negative();
            root.child("p").between(1, 65535);
            root.child("t").one_of(&["a", "b"]);
            root.child("e").one_of(&["a", "b"]);
            root.child("none").any_of(&["a"]);
            root.child("none").any_of_if_set(&["a"]);
            root.child("t").immutable(Some(&json!("y")));
        });
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "n: Invalid value: -1: must be greater than or equal to 0",
                "p: Invalid value: 70000: must be between 1 and 65535, inclusive",
                r#"t: Unsupported value: "x": supported values: "a", "b""#,
                "e: Required value",
                r#"none: Unsupported value: "": supported values: "a""#,
                r#"t: Invalid value: "x": field is immutable"#,
            ]
        );
    }
}
