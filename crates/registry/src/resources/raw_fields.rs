//! Raw fields, which are kept as they were sent: another text is another value. Only few kinds have some.

use std::collections::BTreeSet;

use schema::texts::{Place, Texts, compact};
use serde_json::Value;

use super::Resource;
use super::change::Change;
use crate::context::RequestContext;
use crate::draft::Draft;
use crate::object::Object;

/// The texts of raw fields in a change.
pub(super) struct ChangedTexts {
    new: Texts,
    old: Texts,
    /// Where nothing but the text is another one.
    only_text: Vec<Place>,
}

impl ChangedTexts {
    /// The texts after a change of a part of an object (empty: of the object itself) whose status is a part of its own or not.
    fn of(
        change: &Change,
        sent: Texts,
        old_texts: Texts,
        states: [&Value; 2],
        is_written: impl Fn(&Place) -> bool,
    ) -> Self {
        let [old, new] = states;
        let places = sent
            .iter()
            .chain(old_texts.iter())
            .map(|(place, _)| place.clone());
        let places: BTreeSet<Place> = places.collect();
        let keeps_text = matches!(change, Change::Patch(patch) if !patch.is_strategic());
        let mut texts = Texts::default();
        let mut only_text = Vec::new();
        for place in places {
            let is_same = place.find(new) == place.find(old);
            let old_text = old_texts.at(&place, old).unwrap_or_default();
            if !is_written(&place) {
                texts.set(&place, &old_text, new);
                continue;
            }
            // A patch writes the object anew and without spaces.
            let new_text = match keeps_text && is_same {
                true => compact(&old_text),
                false => sent.at(&place, new).unwrap_or_default().into_owned(),
            };
            texts.set(&place, &new_text, new);
            if is_same && new_text != old_text {
                only_text.push(place);
            }
        }
        Self {
            new: texts,
            old: old_texts,
            only_text,
        }
    }

    /// The old state as a kind must see it to find that the text is another one; none if it sees that anyway.
    pub(super) fn disguised(&self, old: &Value) -> Option<Value> {
        if self.only_text.is_empty() {
            return None;
        }
        let mut disguised = old.clone();
        for place in &self.only_text {
            let text = self.old.at(place, old).unwrap_or_default().into_owned();
            if let Some(value) = place.find_mut(&mut disguised) {
                *value = Value::String(text);
            }
        }
        Some(disguised)
    }

    /// Puts back what a kind took from the disguised state.
    pub(super) fn reveal(&self, new: &mut Value, old: &Value) {
        for place in &self.only_text {
            if let (Some(Value::String(_)), Some(value)) = (place.find(new), place.find(old))
                && let Some(slot) = place.find_mut(new)
            {
                *slot = value.clone();
            }
        }
    }
}

impl Resource {
    /// The texts of a change; none for kinds without raw fields.
    pub(super) fn changed_texts(
        &self,
        context: &RequestContext,
        subresource: &str,
        change: &Change,
        states: [&Value; 2],
        stored: &Object,
    ) -> Option<ChangedTexts> {
        if !self.has_raw_fields {
            return None;
        }
        let [old, new] = states;
        let schema = self.kind.descriptor().schema;
        let sent = match (change, &context.sent) {
            (Change::Replace(_), Some(sent)) => Texts::of(sent, new, schema),
            _ => Texts::default(),
        };
        let old_texts = Texts::of(stored.json(), old, schema);
        let has_status = self.kind.descriptor().subresource("status").is_some();
        let is_written = |place: &Place| !has_status || place.is_in("status") == (subresource == "status");
        Some(ChangedTexts::of(change, sent, old_texts, states, is_written))
    }

    /// A draft with the texts of a change.
    pub(super) fn with_changed_texts(&self, draft: Draft, texts: Option<&ChangedTexts>) -> Draft {
        match texts {
            Some(texts) => draft.with_texts(&texts.new, self.kind.descriptor().schema),
            None => draft,
        }
    }

    /// A draft of a new object with the texts that were sent.
    pub(super) fn with_sent_texts(&self, context: &RequestContext, draft: Draft, new: &Value) -> Draft {
        match &context.sent {
            Some(sent) if self.has_raw_fields => {
                let schema = self.kind.descriptor().schema;
                draft.with_texts(&Texts::of(sent, new, schema), schema)
            }
            _ => draft,
        }
    }

