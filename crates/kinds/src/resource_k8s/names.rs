//! Names of drivers, pools, attributes and requests.

use std::collections::{BTreeMap, BTreeSet};

use meta::name as names;
use serde_json::Value;

use crate::core::pod::validation::volumes::csi_driver_name;
use crate::toolkit::Field;
use crate::toolkit::columns::{list, text};

const LONGEST_DOMAIN: usize = 63;
const LONGEST_NAME: usize = 32;
const LONGEST_POOL: usize = 253;
const NO_REQUEST: &str =
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

/// The name of a driver.
pub fn driver(name: &Field) {
    csi_driver_name(name);
}

/// The name of a pool: subdomains with slashes between them.
pub fn pool(name: &Field) {
    if name.is_empty() {
        return name.required("");
    }
    if name.text().len() > LONGEST_POOL {
        name.too_long(LONGEST_POOL);
    }
    for part in name.text().split('/') {
        for complaint in names::dns1123_subdomain(part) {
            name.invalid_as(part, &complaint);
        }
    }
}

/// The name of an attribute or a capacity, with or without a domain. Upstream takes names of more than two parts as they are.
pub fn qualified(place: &Field, name: &str) {
    let parts: Vec<&str> = name.split('/').collect();
    match parts[..] {
        [name] => identifier(place, name),
        [domain, name] => {
            if domain.is_empty() {
                place.invalid_as("", "the domain must not be empty");
            } else {
                self::domain(place, domain);
            }
            if name.is_empty() {
                place.invalid_as("", "the name must not be empty");
            } else {
                identifier(place, name);
            }
        }
        _ => {}
    }
}

/// The name of an attribute with its domain.
pub fn fully_qualified(name: &Field) {
    qualified(name, name.text());
    if !name.text().contains('/') {
        name.invalid("a fully qualified name must be a domain and a name separated by a slash");
    }
}

fn domain(place: &Field, domain: &str) {
    if domain.len() > LONGEST_DOMAIN {
        place.too_long(LONGEST_DOMAIN);
    }
    for complaint in names::dns1123_subdomain(&domain.to_lowercase()) {
        place.invalid_as(domain, &complaint);
    }
}

fn identifier(place: &Field, name: &str) {
    if name.len() > LONGEST_NAME {
        place.too_long(LONGEST_NAME);
    }
    for complaint in names::c_identifier(name) {
        place.invalid_as(name, &complaint);
    }
}

/// A unique identifier in its usual form.
pub fn uid(uid: &Field) {
    let text = uid.text();
    if let Err(problem) = read_uid(text) {
        uid.invalid_as(text, &format!("error validating uid: {problem}"));
    } else if text.len() != 36 || text.bytes().any(|b| b.is_ascii_uppercase()) {
        uid.invalid_as(
            text,
            "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters",
        );
    }
}

/// The forms that are read: plain, as a URN, in braces, and without hyphens.
fn read_uid(text: &str) -> Result<(), String> {
    const WRONG: &str = "invalid UUID format";
    let bytes = text.as_bytes();
    let plain = match bytes.len() {
        36 => bytes,
        45 if !bytes[..9].eq_ignore_ascii_case(b"urn:uuid:") => {
            return Err(format!(
                "invalid urn prefix: {:?}",
                String::from_utf8_lossy(&bytes[..9])
            ));
        }
        45 => &bytes[9..],
        38 if bytes[0] != b'{' || bytes[37] != b'}' => {
            return Err("invalid bracketed UUID format".to_owned());
        }
        38 => &bytes[1..37],
        32 if bytes.iter().all(u8::is_ascii_hexdigit) => return Ok(()),
        32 => return Err(WRONG.to_owned()),
        length => return Err(format!("invalid UUID length: {length}")),
    };
    // The braces' content and what follows `urn:uuid:` have the plain form's length.
    let is_well_formed = plain.iter().enumerate().all(|(at, b)| match at {
        8 | 13 | 18 | 23 => *b == b'-',
        _ => b.is_ascii_hexdigit(),
    });
    if is_well_formed {
        Ok(())
    } else {
        Err(WRONG.to_owned())
    }
}

