//! The names of a kind.

use meta::name::dns1035_label;

use crate::toolkit::Field;

/// The names a definition asks for.
pub fn wanted(names: &Field) {
    for field in ["plural", "singular", "kind", "listKind"] {
        let name = names.child(field);
        if name.is_empty() {
            name.required("");
        }
    }
    accepted(names);
}

/// Names that a definition may ask for, or has been given.
pub fn accepted(names: &Field) {
    for field in ["plural", "singular"] {
        let name = names.child(field);
        if !name.is_empty() {
            complain(&name, dns1035_label(name.text()), "");
        }
    }
    for field in ["kind", "listKind"] {
        let kind = names.child(field);
        if !kind.is_empty() {
            let problems = dns1035_label(&kind.text().to_lowercase());
            complain(
                &kind,
                problems,
                "may have mixed case, but should otherwise match: ",
            );
        }
    }
    each(&names.child("shortNames"));
    let (kind, list) = (names.child("kind"), names.child("listKind"));
    if !kind.is_empty() && kind.text() == list.text() {
        list.invalid("kind and listKind may not be the same");
    }
    each(&names.child("categories"));
}

fn each(names: &Field) {
    for name in names.items() {
        complain(&name, dns1035_label(name.text()), "");
    }
}

/// All problems in one error.
fn complain(name: &Field, problems: Vec<String>, before: &str) {
    if !problems.is_empty() {
        name.invalid(&format!("{before}{}", problems.join(",")));
    }
}
