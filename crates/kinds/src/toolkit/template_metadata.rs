//! Rules for the metadata that a template gives to what is made from it.

use super::defaults::is_zero;
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
            let field = self.child(name);
            // An empty list is given all the same.
            let is_zero = field
                .value()
                .is_none_or(|value| is_zero(value) && !value.is_array());
            if !is_zero || (field.is_set() && name == "deletionGracePeriodSeconds") {
                self.standing_for(named, field.value()).forbidden("cannot be set");
            }
        }
    }
}
