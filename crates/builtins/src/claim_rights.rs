//! Who may change which part of a claim's status: who binds claims its allocation, who speaks for a driver its devices.

use std::collections::{BTreeMap, BTreeSet};

use auth::{Attributes, Authorizer, ResourceTarget};
use meta::field::Path;
use meta::{ErrorList, FieldError, GroupVersionKind, User};
use registry::PartChange;
use schema::SchemaRef;
use schema::stored::means_same;
use serde_json::Value;

use crate::json::text;

const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
const ACCOUNT: &str = "system:serviceaccount:";

/// What the user of a request may not change of a claim's status, and would.
pub(crate) async fn missing(authorizer: &dyn Authorizer, change: &PartChange<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let rights = Rights { authorizer, change };
    if binds(change.new, change.old)
        && let Some(why) = rights.missing(change.verb, "binding", "", "").await
    {
        errors.push(FieldError::forbidden(
            &Path::new("status").child("allocation"),
            &format!(
                "changing status.allocation or status.reservedFor requires resource=\"resourceclaims/binding\", \
                 verb=\"{}\" permission: {why}",
                change.verb
            ),
        ));
    }
    if change.new["status"]["allocation"].is_null() {
        return errors;
    }
    let verbs = driver_verbs(change.verb, &change.context.user, allocated_node(change.new));
    for driver in changed_drivers(change.new, change.old) {
        if let Some(why) = rights.missing_for_driver(&verbs, driver).await {
            errors.push(FieldError::forbidden(
                &Path::new("status").child("devices"),
                &format!(
                    "changing status.devices requires resource=\"resourceclaims/driver\", verb=\"[{}]\" permission: {why}",
                    verbs.join(" ")
                ),
            ));
        }
    }
    errors
}

/// The rights of who asks for a change.
struct Rights<'a> {
    authorizer: &'a dyn Authorizer,
    change: &'a PartChange<'a>,
}

impl Rights<'_> {
    /// Why a part of claims may not be changed; none if it may.
    async fn missing(&self, verb: &str, part: &str, namespace: &str, name: &str) -> Option<String> {
        let target = ResourceTarget {
            group: "resource.k8s.io",
            version: "v1",
            resource: "resourceclaims",
            subresource: part,
            namespace,
            name,
            ..ResourceTarget::default()
        };
        let question = Attributes::resource(&self.change.context.user, verb, target);
        let decision = self.authorizer.authorize(&question).await;
        (!decision.is_allowed()).then(|| question.forbidden(decision.reason()).message)
    }

    /// The same for a driver, where any of the verbs will do. The first is told.
    async fn missing_for_driver(&self, verbs: &[String], driver: &str) -> Option<String> {
        let namespace = meta::object::namespace(self.change.old);
        let mut first = None;
        for verb in verbs {
            let why = self.missing(verb, "driver", namespace, driver).await?;
            first.get_or_insert(why);
        }
        first
    }
}

fn field(name: &str) -> Option<SchemaRef<'static>> {
    let kind = GroupVersionKind::new("resource.k8s.io", "v1", "ResourceClaim");
    schema::builtin(&kind)?.field("status")?.field(name)
}

/// Whether a change is one of what is allocated, or for whom.
fn binds(new: &Value, old: &Value) -> bool {
    ["allocation", "reservedFor"].iter().any(|name| {
        let (new, old) = (new["status"].get(name), old["status"].get(name));
        !means_same(new, old, field(name))
    })
}

/// The drivers of devices whose state is new, changed or gone.
fn changed_drivers<'a>(new: &'a Value, old: &'a Value) -> BTreeSet<&'a str> {
    let devices = |claim: &'a Value| {
        let devices = claim["status"]["devices"].as_array().into_iter().flatten();
        devices.map(|device| {
            let key = ["/driver", "/pool", "/device", "/shareID"].map(|name| text(device, name));
            (key, device)
        })
    };
    let schema = field("devices").and_then(SchemaRef::element);
    let mut before: BTreeMap<_, _> = devices(old).collect();
    let mut changed = BTreeSet::new();
    for (key, device) in devices(new) {
        if !means_same(Some(device), before.remove(&key), schema) {
            changed.insert(key[0]);
        }
    }
    changed.extend(before.into_keys().map(|key| key[0]));
    changed
}

