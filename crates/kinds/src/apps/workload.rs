//! What workloads have in common.

use resource::Column;
use serde_json::Value;

use crate::toolkit::Field;
use crate::toolkit::columns::{containers_and_images, or_none};
use crate::toolkit::selectors::label_selector_text;

/// What is said of a selector that nothing can be compared with.
pub const WRONG_SELECTOR: &str = "invalid label selector";

/// Names and images of the containers, for the end of a table.
pub fn container_columns() -> [Column; 2] {
    [
        Column::string("Containers", "Names of each container in the template.").wide(),
        Column::string("Images", "Images referenced by each container in the template.").wide(),
    ]
}

/// The selector, for the end of a table.
pub fn selector_column() -> Column {
    Column::string("Selector", "Labels of the pods that belong to it.").wide()
}

/// The cells for [`container_columns`].
pub fn container_cells(object: &Value) -> [Value; 2] {
    containers_and_images(object.pointer("/spec/template/spec"))
}

/// The cell for [`selector_column`].
pub fn selector_cell(object: &Value) -> Value {
    or_none(&label_selector_text(&object["spec"]["selector"]))
}

/// A warning if the name does not fit where it goes.
pub fn name_warnings(object: &Value) -> Vec<String> {
    let complaints = meta::name::dns1123_label(meta::object::name(object));
    if complaints.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; \
         a DNS label is recommended: [{}]",
        complaints.join(" ")
    )]
}

/// Counts in a status: none negative, and parts no larger than the whole. Each part is given with the whole it is part of.
pub fn counts<'v>(status: &Field<'_, 'v>, all: &[&'v str], parts: &[(&'v str, &'v str, &str)]) {
    for field in all {
        status.child(field).non_negative();
    }
    for (part, whole, called) in parts {
        let part = status.child(part);
        if part.number() > status.child(whole).number() {
            part.invalid_as(part.number(), &format!("cannot be greater than {called}"));
        }
    }
}

/// A count of name collisions, which only grows.
pub fn collisions(status: &Field, old: &Value) {
    let count = status.child("collisionCount");
    if count.is_set() {
        count.non_negative();
    }
    let was = old["status"]["collisionCount"].as_i64();
    if was.is_some_and(|was| count.int().is_none_or(|is| is < was)) {
        count.invalid_as(count.number(), "cannot be decremented");
    }
}

/// A number or a percentage that must not be negative.
pub fn number_or_percent(place: &Field) {
    match place.value() {
        Some(Value::String(text)) => {
            for complaint in meta::name::percent(text) {
                place.invalid(&complaint);
            }
        }
        Some(_) => place.non_negative(),
        None => {}
    }
}

/// The percentage, if it is one.
pub fn percentage(place: &Field) -> Option<i64> {
    let text = place.value_text()?;
    let digits = text
        .strip_suffix('%')
        .filter(|_| meta::name::percent(text).is_empty())?;
    digits.parse().ok()
}

/// Number or percentage without its unit. A number may be written as a text; other texts count as nought.
pub fn bare_number(place: &Field) -> i64 {
    let number = || place.int().or_else(|| place.text().parse().ok());
    percentage(place).or_else(number).unwrap_or(0)
}

/// Not more than all.
pub fn at_most_all(place: &Field) {
    if percentage(place).is_some_and(|percent| percent > 100) {
        place.invalid("must not be greater than 100%");
    }
}
