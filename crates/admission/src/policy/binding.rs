//! Bindings: where a policy holds, and with which parameters.

use std::sync::Arc;

use meta::GroupVersionResource;
use meta::label_selector::LabelSelector;
use registry::Object;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::hooks::{Compiled, Matcher};
use crate::request::{items, text};

/// A binding of a policy of either kind.
pub(crate) struct Binding {
    pub(super) name: String,
    /// The policy's name.
    pub(super) policy: String,
    /// None: it holds wherever the policy does.
    pub(super) matcher: Option<Matcher>,
    pub(super) parameters: Option<ParameterReference>,
    pub(super) actions: Actions,
    /// The same as they were given.
    pub(super) given_actions: Vec<String>,
}

/// Which objects are parameters.
pub(super) struct ParameterReference {
    pub(super) which: Which,
    /// Empty: that of the request.
    pub(super) namespace: String,
    /// Whether a request is refused if there are none.
    pub(super) must_exist: bool,
}

/// One by its name, or all that a selector selects.
pub(super) enum Which {
    Named(String),
    Selected(LabelSelector),
}

/// What follows from a validation that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Actions {
    pub(super) deny: bool,
    pub(super) warn: bool,
    pub(super) audit: bool,
}

/// A binding of a policy of validation.
pub(crate) struct ValidatingBinding(pub(super) Binding);

/// A binding of a policy of change.
pub(crate) struct MutatingBinding(pub(super) Binding);

impl Compiled for ValidatingBinding {
    const RESOURCE: GroupVersionResource = GroupVersionResource::new(
        "admissionregistration.k8s.io",
        "v1",
        "validatingadmissionpolicybindings",
    );

    fn compile(object: &Object, _cluster: &Arc<dyn Cluster>) -> Self {
        Self(Binding::read(&object.tree()))
    }
}

impl Compiled for MutatingBinding {
    const RESOURCE: GroupVersionResource = GroupVersionResource::new(
        "admissionregistration.k8s.io",
        "v1",
        "mutatingadmissionpolicybindings",
    );

    fn compile(object: &Object, _cluster: &Arc<dyn Cluster>) -> Self {
        Self(Binding::read(&object.tree()))
    }
}

impl AsRef<Binding> for ValidatingBinding {
    fn as_ref(&self) -> &Binding {
        &self.0
    }
}

impl AsRef<Binding> for MutatingBinding {
    fn as_ref(&self) -> &Binding {
        &self.0
    }
}

impl Binding {
    fn read(binding: &Value) -> Self {
        let spec = &binding["spec"];
        let matches = &spec["matchResources"];
        let given = given_actions(spec);
        let has_action = |action: &str| given.iter().any(|found| found == action);
        Self {
            name: text(binding, "/metadata/name").to_owned(),
            policy: text(spec, "/policyName").to_owned(),
            matcher: (!matches.is_null()).then(|| Matcher::of_resources(matches)),
            parameters: ParameterReference::read(&spec["paramRef"]),
            actions: Actions {
                deny: has_action("Deny"),
                warn: has_action("Warn"),
                audit: has_action("Audit"),
            },
            given_actions: given,
        }
    }
}

fn given_actions(spec: &Value) -> Vec<String> {
    let actions = items(spec, "/validationActions").iter();
    actions.filter_map(Value::as_str).map(str::to_owned).collect()
}

impl ParameterReference {
    fn read(reference: &Value) -> Option<Self> {
        if reference.is_null() {
            return None;
        }
        let which = match &reference["selector"] {
            Value::Null => Which::Named(text(reference, "/name").to_owned()),
            // Validation lets no bad selector in.
            selector => {
                let selector = LabelSelector::from_object(selector);
                Which::Selected(selector.unwrap_or_else(|_| LabelSelector::nothing()))
            }
        };
        Some(Self {
            which,
            namespace: text(reference, "/namespace").to_owned(),
            must_exist: reference["parameterNotFoundAction"] == "Deny",
        })
    }
}
