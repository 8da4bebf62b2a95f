//! Several errors in one text, as upstream's library writes them.

/// Each text once, in brackets if there is more than one: `a`, or `[a, b]`. None if there are none.
pub fn aggregate<T: ToString>(errors: impl IntoIterator<Item = T>) -> Option<String> {
    let mut texts: Vec<String> = Vec::new();
    for text in errors.into_iter().map(|error| error.to_string()) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [] => None,
        [_] => texts.pop(),
        many => Some(format!("[{}]", many.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_together_and_each_once() {
        for (errors, expected) in [
            (&[][..], None),
            (&["a"], Some("a")),
            (&["a", "a"], Some("a")),
            (&["a", "b", "a"], Some("[a, b]")),
        ] {
            assert_eq!(aggregate(errors).as_deref(), expected, "{errors:?}");
        }
    }
}
