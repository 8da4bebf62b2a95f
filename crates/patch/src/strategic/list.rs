//! Lists in a strategic merge patch.

use schema::SchemaRef;
use serde_json::{Map, Value};

use super::directive::PATCH;
use super::error::StrategicError;
use super::{apply, go_text, order};

/// How the lists of a field are patched.
#[derive(Clone, Copy)]
pub(super) struct ListPatch<'a> {
    /// Merged item by item, or replaced as a whole.
    merges: bool,
    /// What tells objects apart; empty for scalars.
    key: &'a str,
    element: Option<SchemaRef<'a>>,
}

impl<'a> ListPatch<'a> {
    pub fn of_field(field: SchemaRef<'a>) -> Self {
        Self {
            merges: field.patch_strategy().merge,
            key: field.patch_merge_key().unwrap_or(""),
            element: field.element(),
        }
    }

    /// What tells objects apart; empty for scalars.
    pub fn key(self) -> &'a str {
        self.key
    }

    /// Merges `patch` into `original`. Items of the patch come in its order, the others stay where they are to each other.
    pub fn merge(self, original: &mut Vec<Value>, patch: Vec<Value>) -> Result<(), StrategicError> {
        if !self.merges {
            *original = patch;
            return Ok(());
        }
        self.merge_always(original, patch)
    }

    /// The same where nobody asks whether lists of this field are merged.
    pub fn merge_always(self, original: &mut Vec<Value>, patch: Vec<Value>) -> Result<(), StrategicError> {
        if let Some(Merged { items, base }) = self.merge_items(original, patch.clone())? {
            *original = order::arrange(items, &patch, &base, self.key)?;
        }
        Ok(())
    }

    /// None if there is nothing to merge.
    fn merge_items(self, original: &[Value], patch: Vec<Value>) -> Result<Option<Merged>, StrategicError> {
        match same_type(original, &patch)? {
            None => Ok(None),
            Some(ItemType::Object) => self.merge_objects(original.to_vec(), patch).map(Some),
            Some(ItemType::Scalar) => {
                let mut items: Vec<Value> = Vec::with_capacity(original.len() + patch.len());
                for item in original.iter().cloned().chain(patch) {
                    if !items.contains(&item) {
                        items.push(item);
                    }
                }
                Ok(Some(Merged {
                    items,
                    base: original.to_vec(),
                }))
            }
        }
    }

    fn merge_objects(self, original: Vec<Value>, patch: Vec<Value>) -> Result<Merged, StrategicError> {
        let Some(element) = self.element.filter(|_| !self.key.is_empty()) else {
            return Err(StrategicError::NoKeyDeclared);
        };
        let (base, patch) = self.follow_directives(original, patch)?;
        let mut items = base.clone();
        for item in patch {
            let Value::Object(item) = item else {
                continue;
            };
            let key = item
                .get(self.key)
                .ok_or_else(|| StrategicError::no_merge_key(&item, self.key))?;
            match items.iter_mut().find_map(|other| with_key(other, self.key, key)) {
                Some(found) => apply(found, item, element)?,
                None => items.push(Value::Object(item)),
            }
        }
        Ok(Merged { items, base })
    }

    /// Does what items with a `$patch` say. What is left: the items of the list, and those of the patch.
    fn follow_directives(
        self,
        mut original: Vec<Value>,
        patch: Vec<Value>,
    ) -> Result<(Vec<Value>, Vec<Value>), StrategicError> {
        let mut rest = Vec::with_capacity(patch.len());
        let mut replaced = false;
        for item in patch {
            let Some(object) = item.as_object().filter(|object| object.contains_key(PATCH)) else {
                rest.push(item);
                continue;
            };
            match object.get(PATCH).and_then(Value::as_str) {
                Some("delete") => {
                    let key = object
                        .get(self.key)
                        .ok_or_else(|| StrategicError::no_merge_key(object, self.key))?;
                    original.retain(|other| other.get(self.key) != Some(key));
                }
                Some("replace") => replaced = true,
                Some("merge") => return Err(StrategicError::MergeInList),
                _ => return Err(StrategicError::unknown_directive(object)),
            }
        }
        Ok(if replaced {
            (rest, Vec::new())
        } else {
            (original, rest)
        })
    }
}

/// The outcome of merging two lists.
struct Merged {
    items: Vec<Value>,
    /// The list that was merged into, after directives: its order is kept where the patch says nothing.
    base: Vec<Value>,
}

fn with_key<'a>(item: &'a mut Value, name: &str, key: &Value) -> Option<&'a mut Map<String, Value>> {
    item.as_object_mut()
        .filter(|object| object.get(name) == Some(key))
}

/// What the items of a list are.
pub(super) enum ItemType {
    Object,
    Scalar,
}

/// What the items of both lists are; none if there are none.
pub(super) fn same_type(original: &[Value], patch: &[Value]) -> Result<Option<ItemType>, StrategicError> {
    let mut items = original.iter().chain(patch);
    let Some(first) = items.next() else {
        return Ok(None);
    };
    if items.any(|item| go_text::type_name(item) != go_text::type_name(first)) {
        let lists = Value::from(vec![Value::from(original.to_vec()), Value::from(patch.to_vec())]);
        return Err(StrategicError::MixedTypes {
            lists: go_text::printed(&lists),
        });
    }
    match first {
        Value::Object(_) => Ok(Some(ItemType::Object)),
        Value::Array(_) => Err(StrategicError::ListOfLists),
        _ => Ok(Some(ItemType::Scalar)),
    }
}