/// The one node that a claim is allocated to; empty if there is more to say of that.
fn allocated_node(claim: &Value) -> &str {
    const TERMS: &str = "/status/allocation/nodeSelector/nodeSelectorTerms";
    let list = |value: Option<&'_ Value>| value.and_then(Value::as_array).map_or(0, Vec::len);
    let terms = claim.pointer(TERMS);
    let term = terms.and_then(|terms| terms.get(0)).filter(|_| list(terms) == 1);
    let Some(term) = term.filter(|term| list(term.get("matchExpressions")) == 0) else {
        return "";
    };
    let is_name = list(term.get("matchFields")) == 1
        && text(term, "/matchFields/0/key") == "metadata.name"
        && text(term, "/matchFields/0/operator") == "In"
        && list(term.pointer("/matchFields/0/values")) == 1;
    if is_name {
        text(term, "/matchFields/0/values/0")
    } else {
        ""
    }
}

/// The verbs that allow a change of a driver's devices: fewer rights are enough on the claim's own node.
fn driver_verbs(verb: &str, user: &User, node: &str) -> Vec<String> {
    let nodes = user.extra.get(NODE_NAME).map_or(&[][..], Vec::as_slice);
    let is_there =
        !node.is_empty() && user.name.starts_with(ACCOUNT) && matches!(nodes, [own] if own == node);
    let prefixes: &[&str] = if is_there {
        &["associated-node:", "arbitrary-node:"]
    } else {
        &["arbitrary-node:"]
    };
    prefixes.iter().map(|prefix| format!("{prefix}{verb}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn drivers_answer_for_their_own_devices() {
        let device = |driver: &str, name: &str, data: Value| json!({"driver": driver, "pool": "p", "device": name, "conditions": data});
        let claim = |devices: Vec<Value>| json!({"status": {"devices": devices}});
        let old = claim(vec![
            device("a", "1", json!(null)),
            device("b", "1", json!([1])),
            device("c", "1", json!([])),
        ]);
        for (new, drivers) in [
            (old.clone(), vec![]),
            (
                claim(vec![device("a", "1", json!([])), device("b", "1", json!([1]))]),
                vec!["c"],
            ),
            (claim(vec![]), vec!["a", "b", "c"]),
            (
                claim(vec![
                    device("a", "2", json!(null)),
                    device("a", "1", json!(null)),
                    device("b", "1", json!([2])),
                    device("c", "1", json!(null)),
                ]),
                vec!["a", "b"],
            ),
        ] {
            let found: Vec<&str> = changed_drivers(&new, &old).into_iter().collect();
            assert_eq!(found, drivers, "{new}");
        }
    }

    #[test]
    fn a_node_is_told_by_its_name_alone() {
        let by =
            |term: Value| json!({"status": {"allocation": {"nodeSelector": {"nodeSelectorTerms": [term]}}}});
        let name = json!({"key": "metadata.name", "operator": "In", "values": ["n"]});
        for (term, node) in [
            (json!({"matchFields": [name]}), "n"),
            (json!({"matchFields": [name, name]}), ""),
            (json!({"matchFields": [name], "matchExpressions": [{}]}), ""),
            (json!({"matchExpressions": [name]}), ""),
        ] {
            assert_eq!(allocated_node(&by(term.clone())), node, "{term}");
        }
    }

    #[test]
    fn whoever_is_on_the_node_needs_fewer_rights() {
        let mut user = User::new("system:serviceaccount:a:b", &[]);
        user.extra.insert(NODE_NAME.to_owned(), vec!["n".to_owned()]);
        let both = ["associated-node:update", "arbitrary-node:update"];
        for (node, verbs) in [("n", &both[..]), ("m", &both[1..]), ("", &both[1..])] {
            assert_eq!(driver_verbs("update", &user, node), verbs, "{node}");
        }
        user.name = "somebody".to_owned();
        assert_eq!(driver_verbs("update", &user, "n"), &both[1..]);
    }
}