    /// A draft of an object whose raw fields are those of another state of it.
    pub(super) fn with_texts_of(&self, draft: Draft, stored: &Object) -> Draft {
        if !self.has_raw_fields {
            return draft;
        }
        let schema = self.kind.descriptor().schema;
        let texts = Texts::of(stored.json(), &stored.tree(), schema);
        draft.with_texts(&texts, schema)
    }
}

#[cfg(test)]
mod tests {
    use meta::GroupVersionKind;
    use patch::{Patch, PatchType};
    use schema::SchemaRef;
    use serde_json::json;

    use super::*;
    use crate::resources::change::Configuration;

    fn schema() -> SchemaRef<'static> {
        schema::builtin(&GroupVersionKind::new("apps", "v1", "ControllerRevision")).expect("a built-in kind")
    }

    fn texts(json: &str) -> (Texts, Value) {
        let tree: Value = serde_json::from_str(json).expect("JSON");
        (Texts::of(json.as_bytes(), &tree, schema()), tree)
    }

    /// Whether a change from one JSON to another looks like one of the data, and how these are stored then.
    fn check(old: &str, change: &Change, sent: &str, expected: (bool, &str)) {
        let (old_texts, old) = texts(old);
        let (sent_texts, new) = texts(sent);
        let sent_texts = match change {
            Change::Replace(_) => sent_texts,
            _ => Texts::default(),
        };
        let changed = ChangedTexts::of(change, sent_texts, old_texts, [&old, &new], |_| true);
        let mut seen = new.clone();
        let disguised = changed.disguised(&old);
        assert_eq!(disguised.is_some(), expected.0, "{sent}");
        if let Some(disguised) = disguised {
            assert_ne!(disguised["data"], new["data"]);
            seen["data"] = disguised["data"].clone();
        }
        changed.reveal(&mut seen, &old);
        assert_eq!(seen, new);
        let stored = changed.new.put_into(new.to_string().as_bytes(), schema());
        assert!(String::from_utf8_lossy(&stored).contains(expected.1), "{sent}");
    }

    #[test]
    fn another_text_is_another_value() {
        let put = Change::Replace(Value::Null);
        let patch = |kind, body: &str| Change::Patch(Patch::parse(kind, body.as_bytes()).expect("a patch"));
        let merge = patch(PatchType::Merge, "{}");
        let strategic = patch(PatchType::Strategic, "{}");
        let (spaces, plain) = (r#"{"data":{"a": 1}}"#, r#"{"data":{"a":1}}"#);
        let (reversed, reversed_spaces) = (r#"{"data":{"b":1,"a":2}}"#, r#"{"data":{"b": 1, "a":2}}"#);
        check(spaces, &put, spaces, (false, r#"{"a": 1}"#));
        check(plain, &put, plain, (false, r#"{"a":1}"#));
        check(plain, &put, spaces, (true, r#"{"a": 1}"#));
        check(spaces, &put, plain, (true, r#"{"a":1}"#));
        check(spaces, &merge, plain, (true, r#"{"a":1}"#));
        check(plain, &merge, plain, (false, r#"{"a":1}"#));
        check(reversed, &merge, reversed, (false, r#"{"b":1,"a":2}"#));
        check(reversed_spaces, &merge, reversed, (true, r#"{"b":1,"a":2}"#));
        check(reversed, &strategic, reversed, (true, r#"{"a":2,"b":1}"#));
    }

    #[test]
    fn what_a_change_does_not_reach_keeps_its_text() {
        let (old_texts, old) = texts(r#"{"data":{"a": 1}}"#);
        let strategic = Change::Apply(Configuration {
            config: json!({}),
            force: false,
            repeated: Vec::new(),
        });
        let changed = ChangedTexts::of(
            &strategic,
            Texts::default(),
            old_texts.clone(),
            [&old, &old],
            |_| false,
        );
        assert!(changed.disguised(&old).is_none());
        assert_eq!(changed.new, old_texts);
    }
}
