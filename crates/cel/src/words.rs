//! Words that cannot be names. There are two sets: what the language keeps for itself, and what Kubernetes takes for no name.

/// Identifiers by their form, which the language keeps for itself. Its grammar says what else is none: `true` and `null` are
/// read as values before anyone asks.
const RESERVED: [&str; 19] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Words that name values. One of them is reserved besides.
const VALUES: [&str; 3] = ["true", "false", "null"];

/// Whether an identifier in an expression is refused as reserved.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Whether Kubernetes takes it for no name: such properties are escaped, and a variable cannot be called so. In a selection
/// it names the field all the same.
pub fn is_no_name(name: &str) -> bool {
    is_reserved(name) || VALUES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_no_names_and_need_not_be_reserved() {
        for (word, reserved, no_name) in [
            ("namespace", true, true),
            ("false", true, true),
            ("true", false, true),
            ("null", false, true),
            ("name", false, false),
            ("", false, false),
        ] {
            assert_eq!(
                (is_reserved(word), is_no_name(word)),
                (reserved, no_name),
                "{word}"
            );
        }
    }
}
