//! Policies asked about requests, as their objects are written.

use std::sync::Arc;

use auth::always::{AlwaysAllow, AlwaysDeny};
use meta::{GroupVersionResource, Status};
use registry::Admission;
use serde_json::{Value, json};

use super::binding::{MutatingBinding, ValidatingBinding};
use super::definition::{MutatingDefinition, ValidatingDefinition};
use super::{MutatingPolicies, ValidatingPolicies};
use crate::chain::Chain;
use crate::hooks::Compiled;
use crate::request::resources::NAMESPACES;
use crate::testing::{FakeCluster, Notebook, Seen, Write};

const MAPS: GroupVersionResource = GroupVersionResource::new("", "v1", "configmaps");
const LIMITS: GroupVersionResource = GroupVersionResource::new("x.example.com", "v1", "limits");

fn map() -> Write {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "ns", "labels": {"t": "x"}}, "data": {"k": "w", "n": "4"},
    });
    Write::create(&MAPS, map)
}

fn constraints() -> Value {
    let rule = json!({
        "operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"],
    });
    json!({"resourceRules": [rule]})
}

/// A cluster with a policy and a binding of it, both named `p`.
fn cluster(
    definitions: &GroupVersionResource,
    bindings: &GroupVersionResource,
    spec: Value,
    binding: Value,
) -> FakeCluster {
    let mut spec = spec;
    spec["matchConstraints"] = constraints();
    let mut binding = binding;
    binding["policyName"] = "p".into();
    let namespace = json!({"metadata": {"name": "ns", "labels": {"team": "blue"}}});
    FakeCluster::default()
        .with(definitions, json!({"metadata": {"name": "p"}, "spec": spec}))
        .with(bindings, json!({"metadata": {"name": "p"}, "spec": binding}))
        .with(&NAMESPACES, namespace)
}

fn validating(spec: Value, binding: Value) -> FakeCluster {
    cluster(
        &ValidatingDefinition::RESOURCE,
        &ValidatingBinding::RESOURCE,
        spec,
        binding,
    )
}

async fn judged(cluster: FakeCluster, write: Write) -> Result<(), Status> {
    let plugin = ValidatingPolicies::new(cluster.shared(), Arc::new(AlwaysDeny));
    let chain = Chain::new(vec![Box::new(plugin)]);
    write.seen(async |request| chain.validate(request).await).await
}

