//! Fields that belong to features which are off: they are taken away from what a client writes, unless the object has them
//! already.

use serde_json::Value;

/// Such a field.
#[derive(Clone, Copy, Debug)]
pub struct DisabledField {
    /// The names that lead to it. `*` stands for every item of a list.
    pub path: &'static [&'static str],
    /// Whether what it stands in goes with it, if nothing else is there.
    pub takes_its_parent: bool,
}

/// The disabled fields of a kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disabled {
    /// Where all of them are.
    pub below: &'static [&'static str],
    /// The fields.
    pub fields: &'static [DisabledField],
}

impl Disabled {
    /// Takes the fields from `new` that are not in `old`.
    pub fn drop(&self, new: &mut Value, old: Option<&Value>) {
        let Some(new) = self
            .below
            .iter()
            .try_fold(new, |place, name| place.get_mut(*name))
        else {
            return;
        };
        let old = old.and_then(|old| self.below.iter().try_fold(old, |place, name| place.get(*name)));
        for field in self.fields {
            if !old.is_some_and(|old| is_used(old, field.path)) {
                remove(new, field.path, field.takes_its_parent);
            }
        }
    }
}

fn is_used(place: &Value, path: &[&str]) -> bool {
    match path {
        [] => !place.is_null(),
        ["*", rest @ ..] => place
            .as_array()
            .is_some_and(|items| items.iter().any(|item| is_used(item, rest))),
        [name, rest @ ..] => place.get(*name).is_some_and(|next| is_used(next, rest)),
    }
}

/// Whether something was removed from `place` itself.
fn remove(place: &mut Value, path: &[&str], takes_its_parent: bool) -> bool {
    match path {
        ["*", rest @ ..] => {
            for item in place.as_array_mut().into_iter().flatten() {
                remove(item, rest, takes_its_parent);
            }
            false
        }
        [name] => place
            .as_object_mut()
            .and_then(|fields| fields.remove(*name))
            .is_some_and(|value| !value.is_null()),
        [name, rest @ ..] => {
            let Some(next) = place.get_mut(*name) else {
                return false;
            };
            let was_removed = remove(next, rest, takes_its_parent);
            let is_empty = next
                .as_object()
                .is_some_and(|fields| fields.values().all(Value::is_null));
            if takes_its_parent
                && was_removed
                && is_empty
                && let Some(fields) = place.as_object_mut()
            {
                fields.remove(*name);
            }
            false
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DISABLED: Disabled = Disabled {
        below: &["spec"],
        fields: &[
            DisabledField {
                path: &["group"],
                takes_its_parent: false,
            },
            DisabledField {
                path: &["items", "*", "life", "signal"],
                takes_its_parent: true,
            },
        ],
    };

    #[test]
    fn disabled_fields_go_unless_they_are_there_already() {
        let written = json!({"spec": {"group": {"a": 1}, "items": [
            {"life": {"signal": "x"}}, {"life": {"signal": "x", "hook": {}}}, {"life": {}}, {},
        ]}});
        let without = json!({"spec": {"items": [{}, {"life": {"hook": {}}}, {"life": {}}, {}]}});
        for (old, expected) in [
            (None, &without),
            (Some(json!({"spec": {"group": null}})), &without),
            (
                Some(json!({"spec": {"group": {}, "items": [{"life": {"signal": "y"}}]}})),
                &written,
            ),
        ] {
            let mut new = written.clone();
            DISABLED.drop(&mut new, old.as_ref());
            assert_eq!(&new, expected, "{old:?}");
        }
    }
}
