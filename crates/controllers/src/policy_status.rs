//! Policies of admission learn whether their expressions fit the kinds they are about.

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy;
use client::{Client, Informer, Patch, PatchOptions, Scope, WorkQueue, run_workers};
use kinds::expressions::{CustomKind, custom_versions, type_check};
use meta::GroupVersion;
use serde_json::{Value, json};

use crate::context::{Context, ControllerError, doing};

/// The controller's name; also its service account and the manager of the status it writes.
pub const NAME: &str = "validatingadmissionpolicy-status-controller";
const WORKERS: usize = 2;

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let client = context.client(NAME);
    let policies = context.informers().of::<ValidatingAdmissionPolicy>();
    let queue: WorkQueue<String> = WorkQueue::new();
    let to = queue.clone();
    policies.on_change(move |change| {
        if let Some(name) = change
            .new
            .as_ref()
            .and_then(|policy| policy.metadata.name.clone())
        {
            to.add(name);
        }
    });
    policies.synced().await;
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |name| {
        let (client, policies) = (client.clone(), policies.clone());
        async move { reconcile(&client, &policies, &name).await }
    })
    .await;
}

async fn reconcile(
    client: &Client,
    policies: &Informer<ValidatingAdmissionPolicy>,
    name: &str,
) -> Result<Outcome, ControllerError> {
    let Some(policy) = policies.store().get("", name).filter(|policy| is_due(policy)) else {
        return Ok(Outcome::Done);
    };
    let spec = serde_json::to_value(&policy.spec).unwrap_or_default();
    let mut custom = Vec::new();
    for version in custom_versions(&spec) {
        custom.extend(custom_kinds(client, &version).await?);
    }
    let status = plan(&policy, &spec, &custom);
    let applied = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": name },
        "status": status,
    });
    let options = PatchOptions {
        subresource: "status".into(),
        field_manager: NAME.to_owned(),
        force: true,
    };
    let result = client
        .patch::<ValidatingAdmissionPolicy>(Scope::Cluster, name, Patch::Apply(&applied), &options)
        .await;
    optional(result).map_err(doing("write what is known of a policy's types"))?;
    Ok(Outcome::Done)
}

/// What the server publishes of a group version; nothing if it does not serve it.
async fn custom_kinds(client: &Client, version: &GroupVersion) -> Result<Vec<CustomKind>, ControllerError> {
    let read = async |path: String| {
        let read = optional(client.get_as::<Value>(&path, "application/json").await);
        read.map_err(doing("read what is published of kinds"))
    };
    let Some(resources) = read(format!("/apis/{version}")).await? else {
        return Ok(Vec::new());
    };
    let openapi = read(format!("/openapi/v3/apis/{version}")).await?;
    Ok(CustomKind::all(version, &resources, &openapi.unwrap_or_default()))
}

fn generation(policy: &ValidatingAdmissionPolicy) -> i64 {
    policy.metadata.generation.unwrap_or_default()
}

/// Whether a policy has no status of its present generation.
fn is_due(policy: &ValidatingAdmissionPolicy) -> bool {
    let status = policy.status.as_ref();
    let observed = status.and_then(|status| status.observed_generation);
    observed.unwrap_or_default() < generation(policy)
}

/// The status that a policy should have.
fn plan(policy: &ValidatingAdmissionPolicy, spec: &Value, custom: &[CustomKind]) -> Value {
    let warnings: Vec<Value> = type_check(spec, custom)
        .into_iter()
        .map(|warning| json!({ "fieldRef": warning.field, "warning": warning.text }))
        .collect();
    let checking = match warnings.as_slice() {
        [] => json!({}),
        warnings => json!({ "expressionWarnings": warnings }),
    };
    json!({ "observedGeneration": generation(policy), "typeChecking": checking })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, observed: i64, expected: Option<Value>) {
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": "p", "generation": 2},
            "spec": {
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"],
                }]},
                "validations": [{"expression": expression}],
            },
            "status": {"observedGeneration": observed},
        });
        let spec = policy["spec"].clone();
        let policy = serde_json::from_value(policy).expect("a policy");
        let planned = is_due(&policy).then(|| plan(&policy, &spec, &[]));
        assert_eq!(planned, expected, "{expression}");
    }

    #[test]
    fn a_policy_of_a_new_generation_is_checked() {
        let good = json!({"observedGeneration": 2, "typeChecking": {}});
        check("object.spec.replicas > 1", 1, Some(good));
        check("object.replicas > 1", 2, None);
        let why = "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^\n";
        let warning = json!({"fieldRef": "spec.validations[0].expression", "warning": why});
        let bad = json!({"observedGeneration": 2, "typeChecking": {"expressionWarnings": [warning]}});
        check("object.replicas > 1", 1, Some(bad));
    }
}
