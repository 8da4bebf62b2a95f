//! Default priority levels and flow schemas (KEP-1040).

use meta::GroupVersionResource;
use serde_json::{Value, json};

use super::Wanted;
use crate::reconcile::Policy;

const GROUP_VERSION: &str = "flowcontrol.apiserver.k8s.io/v1";
const LEVELS: GroupVersionResource = GroupVersionResource::new(
    "flowcontrol.apiserver.k8s.io",
    "v1",
    "prioritylevelconfigurations",
);
const SCHEMAS: GroupVersionResource =
    GroupVersionResource::new("flowcontrol.apiserver.k8s.io", "v1", "flowschemas");

/// Name, shares of the server's concurrency, percent that others may borrow, queues, hand size.
const QUEUED: &[(&str, u32, u32, u32, u32)] = &[
    ("global-default", 20, 50, 128, 6),
    ("leader-election", 10, 0, 16, 4),
    ("node-high", 40, 25, 64, 6),
    ("system", 30, 33, 64, 6),
    ("workload-high", 40, 50, 128, 6),
    ("workload-low", 100, 90, 128, 6),
];
const QUEUE_LENGTH_LIMIT: u32 = 50;

/// All levels, then all schemas.
pub(super) fn all() -> Vec<Wanted> {
    let mut all = levels();
    all.extend(schemas());
    all
}

fn object(resource: GroupVersionResource, kind: &str, name: &str, spec: Value) -> Wanted {
    let object = json!({
        "apiVersion": GROUP_VERSION,
        "kind": kind,
        "metadata": {"name": name, "annotations": {"apf.kubernetes.io/autoupdate-spec": "true"}},
        "spec": spec,
    });
    Wanted::new(resource, Policy::Spec, object)
}

fn levels() -> Vec<Wanted> {
    let level = |name, spec| object(LEVELS, "PriorityLevelConfiguration", name, spec);
    let mut levels = vec![
        level(
            "exempt",
            json!({"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}}),
        ),
        level(
            "catch-all",
            json!({
                "type": "Limited",
                "limited": {
                    "nominalConcurrencyShares": 5,
                    "lendablePercent": 0,
                    "limitResponse": {"type": "Reject"},
                },
            }),
        ),
    ];
    levels.extend(QUEUED.iter().map(|&(name, shares, lendable, queues, hand)| {
        let queuing = json!({"queues": queues, "handSize": hand, "queueLengthLimit": QUEUE_LENGTH_LIMIT});
        level(
            name,
            json!({
                "type": "Limited",
                "limited": {
                    "nominalConcurrencyShares": shares,
                    "lendablePercent": lendable,
                    "limitResponse": {"type": "Queue", "queuing": queuing},
                },
            }),
        )
    }));
    levels
}

fn schemas() -> Vec<Wanted> {
    let user = |name: &str| json!({"kind": "User", "user": {"name": name}});
    let group = |name: &str| json!({"kind": "Group", "group": {"name": name}});
    let system_accounts =
        json!({"kind": "ServiceAccount", "serviceAccount": {"namespace": "kube-system", "name": "*"}});
    let everyone = [group("system:unauthenticated"), group("system:authenticated")];
    let everything = json!({
        "resourceRules": [{
            "verbs": ["*"],
            "apiGroups": ["*"],
            "resources": ["*"],
            "clusterScope": true,
            "namespaces": ["*"],
        }],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    });
    let leases = |verbs: &[&str]| {
        json!({
            "verbs": verbs,
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "namespaces": ["*"],
        })
    };
    let probes = json!({
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz", "/readyz", "/livez"]}],
    });
    let elections = json!({"resourceRules": [leases(&["get", "create", "update"])]});
    let heartbeats = json!({
        "resourceRules": [
            {
                "verbs": ["*"],
                "apiGroups": [""],
                "resources": ["nodes", "nodes/status"],
                "clusterScope": true,
                "namespaces": ["*"],
            },
            leases(&["*"]),
        ],
    });
    // Name, precedence, level, by what flows are told apart, subjects, rules.
    [
        ("exempt", 1, "exempt", None, vec![group("system:masters")], everything.clone()),
        ("probes", 2, "exempt", None, everyone.to_vec(), probes),
        (
            "system-leader-election",
            100,
            "leader-election",
            Some("ByUser"),
            vec![
                user("system:kube-controller-manager"),
                user("system:kube-scheduler"),
                system_accounts.clone(),
            ],
            elections,
        ),
        (
            "system-node-high",
            400,
            "node-high",
            Some("ByUser"),
            vec![group("system:nodes")],
            heartbeats,
        ),
        (
            "system-nodes",
            500,
            "system",
            Some("ByUser"),
            vec![group("system:nodes")],
            everything.clone(),
        ),
        (
            "kube-controller-manager",
            800,
            "workload-high",
            Some("ByNamespace"),
            vec![user("system:kube-controller-manager")],
            everything.clone(),
        ),
        (
            "kube-scheduler",
            800,
            "workload-high",
            Some("ByNamespace"),
            vec![user("system:kube-scheduler")],
            everything.clone(),
        ),
        (
            "kube-system-service-accounts",
            900,
            "workload-high",
            Some("ByNamespace"),
            vec![system_accounts],
            everything.clone(),
        ),
        (
            "service-accounts",
            9000,
            "workload-low",
            Some("ByUser"),
            vec![group("system:serviceaccounts")],
            everything.clone(),
        ),
        (
            "global-default",
            9900,
            "global-default",
            Some("ByUser"),
            everyone.to_vec(),
            everything.clone(),
        ),
        (
            "catch-all",
            10000,
            "catch-all",
            Some("ByUser"),
            everyone.to_vec(),
            everything,
        ),
    ]
    .into_iter()
    .map(|(name, precedence, level, distinguisher, subjects, mut rules)| {
        rules["subjects"] = subjects.into();
        let mut spec = json!({
            "matchingPrecedence": precedence,
            "priorityLevelConfiguration": {"name": level},
            "rules": [rules],
        });
        if let Some(method) = distinguisher {
            spec["distinguisherMethod"] = json!({"type": method});
        }
        object(SCHEMAS, "FlowSchema", name, spec).with_status(json!({
            "conditions": [{
                "type": "Dangling",
                "status": "False",
                "reason": "Found",
                "message": format!(
                    "This FlowSchema references the PriorityLevelConfiguration object named {level:?} and it exists"
                ),
            }],
        }))
    })
    .collect()
}