async fn check(spec: Value, refusal: Option<&str>) {
    let shown = spec.to_string();
    let outcome = judged(validating(spec, json!({"validationActions": ["Deny"]})), map()).await;
    let message = outcome.err().map(|status| status.message);
    let refusal = refusal.map(|why| {
        format!("configmaps \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied request: {why}")
    });
    assert_eq!(message, refusal, "{shown}");
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused() {
    let validation = |validation: Value| json!({"validations": [validation]});
    check(validation(json!({"expression": "object.data.k == 'w'"})), None).await;
    check(
        validation(json!({"expression": "object.data.k == 'v'"})),
        Some("failed expression: object.data.k == 'v'"),
    )
    .await;
    check(
        validation(json!({"expression": "false", "message": "no"})),
        Some("no"),
    )
    .await;
    let told = "'k is ' + object.data.k + ' of ' + namespaceObject.metadata.labels['team']";
    check(
        validation(json!({"expression": "false", "messageExpression": told})),
        Some("k is w of blue"),
    )
    .await;
    let broken = json!({"expression": "false", "messageExpression": "object.data.absent + 'x'", "message": "fallback"});
    check(validation(broken), Some("fallback")).await;
    let asks = "authorizer.group('').resource('secrets').check('delete').allowed()";
    check(
        validation(json!({"expression": asks, "message": "may not"})),
        Some("may not"),
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_evaluated_follows_the_failure_policy() {
    let validations = json!([{"expression": "object.data.absent == 'v'"}]);
    let why = "expression 'object.data.absent == 'v'' resulted in error: no such key: absent";
    check(json!({"validations": validations}), Some(why)).await;
    check(
        json!({"validations": validations, "failurePolicy": "Ignore"}),
        None,
    )
    .await;
    let conditions = json!([{"name": "c", "expression": "object.data.absent == 'v'"}]);
    let spec = json!({"matchConditions": conditions, "validations": [{"expression": "true"}]});
    check(spec, Some(why)).await;
    let conditions = json!([{"name": "c", "expression": "object.metadata.name == 'b'"}]);
    let spec = json!({"matchConditions": conditions, "validations": [{"expression": "false"}]});
    check(spec, None).await;
    let spec = json!({
        "validations": [{"expression": "true"}], "auditAnnotations": [{"key": "k", "valueExpression": "object.absent"}],
    });
    let outcome = judged(validating(spec, json!({"validationActions": ["Warn"]})), map()).await;
    assert!(
        outcome.is_err(),
        "annotations that cannot be made are refused whatever the actions are"
    );
}

#[tokio::test]
async fn variables_are_worked_out_when_they_are_asked_for() {
    let variables = json!([
        {"name": "n", "expression": "int(object.data.n)"},
        {"name": "big", "expression": "variables.n > 3"},
        {"name": "broken", "expression": "int(object.data.k)"},
        {"name": "worse", "expression": "variables.broken + 1"},
    ]);
    let with = |validation: Value| json!({"variables": variables, "validations": [validation]});
    let told = json!({"expression": "!variables.big", "messageExpression": "'n is ' + string(variables.n)"});
    check(with(told), Some("n is 4")).await;
    let why = "expression 'variables.worse > 0' resulted in error: composited variable \"worse\" fails to evaluate: \
               composited variable \"broken\" fails to evaluate: type conversion error from 'string' to 'int'";
    check(with(json!({"expression": "variables.worse > 0"})), Some(why)).await;
}

#[tokio::test]
async fn reasons_have_their_codes() {
    for (reason, code) in [
        ("Forbidden", 403),
        ("RequestEntityTooLarge", 413),
        ("Invalid", 422),
    ] {
        let spec = json!({"validations": [{"expression": "false", "reason": reason}]});
        let outcome = judged(validating(spec, json!({"validationActions": ["Deny"]})), map()).await;
        let status = outcome.expect_err("a refusal");
        assert_eq!((status.code, &*status.reason.0), (code, reason));
        let causes = status.details.map(|details| details.causes.len());
        assert_eq!(causes, Some(1));
    }
}

#[tokio::test]
async fn a_binding_may_only_warn_or_not_hold_at_all() {
    let spec = || json!({"validations": [{"expression": "false", "message": "first thing"}]});
    let plugin = ValidatingPolicies::new(
        validating(spec(), json!({"validationActions": ["Warn", "Audit"]})).shared(),
        Arc::new(AlwaysAllow),
    );
    let chain = Chain::new(vec![Box::new(plugin)]);
    let warnings = map().seen(async |request| {
        chain.validate(request).await?;
        Ok(request.context.warnings.take())
    });
    let warning = "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p': first thing";
    assert_eq!(warnings.await.expect("it is admitted"), [warning]);
    let elsewhere = json!({
        "validationActions": ["Deny"], "matchResources": {"objectSelector": {"matchLabels": {"t": "y"}}},
    });
    assert_eq!(judged(validating(spec(), elsewhere), map()).await, Ok(()));
}

#[tokio::test]
async fn parameters_are_found_by_name_and_by_selector() {
    let spec = || {
        json!({
            "paramKind": {"apiVersion": "x.example.com/v1", "kind": "Limit"},
            "validations": [{
                "expression": "int(object.data.n) <= params.max", "messageExpression": "'at most ' + string(params.max)",
            }],
        })
    };
    let limit = |name: &str, max: i64| json!({"metadata": {"name": name, "namespace": "ns", "labels": {"param": "yes"}}, "max": max});
    let ask = async |reference: Value| {
        let binding = json!({"validationActions": ["Deny"], "paramRef": reference});
        let cluster = validating(spec(), binding)
            .with(&LIMITS, limit("high", 9))
            .with(&LIMITS, limit("low", 3));
        judged(cluster, map()).await.err().map(|status| status.message)
    };
    let refused = |why: &str| {
        Some(format!(
            "configmaps \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied request: {why}"
        ))
    };
    assert_eq!(
        ask(json!({"name": "high", "parameterNotFoundAction": "Deny"})).await,
        None
    );
    assert_eq!(
        ask(json!({"name": "low", "parameterNotFoundAction": "Deny"})).await,
        refused("at most 3")
    );
    let selector = json!({"selector": {"matchLabels": {"param": "yes"}}, "parameterNotFoundAction": "Deny"});
    assert_eq!(ask(selector).await, refused("at most 3"));
    assert_eq!(
        ask(json!({"name": "none", "parameterNotFoundAction": "Allow"})).await,
        None
    );
    let missing =
        "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction";
    assert_eq!(
        ask(json!({"name": "none", "parameterNotFoundAction": "Deny"})).await,
        refused(missing)
    );
    let unknown = validating(spec(), json!({"validationActions": ["Deny"]}));
    let why = "failed to configure policy: failed to find resource referenced by paramKind: 'x.example.com/v1, Kind=Limit'";
    let outcome = judged(unknown, map()).await.err().map(|status| status.message);
    let why = format!("configmaps \"a\" is forbidden: ValidatingAdmissionPolicy 'p' denied request: {why}");
    assert_eq!(outcome, Some(why));
}

async fn changed(spec: Value, write: Write) -> Result<Value, Status> {
    let cluster = cluster(
        &MutatingDefinition::RESOURCE,
        &MutatingBinding::RESOURCE,
        spec,
        json!({}),
    );
    let plugin = MutatingPolicies::new(cluster.shared(), Arc::new(AlwaysAllow));
    let chain = Chain::new(vec![Box::new(plugin)]);
    let changed = write.seen(async |request| {
        chain.mutate(request).await?;
        Ok(request.object.clone().unwrap_or_default())
    });
    changed.await
}

fn applying(expression: &str) -> Value {
    json!({"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}})
}

fn patching(expression: &str) -> Value {
    json!({"patchType": "JSONPatch", "jsonPatch": {"expression": expression}})
}

#[tokio::test]
async fn policies_change_objects() {
    let apply = "Object{metadata: Object.metadata{labels: {'color': 'red'}}}";
    let patch = "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: object.data.k}]";
    let spec = json!({"mutations": [applying(apply), patching(patch)]});
    let object = changed(spec, map()).await.expect("it is admitted");
    let labels = json!({"t": "x", "color": "red", "a/b": "w"});
    assert_eq!(object["metadata"]["labels"], labels);
    let untested =
        "[JSONPatch{op: 'test', path: '/data/k', value: 'v'}, JSONPatch{op: 'remove', path: '/data/k'}]";
    let spec = json!({"mutations": [patching(untested)]});
    let object = changed(spec, map()).await.expect("it is admitted");
    assert_eq!(
        object["data"]["k"], "w",
        "a patch whose test fails changes nothing"
    );
}

#[tokio::test]
async fn what_cannot_be_changed_follows_the_failure_policy() {
    let patch = "[JSONPatch{op: 'remove', path: '/data/absent'}]";
    let spec = json!({"mutations": [patching(patch)]});
    let refused = changed(spec, map()).await.expect_err("a refusal");
    assert_eq!(refused.code, 403);
    let message = "policy 'p' with binding 'p' denied request: JSON Patch: error in remove for path: '/data/absent': \
                   Unable to remove nonexistent key: absent: missing value";
    assert!(refused.message.ends_with(message), "{refused}");
    let spec = json!({"failurePolicy": "Ignore", "mutations": [patching(patch)]});
    assert!(changed(spec, map()).await.is_ok());
}

#[tokio::test]
async fn what_policies_find_is_noted_where_somebody_reads_it() {
    let spec = json!({
        "validations": [{"expression": "true"}, {"expression": "false", "message": "a \"thing\" > 1"}],
        "auditAnnotations": [
            {"key": "who", "valueExpression": "' ' + object.metadata.name + ' '"},
            {"key": "nobody", "valueExpression": "null"},
        ],
    });
    let plugin = ValidatingPolicies::new(
        validating(spec, json!({"validationActions": ["Audit"]})).shared(),
        Arc::new(AlwaysAllow),
    );
    let notes = Arc::new(Notebook::default());
    map()
        .noted(&notes)
        .through(&plugin)
        .await
        .expect("it is admitted");
    assert_eq!(
        notes.lines(),
        [
            "p/who: a",
            r#"validation.policy.admission.k8s.io/validation_failure: [{"message":"a \"thing\" \u003e 1","policy":"p","binding":"p","expressionIndex":1,"validationActions":["Audit"]}]"#,
        ]
    );
}

#[tokio::test]
async fn what_policies_find_is_told() {
    let absent = json!({"expression": "object.absent == 'x'"});
    for (spec, actions, expected) in [
        (
            json!({"validations": [{"expression": "true"}, {"expression": "false", "message": "no"}]}),
            json!(["Deny", "Audit"]),
            vec!["p/p Deny: no", "p/p Audit: no"],
        ),
        (
            json!({"validations": [{"expression": "false", "message": "no"}]}),
            json!(["Warn"]),
            vec!["p/p Warn: no"],
        ),
        (
            json!({"failurePolicy": "Ignore", "validations": [absent]}),
            json!(["Deny"]),
            vec!["p/p Allow: expression 'object.absent == 'x'' resulted in error: no such key: absent"],
        ),
        (
            json!({
                "matchConditions": [{"name": "c", "expression": "object.metadata.name == 'b'"}],
                "validations": [{"expression": "false"}],
            }),
            json!(["Deny"]),
            vec!["p 0 true"],
        ),
    ] {
        let seen = Arc::new(Seen::default());
        let cluster = validating(spec, json!({"validationActions": actions})).shared();
        let plugin = ValidatingPolicies::new(cluster, Arc::new(AlwaysDeny)).observed_by(seen.clone());
        let chain = Chain::new(vec![Box::new(plugin)]);
        let _ = map().seen(async |request| chain.validate(request).await).await;
        assert_eq!(seen.lines(), expected);
    }
}

#[tokio::test]
async fn what_policies_change_is_told() {
    let cluster = cluster(
        &MutatingDefinition::RESOURCE,
        &MutatingBinding::RESOURCE,
        json!({"mutations": [applying("Object{metadata: Object.metadata{labels: {'color': 'red'}}}")]}),
        json!({}),
    );
    let seen = Arc::new(Seen::default());
    let plugin = MutatingPolicies::new(cluster.shared(), Arc::new(AlwaysAllow)).observed_by(seen.clone());
    let chain = Chain::new(vec![Box::new(plugin)]);
    let changed = map().seen(async |request| chain.mutate(request).await).await;
    changed.expect("it is admitted");
    assert_eq!(seen.lines(), ["p/p Allow: nothing"]);
}
