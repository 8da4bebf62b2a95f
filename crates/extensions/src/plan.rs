//! What a definition is entitled to, given those beside it. Decided without I/O.

use crate::approval;
use crate::conditions::condition;
use crate::definition::{Condition, Definition, Names};
use crate::names;

/// What has its objects deleted before it goes.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// What a definition is entitled to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Its names, as far as they are accepted.
    pub(crate) names: Names,
    /// Its conditions, deletion aside.
    pub(crate) conditions: Vec<Condition>,
    /// Whether its objects are served.
    pub(crate) is_served: bool,
}

impl Verdict {
    /// The objects cannot be served after all.
    pub(crate) fn refuse(&mut self, why: &str) {
        self.is_served = false;
        let established = condition("Established", "False", "NotServed", why);
        let place = self.conditions.iter_mut().find(|c| c.kind == established.kind);
        if let Some(place) = place {
            *place = established;
        }
    }
}

/// Judges a definition. `others` are all others of its group.
pub(crate) fn judge<'a>(definition: &Definition, others: impl Iterator<Item = &'a Definition>) -> Verdict {
    let others = others.map(|other| &other.status.accepted_names);
    let accepted = names::accept(&definition.spec.names, &definition.status.accepted_names, others);
    let established = match definition.condition("Established") {
        Some(established) if established.status == "True" => established.clone(),
        _ if accepted.condition.status == "True" => condition(
            "Established",
            "True",
            "InitialNamesAccepted",
            "the initial names have been accepted",
        ),
        _ => condition(
            "Established",
            "False",
            "NotAccepted",
            "not all names are accepted",
        ),
    };
    let is_served = established.status == "True";
    let mut conditions = vec![accepted.condition, established];
    conditions.extend(approval::condition(definition));
    Verdict {
        names: accepted.names,
        conditions,
        is_served,
    }
}

/// What is to be done for a definition that is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing: it is not to go, or others hold it.
    None,
    /// It never had objects.
    LetGo,
    /// Its objects go first.
    DeleteObjects,
}

/// What is to be done before a definition can go.
pub(crate) fn ending(definition: &Definition) -> Ending {
    let holds = definition
        .metadata
        .finalizers
        .iter()
        .any(|finalizer| finalizer == CLEANUP);
    if !definition.is_terminating() || !holds {
        Ending::None
    } else if definition.is("Established") {
        Ending::DeleteObjects
    } else {
        Ending::LetGo
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn definition(kind: &str, status: Value) -> Definition {
        let object = json!({
            "metadata": {"name": "x", "finalizers": [CLEANUP]},
            "spec": {"group": "example.com", "names": {
                "plural": kind.to_lowercase(), "singular": "s", "kind": kind, "listKind": format!("{kind}List"),
            }},
            "status": status,
        });
        Definition::read(&object).expect("a definition")
    }

    fn verdict_of(definition: &Definition, other: &Definition) -> (bool, Vec<String>) {
        let verdict = judge(definition, std::iter::once(other));
        let reasons = verdict
            .conditions
            .iter()
            .map(|condition| condition.reason.clone());
        (verdict.is_served, reasons.collect())
    }

    #[test]
    fn the_first_has_the_name() {
        let first = definition("Widget", json!({}));
        let none = definition("", json!({}));
        let expected = ["NoConflicts", "InitialNamesAccepted"].map(str::to_owned);
        assert_eq!(verdict_of(&first, &none), (true, expected.to_vec()));
        let holder = definition(
            "Widget",
            json!({"acceptedNames": {"kind": "Widget", "listKind": "WidgetList"}}),
        );
        let expected = ["ListKindConflict", "NotAccepted"].map(str::to_owned);
        assert_eq!(verdict_of(&first, &holder), (false, expected.to_vec()));
        let established = json!({"conditions": [{"type": "Established", "status": "True", "reason": "r"}]});
        let later = definition("Widget", established);
        let expected = ["ListKindConflict", "r"].map(str::to_owned);
        assert_eq!(verdict_of(&later, &holder), (true, expected.to_vec()));
    }

    #[test]
    fn objects_go_before_their_definition() {
        let mut definition = definition("Widget", json!({}));
        assert_eq!(ending(&definition), Ending::None);
        definition.metadata.deletion_timestamp = Some(String::from("now"));
        assert_eq!(ending(&definition), Ending::LetGo);
        definition.status.conditions = Some(vec![condition("Established", "True", "", "")]);
        assert_eq!(ending(&definition), Ending::DeleteObjects);
        definition.metadata.finalizers.clear();
        assert_eq!(ending(&definition), Ending::None);
    }
}
