//! Rules for the metadata that a template gives to what is made from it.

use serde_json::Value;

use super::field::Field;

/// Everything but labels and annotations, in the order of its declaration and as messages name it.
const OTHERS: [(&str, &str); 13] = [
    ("name", "name"),
    ("generateName", "generateName"),
    ("namespace", "namespace"),
    ("selfLink", "selfLink"),
    ("uid", "uID"),
    ("resourceVersion", "resourceVersion"),
    ("generation", "generation"),
    ("creationTimestamp", "creationTimestamp"),
    ("deletionTimestamp", "deletionTimestamp"),
    ("deletionGracePeriodSeconds", "deletionGracePeriodSeconds"),
    ("ownerReferences", "ownerReferences"),
    ("finalizers", "finalizers"),
    ("managedFields", "managedFields"),
];

impl Field<'_, '_> {
    /// Metadata of which a template gives labels and annotations only.
    pub fn template_metadata(&self) {
        self.child("annotations").annotations();
        self.child("labels").labels();
        for (name, named) in OTHERS {
            let says_something = match self.child(name).value() {
                None => false,
                Some(Value::String(text)) => !text.is_empty(),
                Some(Value::Number(number)) => {
                    name == "deletionGracePeriodSeconds" || number.as_i64() != Some(0)
                }
                Some(_) => true,
            };
            if says_something {
                self.child(named).forbidden("cannot be set");
            }
        }
    }
}
