//! Names in the forms of the domain name system.

use super::{
    LABEL_MAX_LENGTH, Problems, SUBDOMAIN_MAX_LENGTH, is_lower_alphanumeric, is_made_of, mismatch, too_long,
};

fn is_label(text: &str) -> bool {
    is_made_of(text, is_lower_alphanumeric, |b| {
        is_lower_alphanumeric(b) || b == b'-'
    })
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

/// A label of RFC 1123 in lower case: `my-name`.
pub fn dns1123_label(name: &str) -> Problems {
    let mut problems = Problems::new();
    if name.len() > LABEL_MAX_LENGTH {
        problems.push(too_long(LABEL_MAX_LENGTH));
    }
    if is_label(name) {
        return problems;
    }
    problems.push(if is_subdomain(name) {
        String::from("must not contain dots")
    } else {
        mismatch(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
            "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
            &["my-name", "123-abc"],
        )
    });
    problems
}

/// Labels of RFC 1123 with dots between: `example.com`.
pub fn dns1123_subdomain(name: &str) -> Problems {
    subdomain(name, too_long)
}

/// The same, where what is too long is told in other words.
pub(super) fn subdomain(name: &str, too_long: fn(usize) -> String) -> Problems {
    let mut problems = Problems::new();
    if name.len() > SUBDOMAIN_MAX_LENGTH {
        problems.push(too_long(SUBDOMAIN_MAX_LENGTH));
    }
    if !is_subdomain(name) {
        problems.push(mismatch(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
            "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
            &["example.com"],
        ));
    }
    problems
}

/// Likewise, each label may begin with `_` and contain it: what search domains of a resolver may be.
pub fn dns1123_subdomain_with_underscore(name: &str) -> Problems {
    let is_label = |label: &str| {
        is_made_of(
            label.strip_prefix('_').unwrap_or(label),
            is_lower_alphanumeric,
            |b| is_lower_alphanumeric(b) || b == b'-' || b == b'_',
        )
    };
    let mut problems = Problems::new();
    if name.len() > SUBDOMAIN_MAX_LENGTH {
        problems.push(too_long(SUBDOMAIN_MAX_LENGTH));
    }
    if !name.split('.').all(is_label) {
        problems.push(mismatch(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
            "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*",
            &["example.com"],
        ));
    }
    problems
}

/// A subdomain whose first label is `*`.
pub fn wildcard_dns1123_subdomain(name: &str) -> Problems {
    let mut problems = Problems::new();
    if name.len() > SUBDOMAIN_MAX_LENGTH {
        problems.push(too_long(SUBDOMAIN_MAX_LENGTH));
    }
    if !name.strip_prefix("*.").is_some_and(is_subdomain) {
        problems.push(mismatch(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
            "\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
            &["*.example.com"],
        ));
    }
    problems
}

/// A label of RFC 1035: as RFC 1123, but a letter comes first. Services have such names.
pub fn dns1035_label(name: &str) -> Problems {
    let mut problems = Problems::new();
    if name.len() > LABEL_MAX_LENGTH {
        problems.push(too_long(LABEL_MAX_LENGTH));
    }
    if !(is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase())) {
        problems.push(mismatch(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
            "[a-z]([-a-z0-9]*[a-z0-9])?",
            &["my-name", "abc-123"],
        ));
    }
    problems
}

/// A beginning of a subdomain, from which a name is generated: it may end with a dash.
pub fn dns1123_subdomain_prefix(prefix: &str) -> Problems {
    dns1123_subdomain(&without_trailing_dash(prefix))
}

/// A beginning of a label, from which a name is generated.
pub fn dns1123_label_prefix(prefix: &str) -> Problems {
    dns1123_label(&without_trailing_dash(prefix))
}

/// What generation appends begins with a letter or digit, so that a dash before it is no end.
fn without_trailing_dash(prefix: &str) -> String {
    match prefix.strip_suffix('-') {
        Some(stem) if prefix.len() > 1 => format!("{stem}a"),
        _ => prefix.to_owned(),
    }
}

/// A domain of at least two labels; a dot at the end is allowed.
pub fn fully_qualified_domain_name(name: &str) -> Problems {
    let name = name.strip_suffix('.').unwrap_or(name);
    let problems = dns1123_subdomain(name);
    if !problems.is_empty() {
        return problems;
    }
    if !name.contains('.') {
        return vec![String::from(
            "should be a domain with at least two segments separated by dots",
        )];
    }
    name.split('.').flat_map(dns1123_label).collect()
}

/// A domain, a slash and a path: `acme.io/foo`.
pub fn domain_prefixed_path(text: &str) -> Problems {
    match text.split_once('/') {
        Some((host, path)) if !host.is_empty() && !path.is_empty() => {
            let mut problems = dns1123_subdomain(host);
            if !path
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/.-_~%!$&'()*+,;=:".contains(&b))
            {
                problems.push(String::from(
                    "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
                ));
            }
            problems
        }
        _ => vec![String::from(
            "must be a domain-prefixed path (such as \"acme.io/foo\")",
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        let longest = "a".repeat(63);
        for name in ["a", "0", "a-b", "123-abc", &longest] {
            assert!(dns1123_label(name).is_empty(), "{name}");
        }
        assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
        assert_eq!(
            dns1123_label(&"a".repeat(64)),
            ["must be no more than 63 characters"]
        );
        for name in ["", "A", "-a", "a-", "a_b", "a b", "a..b", "é"] {
            assert_eq!(
                dns1123_label(name),
                [
                    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
                ],
                "{name}"
            );
        }
    }

    #[test]
    fn subdomains() {
        let longest = "a".repeat(253);
        for name in ["a", "a.b", "1.2", "a-b.c-d", &longest] {
            assert!(dns1123_subdomain(name).is_empty(), "{name}");
        }
        for name in ["", ".", "a.", ".a", "a..b", "A", "a/b", "a.-b"] {
            assert_eq!(
                dns1123_subdomain(name),
                [
                    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                ],
                "{name}"
            );
        }
    }

    #[test]
    fn other_forms() {
        let check = |form: fn(&str) -> Problems, good: &[&str], bad: &[&str]| {
            for name in good {
                assert!(form(name).is_empty(), "{name}: {:?}", form(name));
            }
            for name in bad {
                assert!(!form(name).is_empty(), "{name}");
            }
        };
        check(dns1035_label, &["a", "a1", "a-1"], &["", "1a", "-a", "a-", "a.b"]);
        check(
            wildcard_dns1123_subdomain,
            &["*.a", "*.a.b"],
            &["*", "*.", "a.*.b", "a", "*.*"],
        );
        check(
            dns1123_subdomain_with_underscore,
            &["_a.b", "a_b.c", "a"],
            &["__", "a._", "a b", "a_"],
        );
        check(
            dns1123_subdomain_prefix,
            &["gen-", "a", "a.b-"],
            &["", "-", "A_", "a--x_"],
        );
        check(
            fully_qualified_domain_name,
            &["a.b", "a.b."],
            &["a", "", "A.b", "."],
        );
        check(
            domain_prefixed_path,
            &["a.io/b", "a/b/c"],
            &["a", "/b", "a/", "A/b", "a/b c"],
        );
    }
}
