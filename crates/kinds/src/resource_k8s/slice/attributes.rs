//! What devices are: one value for each attribute.

use crate::resource_k8s::names;
use crate::toolkit::Field;

const LONGEST_VALUE: usize = 64;
/// The longest name of an attribute or a capacity: a domain, a slash, and a name.
const LONGEST_NAME: usize = 96;

/// All attributes of a device.
pub fn rules(attributes: &Field) {
    for (name, attribute) in attributes.entries() {
        names::qualified(attributes, name);
        let shown = shortened(name);
        self::attribute(&attributes.standing_key(&shown, attribute.value()));
    }
}

/// A name as paths show it: long ones without their middle.
pub fn shortened(name: &str) -> String {
    if name.len() <= LONGEST_NAME {
        return name.to_owned();
    }
    let kept = LONGEST_NAME - 3;
    let (start, end) = (kept.div_ceil(2), name.len() - kept / 2);
    let start: String = String::from_utf8_lossy(&name.as_bytes()[..start]).into_owned();
    start + "..." + &String::from_utf8_lossy(&name.as_bytes()[end..])
}

fn attribute(attribute: &Field) {
    let (text, version) = (attribute.child("string"), attribute.child("version"));
    let kinds = ["bool", "int", "string", "version"];
    let given = kinds.iter().filter(|kind| attribute.child(kind).is_set()).count();
    if text.text().len() > LONGEST_VALUE {
        text.too_long(LONGEST_VALUE);
    }
    if version.is_set() {
        if !is_version(version.text()) {
            version.invalid("must be a string compatible with semver.org spec 2.0.0");
        }
        if version.text().len() > LONGEST_VALUE {
            version.too_long(LONGEST_VALUE);
        }
    }
    match given {
        0 => attribute.invalid_as("", "exactly one value must be specified"),
        1 => {}
        _ => attribute.invalid("exactly one value must be specified"),
    }
}

/// Whether this is a version as semver.org has it.
fn is_version(text: &str) -> bool {
    let (text, build) = text
        .split_once('+')
        .map_or((text, None), |(text, build)| (text, Some(build)));
    let (numbers, before) = text
        .split_once('-')
        .map_or((text, None), |(numbers, before)| (numbers, Some(before)));
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_all_digits = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
    let is_number =
        |word: &str| !word.is_empty() && is_all_digits(word) && (word == "0" || !word.starts_with('0'));
    numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
        && before.is_none_or(|before| {
            before
                .split('.')
                .all(|word| is_word(word) && (!is_all_digits(word) || is_number(word)))
        })
        && build.is_none_or(|build| build.split('.').all(is_word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolkit::Report;
    use serde_json::json;

    #[test]
    fn attributes_have_one_value() {
        let object = json!({"a": {
            "a": {"string": "x"},
            "b": {},
            "c": {"version": "1.2"},
            "d": {"version": "1.2.3-rc.1+build.5"},
            "e-f": {"bool": false},
        }});
        let errors = Report::of_any(&object, |root| rules(&root.child("a")));
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts[..2],
            [
                "a[b]: Invalid value: \"\": exactly one value must be specified",
                "a[c].version: Invalid value: \"1.2\": must be a string compatible with semver.org spec 2.0.0",
            ]
        );
        assert!(texts[2].starts_with("a: Invalid value: \"e-f\": a valid C identifier"));
        assert_eq!(texts.len(), 3);
    }

    #[test]
    fn long_names_lose_their_middle() {
        let name = "a".repeat(60) + &"b".repeat(60);
        let shown = shortened(&name);
        assert_eq!(shown.len(), LONGEST_NAME);
        assert_eq!(shown, "a".repeat(47) + "..." + &"b".repeat(46));
    }
}
