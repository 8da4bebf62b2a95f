//! Names that become variables or files in a container.

use super::{Problems, SUBDOMAIN_MAX_LENGTH, is_made_of, mismatch, too_long};

/// An identifier of the C language.
pub fn c_identifier(name: &str) -> Problems {
    let starts = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    let is_identifier = name.bytes().next().is_some_and(starts)
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_identifier {
        return Problems::new();
    }
    vec![mismatch(
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
        "[A-Za-z_][A-Za-z0-9_]*",
        &["my_name", "MY_NAME", "MyName"],
    )]
}

/// The name of an environment variable, in the strict form.
pub fn environment_variable(name: &str) -> Problems {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let mut problems = Problems::new();
    if !is_made_of(name, is_part, is_part) || name.starts_with(|c: char| c.is_ascii_digit()) {
        problems.push(mismatch(
            "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
            "[-._a-zA-Z][-._a-zA-Z0-9]*",
            &["my.env-name", "MY_ENV.NAME", "MyEnvName1"],
        ));
    }
    problems.extend(climbing(name));
    problems
}

/// The name of an environment variable as a pod may have it: anything printable but `=`.
pub fn relaxed_environment_variable(name: &str) -> Problems {
    if name.is_empty() {
        return vec![String::from("environment variable name must be non-empty")];
    }
    if name.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
        return Problems::new();
    }
    vec![String::from(
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
    )]
}

/// The key of a config map or secret, which may become a file.
pub fn config_key(key: &str) -> Problems {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let mut problems = Problems::new();
    if key.len() > SUBDOMAIN_MAX_LENGTH {
        problems.push(too_long(SUBDOMAIN_MAX_LENGTH));
    }
    if !is_made_of(key, is_part, is_part) {
        problems.push(mismatch(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    problems.extend(climbing(key));
    problems
}

/// A name that as a file would lead out of its folder.
fn climbing(name: &str) -> Option<String> {
    match name {
        "." | ".." => Some(format!("must not be '{name}'")),
        _ if name.starts_with("..") => Some(String::from("must not start with '..'")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let check = |form: fn(&str) -> Problems, good: &[&str], bad: &[&str]| {
            for name in good {
                assert!(form(name).is_empty(), "{name}: {:?}", form(name));
            }
            for name in bad {
                assert!(!form(name).is_empty(), "{name}");
            }
        };
        check(c_identifier, &["a", "_", "A_1"], &["", "1a", "a-b", "a.b"]);
        check(
            environment_variable,
            &["a", "my.env-name", "_", "-"],
            &["", "1a", "a b", ".", "..", "..a"],
        );
        check(
            relaxed_environment_variable,
            &["1a", "a b", "."],
            &["", "a=b", "é", "a\n"],
        );
        check(
            config_key,
            &["a", ".a", "1", "A-b_c.d"],
            &["", "a b", "a/b", ".", "..", "..x"],
        );
    }

    #[test]
    fn messages() {
        assert_eq!(config_key("..x"), ["must not start with '..'"]);
        assert_eq!(config_key("."), ["must not be '.'"]);
        assert_eq!(
            config_key("a b"),
            [
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
            ]
        );
        assert_eq!(
            environment_variable("1a"),
            [
                "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')"
            ]
        );
    }
}
