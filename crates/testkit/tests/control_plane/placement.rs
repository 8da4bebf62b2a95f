//! Placement over several nodes, which are objects only: what is tried is where pods are sent.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::{Kubectl, Server, ServerBuilder, eventually};

const SOON: Duration = Duration::from_secs(30);

/// Two zones: `a1` and `a2` with two cores each, `b1` with eight.
const NODES: [(&str, &str, u32); 3] = [("a1", "a", 2), ("a2", "a", 2), ("b1", "b", 8)];

fn cluster() -> Server {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    for (name, zone, cores) in NODES {
        let node = format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}, \
             topology.kubernetes.io/zone: {zone}}}}}"
        );
        kubectl.run_with(&["create", "-f", "-"], &node);
        let resources = format!(r#"{{"cpu":"{cores}","memory":"8Gi","pods":"110"}}"#);
        let status = format!(
            r#"{{"status":{{"capacity":{resources},"allocatable":{resources},"conditions":[{{"type":"Ready","status":"True","reason":"KubeletReady"}}]}}}}"#
        );
        kubectl.run(&[
            "patch",
            "node",
            name,
            "--subresource=status",
            "--type=merge",
            "-p",
            &status,
        ]);
    }
    eventually("nodes without taints", SOON, || {
        let taints = kubectl.run(&["get", "nodes", "-o", "jsonpath={.items[*].spec.taints}"]);
        taints.is_empty().then_some(())
    });
    eventually("the service account of pods", SOON, || {
        (kubectl.call(&["get", "serviceaccount", "default"]).code == 0).then_some(())
    });
    server
}

/// Makes pods of that specification, one after the other, and tells where each was sent.
fn place(kubectl: &Kubectl, name: &str, count: usize, labels: &str, spec: &str) -> Vec<String> {
    (0..count)
        .map(|number| {
            let pod = format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}-{number}, labels: {{{labels}}}}}\nspec:\n  \
                 containers: [{{name: main, image: localhost/web:1, resources: {{requests: {{cpu: 100m}}}}}}]\n{spec}"
            );
            kubectl.run_with(&["create", "-f", "-"], &pod);
            eventually("a node for the pod", SOON, || {
                let path = "jsonpath={.spec.nodeName}";
                let node = kubectl.run(&["get", "pod", &format!("{name}-{number}"), "-o", path]);
                (!node.is_empty()).then_some(node)
            })
        })
        .collect()
}

fn zone_of(node: &str) -> &'static str {
    let found = NODES.iter().find(|(name, ..)| *name == node);
    found.expect("pods are sent to nodes there are").1
}

#[test]
fn pods_go_where_they_fit_and_where_they_would_rather_be() {
    let server = cluster();
    let kubectl = server.kubectl();
    kubectl.run_with(
        &["create", "-f", "-"],
        "apiVersion: v1\nkind: Pod\nmetadata: {name: big}\nspec:\n  containers: [{name: main, image: x, resources: \
         {requests: {cpu: \"4\"}}}]",
    );
    eventually("the only node with room", SOON, || {
        (kubectl.run(&["get", "pod", "big", "-o", "jsonpath={.spec.nodeName}"]) == "b1").then_some(())
    });

    let in_zone = |zone: &str, kind: &str| match kind {
        "required" => format!(
            "  affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: \
             [{{matchExpressions: [{{key: topology.kubernetes.io/zone, operator: In, values: [{zone}]}}]}}]}}}}}}"
        ),
        _ => format!(
            "  affinity: {{nodeAffinity: {{preferredDuringSchedulingIgnoredDuringExecution: [{{weight: 100, preference: \
             {{matchExpressions: [{{key: topology.kubernetes.io/zone, operator: In, values: [{zone}]}}]}}}}]}}}}"
        ),
    };
    for zone in ["a", "b"] {
        for kind in ["required", "preferred"] {
            let nodes = place(
                &kubectl,
                &format!("{kind}-{zone}"),
                2,
                "app: affine",
                &in_zone(zone, kind),
            );
            assert!(
                nodes.iter().all(|node| zone_of(node) == zone),
                "{kind} {zone}: {nodes:?}"
            );
        }
    }
}

#[test]
fn pods_go_to_others_or_keep_away_from_them() {
    let server = cluster();
    let kubectl = server.kubectl();
    let leader = place(
        &kubectl,
        "leader",
        1,
        "app: leader",
        "  nodeSelector: {kubernetes.io/hostname: a2}",
    );
    assert_eq!(leader, ["a2"]);
    let with = |kind: &str, key: &str| {
        format!(
            "  affinity: {{{kind}: {{requiredDuringSchedulingIgnoredDuringExecution: [{{topologyKey: {key}, \
             labelSelector: {{matchLabels: {{app: leader}}}}}}]}}}}"
        )
    };
    let zone = "topology.kubernetes.io/zone";
    let near = place(
        &kubectl,
        "near",
        3,
        "app: near",
        &with("podAffinity", "kubernetes.io/hostname"),
    );
    assert_eq!(near, ["a2", "a2", "a2"]);
    let away = place(&kubectl, "away", 3, "app: away", &with("podAntiAffinity", zone));
    assert_eq!(away, ["b1", "b1", "b1"]);
    let apart = "  affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 100, \
                 podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: apart}}}}]}}";
    let mut nodes = place(&kubectl, "apart", 3, "app: apart", apart);
    nodes.sort();
    assert_eq!(nodes, ["a1", "a2", "b1"]);
}

#[test]
fn pods_are_spread_over_zones() {
    let server = cluster();
    let kubectl = server.kubectl();
    let spread = "  topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: \
                  DoNotSchedule, labelSelector: {matchLabels: {app: spread}}}]";
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for node in place(&kubectl, "spread", 6, "app: spread", spread) {
        *counts.entry(zone_of(&node)).or_default() += 1;
        let (a, b) = (counts.get("a").unwrap_or(&0), counts.get("b").unwrap_or(&0));
        assert!(a.abs_diff(*b) <= 1, "{counts:?}");
    }
}
