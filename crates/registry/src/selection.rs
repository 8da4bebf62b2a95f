//! Which objects a list or a watch is about.

use meta::label_selector::{Operator, Requirement};
use meta::{FieldSelector, LabelSelector, Status};
use resource::Kind;

use crate::cache::{Interest, Narrowing, Trait};
use crate::index;
use crate::object::Object;

const NAME: &str = "metadata.name";
const NAMESPACE: &str = "metadata.namespace";

/// Namespace, labels and fields that an object must have.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    namespace: Option<Box<str>>,
    labels: LabelSelector,
    fields: FieldSelector,
    /// The key of the only object that can match, if the selection names one.
    key: Option<Box<str>>,
    /// A selectable field that must have one value.
    field: Option<(&'static str, Box<str>)>,
}

impl Selection {
    /// Reads the selectors of a request to `kind`; a 400 in upstream's words for what the kind does not know.
    pub(crate) fn new(
        kind: &dyn Kind,
        namespace: Option<&str>,
        label_selector: &str,
        field_selector: &str,
    ) -> Result<Self, Status> {
        let labels = LabelSelector::parse(label_selector);
        let labels = labels.map_err(|error| Status::bad_request(error.to_string()))?;
        let fields = FieldSelector::parse(field_selector);
        let fields = fields.map_err(|error| Status::bad_request(error.to_string()))?;
        let selectable = kind.selectable_field_names();
        let is_known = |field: &str| {
            field == NAME || (field == NAMESPACE && kind.selects_namespaces()) || selectable.contains(&field)
        };
        if let Some(term) = fields.terms().iter().find(|term| !is_known(&term.field)) {
            return Err(Status::bad_request(kind.unknown_field_label(&term.field)));
        }
        let is_namespaced = kind.descriptor().is_namespaced();
        let name = fields.required_value(NAME);
        let key = name.filter(|_| namespace.is_some() || !is_namespaced);
        let mut required = selectable
            .iter()
            .filter_map(|name| Some((*name, fields.required_value(name)?.into())));
        Ok(Self {
            namespace: namespace.map(Into::into),
            key: key.map(|name| index::key(namespace.unwrap_or(""), name)),
            field: required.next(),
            labels,
            fields,
        })
    }

    /// Whether an object is selected.
    pub(crate) fn matches(&self, object: &Object) -> bool {
        let in_namespace = self.namespace.as_deref();
        in_namespace.is_none_or(|namespace| object.namespace() == namespace) && self.matches_candidate(object)
    }

    /// The same for an object that is known to be in the namespace.
    pub(crate) fn matches_candidate(&self, object: &Object) -> bool {
        self.fields.matches(|field| value_of(object, field)) && self.labels.matches(object)
    }

    /// Whether the object of that key may be selected, as far as the key tells.
    pub(crate) fn covers(&self, key: &str) -> bool {
        match (&self.key, &self.namespace) {
            (Some(only), _) => **only == *key,
            (None, Some(namespace)) => {
                let rest = key.strip_prefix(&**namespace);
                rest.is_some_and(|rest| rest.starts_with('/'))
            }
            (None, None) => true,
        }
    }

    /// The namespace it is confined to.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The key of the only object that can match, if the selection names one.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Whether everything in the namespace is selected.
    pub(crate) fn is_whole(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// A value that everything selected has, to find it by. None where the key says more. `by_field`: whether the caches know
    /// the kind's fields.
    pub(crate) fn narrowing(&self, by_field: bool) -> Narrowing<'_> {
        if self.key.is_some() {
            return None;
        }
        if let (true, Some((field, value))) = (by_field, &self.field) {
            return Some((Trait::Field(field), value));
        }
        self.labels.requirements().iter().find_map(|requirement| {
            let of = Trait::Label(requirement.key().into());
            Some((of, only_value(requirement)?))
        })
    }

    /// The narrowest interest that covers the selection. `by_field`: whether the caches know the kind's fields.
    pub(crate) fn interest(&self, by_field: bool) -> Interest {
        match (&self.key, &self.field, &self.namespace) {
            (Some(key), _, _) => Interest::Key(key.clone()),
            (None, Some((field, value)), _) if by_field => Interest::Field(field, value.clone()),
            (None, _, Some(namespace)) => Interest::Namespace(namespace.clone()),
            (None, _, None) => Interest::All,
        }
    }
}

/// The one value that a label must have, if that is what is required.
fn only_value(requirement: &Requirement) -> Option<&str> {
    use Operator::{DoubleEquals, Equals, In};
    match requirement.values() {
        [only] if matches!(requirement.operator(), In | Equals | DoubleEquals) => Some(only),
        _ => None,
    }
}

fn value_of<'a>(object: &'a Object, field: &str) -> Option<&'a str> {
    match field {
        NAME => Some(object.name()),
        NAMESPACE => Some(object.namespace()),
        _ => object.field(field),
    }
}
