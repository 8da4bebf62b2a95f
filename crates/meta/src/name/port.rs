//! Port numbers and names.

use super::{Problems, is_lower_alphanumeric, not_in_range, too_long};

/// A port: 1 to 65535.
pub fn port_number(port: i64) -> Problems {
    if (1..=65535).contains(&port) {
        Problems::new()
    } else {
        vec![not_in_range(1, 65535)]
    }
}

/// The name of a service as RFC 6335 has it (`http-alt`), which container ports have.
pub fn port_name(name: &str) -> Problems {
    const MAX_LENGTH: usize = 15;

    let mut problems = Problems::new();
    if name.len() > MAX_LENGTH {
        problems.push(too_long(MAX_LENGTH));
    }
    let mut unless = |holds: bool, problem: &str| {
        if !holds {
            problems.push(problem.to_owned());
        }
    };
    let charset = name.bytes().all(|b| is_lower_alphanumeric(b) || b == b'-');
    unless(
        charset && !name.is_empty(),
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
    );
    unless(
        name.bytes().any(|b| b.is_ascii_lowercase()),
        "must contain at least one letter (a-z)",
    );
    unless(!name.contains("--"), "must not contain consecutive hyphens");
    unless(
        !(name.starts_with('-') || name.ends_with('-')),
        "must not begin or end with a hyphen",
    );
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["http", "a", "http-alt", "8a", "abcdefghijklmno"] {
            assert!(port_name(name).is_empty(), "{name}");
        }
        for (name, problems) in [
            (
                "Very_Bad_Name_Too_Long",
                vec![
                    "must be no more than 15 characters",
                    "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
                ],
            ),
            ("80", vec!["must contain at least one letter (a-z)"]),
            ("a--b", vec!["must not contain consecutive hyphens"]),
            ("-a", vec!["must not begin or end with a hyphen"]),
        ] {
            assert_eq!(port_name(name), problems, "{name}");
        }
    }

    #[test]
    fn numbers() {
        assert!(port_number(1).is_empty() && port_number(65535).is_empty());
        assert_eq!(port_number(0), ["must be between 1 and 65535, inclusive"]);
    }
}
