//! Who asks, told to another server in headers that it believes because of the client certificate they come with.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue};
use meta::User;

const USER: HeaderName = HeaderName::from_static("x-remote-user");
const UID: HeaderName = HeaderName::from_static("x-remote-uid");
const GROUP: HeaderName = HeaderName::from_static("x-remote-group");
const EXTRA: &str = "x-remote-extra-";

/// Says that `user` asks, in the place of whatever was said before.
pub fn set_user(headers: &mut HeaderMap, user: &User) {
    let before: Vec<HeaderName> = headers
        .keys()
        .filter(|name| [USER, UID, GROUP].contains(name) || name.as_str().starts_with(EXTRA))
        .cloned()
        .collect();
    for name in before {
        headers.remove(name);
    }
    append(headers, USER, &user.name);
    if !user.uid.is_empty() {
        append(headers, UID, &user.uid);
    }
    for group in &user.groups {
        append(headers, GROUP, group);
    }
    for (key, values) in &user.extra {
        let Ok(name) = HeaderName::try_from(format!("{EXTRA}{}", escaped(key))) else {
            continue;
        };
        for value in values {
            append(headers, name.clone(), value);
        }
    }
}

fn append(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
        headers.append(name, value);
    }
}

/// A key as it can stand in the name of a header: what cannot is escaped as in URLs (RFC 3986, section 2.1).
fn escaped(key: &str) -> String {
    let mut escaped = String::with_capacity(key.len());
    for byte in key.bytes() {
        let is_token = byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte);
        if is_token {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_takes_the_place_of_what_was_said() {
        let mut headers = HeaderMap::new();
        for name in [
            "x-remote-user",
            "x-remote-group",
            "x-remote-extra-a",
            "x-remote-uid",
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("forged"));
        }
        headers.insert("accept", HeaderValue::from_static("*/*"));
        let mut user = User::new("ann", &["x", "y"]);
        user.extra
            .insert("example.com/a b".into(), vec!["1".into(), "2".into()]);
        set_user(&mut headers, &user);
        let found: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        for expected in [
            "accept: */*",
            "x-remote-user: ann",
            "x-remote-group: x",
            "x-remote-group: y",
            "x-remote-extra-example.com%2fa%20b: 1",
            "x-remote-extra-example.com%2fa%20b: 2",
        ] {
            assert!(
                found.iter().any(|line| line == expected),
                "{expected} in {found:?}"
            );
        }
        assert_eq!(found.len(), 6, "{found:?}");
    }
}