/// The requests of a claim, with their alternatives.
pub struct RequestNames<'v>(BTreeMap<&'v str, BTreeSet<&'v str>>);

impl<'v> RequestNames<'v> {
    /// Those of `spec.devices`.
    pub fn of(devices: Option<&'v Value>) -> Self {
        let requests = devices.map_or(&[][..], |devices| list(devices, &["requests"]));
        let alternatives = |request: &'v Value| {
            let alternatives = list(request, &["firstAvailable"]).iter();
            alternatives.map(|each| text(each, &["name"])).collect()
        };
        let names = requests
            .iter()
            .map(|request| (text(request, &["name"]), alternatives(request)));
        Self(names.collect())
    }

    fn has(&self, name: &str) -> bool {
        match name.split_once('/') {
            None => self.0.contains_key(name),
            Some((main, sub)) => self.0.get(main).is_some_and(|subs| subs.contains(sub)),
        }
    }

    /// Names one of them, or one of its alternatives.
    pub fn reference(&self, name: &Field) {
        let text = name.text();
        if text.matches('/').count() > 1 {
            return name.invalid_as(text, NO_REQUEST);
        }
        for part in text.split('/') {
            for complaint in names::dns1123_label(part) {
                name.invalid_as(part, &complaint);
            }
        }
        if !self.has(text) {
            name.invalid_as(text, NO_REQUEST);
        }
    }

    /// Names some of them, each once.
    pub fn references(&self, names: &Field, most: usize) {
        if names.len() > most {
            return names.too_many(most);
        }
        for name in names.items() {
            self.reference(&name);
        }
        names.each_once();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolkit::Report;
    use serde_json::json;

    fn told(text: &str, rule: impl FnOnce(&Field)) -> Vec<String> {
        let object = json!({"n": text});
        let errors = Report::of_any(&object, |root| rule(&root.child("n")));
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn identifiers_are_read_in_some_forms_but_kept_in_one() {
        const NORMAL: &str = "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters";
        let plain = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
        assert_eq!(told(plain, uid), [""; 0]);
        for (text, problem) in [
            ("a", "error validating uid: invalid UUID length: 1"),
            (&format!("{{{plain}}}"), NORMAL),
            (&format!("urn:uuid:{plain}"), NORMAL),
            (
                &format!("xrn:uuid:{plain}"),
                "error validating uid: invalid urn prefix: \"xrn:uuid:\"",
            ),
            (&plain.to_uppercase(), NORMAL),
            (&plain.replace('-', ""), NORMAL),
            (
                &plain.replace('-', "x"),
                "error validating uid: invalid UUID format",
            ),
        ] {
            assert_eq!(
                told(text, uid),
                [format!("n: Invalid value: {text:?}: {problem}")]
            );
        }
    }

    #[test]
    fn attributes_have_a_domain_where_they_must() {
        let qualified = |name: &Field| super::qualified(name, name.text());
        assert_eq!(told("a/b/c", qualified), [""; 0]);
        assert_eq!(
            told("/", qualified),
            [
                "n: Invalid value: \"\": the domain must not be empty",
                "n: Invalid value: \"\": the name must not be empty",
            ]
        );
        assert_eq!(told("example.com/model", fully_qualified), [""; 0]);
        assert_eq!(
            told("model", fully_qualified),
            [
                "n: Invalid value: \"model\": a fully qualified name must be a domain and a name separated by a slash"
            ]
        );
    }

    #[test]
    fn requests_are_named_with_their_alternatives() {
        let devices = json!({"requests": [{"name": "a"}, {"name": "b", "firstAvailable": [{"name": "c"}]}]});
        let known = RequestNames::of(Some(&devices));
        for (name, is_known) in [
            ("a", true),
            ("b", true),
            ("b/c", true),
            ("a/c", false),
            ("c", false),
            ("b/c/d", false),
        ] {
            assert_eq!(
                told(name, |field| known.reference(field)).is_empty(),
                is_known,
                "{name}"
            );
        }
    }
}
