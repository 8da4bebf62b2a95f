//! Owner references that name the same owner twice are folded, with a warning.

use serde_json::Value;

use crate::context::Warnings;

/// When the duplicates were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// In what the client sent.
    InRequest,
    /// In what admission made of it.
    AfterAdmission,
}

/// Keeps the first of references that say the same. Others to the same UID stay: they may be about different objects.
pub(crate) fn fold(tree: &mut Value, warnings: &Warnings, found: Found) {
    let references = tree
        .pointer_mut("/metadata/ownerReferences")
        .and_then(Value::as_array_mut);
    let Some(references) = references else { return };
    let mut kept: Vec<Value> = Vec::with_capacity(references.len());
    let mut duplicates: Vec<String> = Vec::new();
    for reference in std::mem::take(references) {
        if kept.contains(&reference) {
            duplicates.push(reference["uid"].as_str().unwrap_or("").to_owned());
        } else {
            kept.push(reference);
        }
    }
    *references = kept;
    if duplicates.is_empty() {
        return;
    }
    let when = match found {
        Found::InRequest => "",
        Found::AfterAdmission => " after mutating admission happens",
    };
    warnings.add(format!(
        ".metadata.ownerReferences contains duplicate entries{when}; API server dedups owner references in 1.20+, and may \
         reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}",
        duplicates.join(", ")
    ));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_that_say_the_same_are_folded() {
        let warnings = Warnings::default();
        let reference = |uid: &str, name: &str| json!({"uid": uid, "name": name});
        let mut tree = json!({"metadata": {"ownerReferences": [
            reference("1", "a"), reference("2", "b"), reference("1", "c"), reference("1", "a"), reference("1", "a"),
        ]}});
        fold(&mut tree, &warnings, Found::InRequest);
        assert_eq!(
            tree["metadata"]["ownerReferences"],
            json!([reference("1", "a"), reference("2", "b"), reference("1", "c")])
        );
        let texts = warnings.take();
        assert_eq!(texts.len(), 1);
        assert!(texts[0].ends_with("duplicate UID(s) observed: 1, 1"), "{texts:?}");
        fold(&mut tree, &warnings, Found::AfterAdmission);
        assert!(warnings.take().is_empty());
    }
}
