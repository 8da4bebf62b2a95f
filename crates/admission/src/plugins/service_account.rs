//! ServiceAccount: a pod runs under a service account, whose token is mounted where clients look for it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use meta::Status;
use registry::{AdmissionRequest, Object, Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::plugin::Plugin;
use crate::pod::{self, MIRROR_ANNOTATION, containers, lasting_containers_mut};
use crate::request::resources::{PODS, SERVICE_ACCOUNTS};
use crate::request::{Request, annotation, items, text};

const DEFAULT_ACCOUNT: &str = "default";
/// Where clients in a pod look for their token.
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// What the names of token volumes begin with.
const VOLUME_PREFIX: &str = "kube-api-access-";
/// How long a mounted token lives; the seven seconds tell apart those nobody asked for.
const TOKEN_SECONDS: u64 = 60 * 60 + 7;
/// The account may be limited to the secrets it lists.
const ENFORCE_SECRETS: &str = "kubernetes.io/enforce-mountable-secrets";

/// The plugin.
pub(crate) struct ServiceAccount {
    pub(crate) cluster: Arc<dyn Cluster>,
}

impl ServiceAccount {
    async fn account_of(&self, request: &AdmissionRequest<'_>) -> Result<Arc<Object>, Status> {
        let (namespace, name) = (
            request.namespace,
            text(request.proposed(), "/spec/serviceAccountName"),
        );
        if let Some(why) = pod::unreadable_name(name) {
            return Err(request.forbidden(format_args!(
                "error looking up service account {namespace}/{name}: {why}"
            )));
        }
        match self.cluster.get(&SERVICE_ACCOUNTS, namespace, name).await? {
            Some(account) => Ok(account),
            None => Err(request.forbidden(format_args!(
                "error looking up service account {namespace}/{name}: serviceaccount {name:?} not found"
            ))),
        }
    }
}

#[async_trait]
impl Plugin for ServiceAccount {
    fn name(&self) -> &'static str {
        "ServiceAccount"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        if !request.creates(&PODS) {
            return Ok(());
        }
        if is_mirror(request.proposed()) {
            return check_mirror(request);
        }
        if let Some(pod) = &mut request.object {
            name_account(pod);
        }
        let account = self.account_of(request).await?;
        let wishes: Wishes = account.read().unwrap_or_default();
        if let Some(pod) = &mut request.object {
            if mounts_token(pod, &wishes) {
                mount_token(pod);
            }
            if items(pod, "/spec/imagePullSecrets").is_empty() {
                take_pull_secrets(pod, &wishes);
            }
        }
        Ok(())
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let adds_containers =
            request.operation == Operation::Update && request.is_for(&PODS, "ephemeralcontainers");
        if !request.creates(&PODS) && !adds_containers {
            return Ok(());
        }
        if is_mirror(request.proposed()) {
            return check_mirror(request);
        }
        let account = self.account_of(request).await?;
        if is_limited(&account) {
            return check_secrets(request, &account.tree());
        }
        Ok(())
    }
}

/// What an account says of the pods that run under it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wishes {
    automount_service_account_token: Option<bool>,
    image_pull_secrets: Option<Vec<Value>>,
}

/// What tells whether an account is limited to the secrets it lists.
#[derive(Deserialize)]
struct Limits<'a> {
    #[serde(borrow)]
    metadata: Option<Annotated<'a>>,
}

#[derive(Deserialize)]
struct Annotated<'a> {
    #[serde(borrow)]
    annotations: Option<BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
}

fn is_limited(account: &Object) -> bool {
    let limits: Option<Limits<'_>> = account.read();
    let annotations = limits
        .and_then(|limits| limits.metadata)
        .and_then(|metadata| metadata.annotations);
    annotations.is_some_and(|all| all.get(ENFORCE_SECRETS).is_some_and(|value| value == "true"))
}

fn is_mirror(pod: &Value) -> bool {
    annotation(pod, MIRROR_ANNOTATION).is_some()
}

/// A static pod exists without the API server, and so may not depend on what only that has.
fn check_mirror(request: &AdmissionRequest<'_>) -> Result<(), Status> {
    let pod = request.proposed();
    if !text(pod, "/spec/serviceAccountName").is_empty() {
        return Err(request.forbidden("a mirror pod may not reference service accounts"));
    }
    let mut volumes = items(pod, "/spec/volumes").iter();
    if secrets_of(pod).next().is_some() {
        return Err(request.forbidden("a mirror pod may not reference secrets"));
    }
    let has_token = |volume: &Value| {
        let sources = items(volume, "/projected/sources");
        sources
            .iter()
            .any(|source| !source["serviceAccountToken"].is_null())
    };
    if volumes.any(has_token) {
        return Err(request.forbidden("a mirror pod may not use ServiceAccountToken volume projections"));
    }
    Ok(())
}

/// Both names of the field say the same; the older one counts if the newer is missing.
fn name_account(pod: &mut Value) {
    let names =
        ["serviceAccountName", "serviceAccount"].map(|field| text(&pod["spec"], &format!("/{field}")));
    let name = names
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or(DEFAULT_ACCOUNT)
        .to_owned();
    let spec = &mut pod["spec"];
    spec["serviceAccount"] = name.as_str().into();
    spec["serviceAccountName"] = name.into();
}

/// The pod decides, else the account, else yes.
fn mounts_token(pod: &Value, account: &Wishes) -> bool {
    let own = pod
        .pointer("/spec/automountServiceAccountToken")
        .and_then(Value::as_bool);
    own.or(account.automount_service_account_token).unwrap_or(true)
}

/// Mounts the token in every container that has nothing at its place.
fn mount_token(pod: &mut Value) {
    let volumes = items(pod, "/spec/volumes")
        .iter()
        .map(|volume| text(volume, "/name"));
    let present = volumes
        .into_iter()
        .find(|name| name.starts_with(VOLUME_PREFIX))
        .map(str::to_owned);
    let is_new = present.is_none();
    let volume = present.unwrap_or_else(|| format!("{VOLUME_PREFIX}{}", suffix()));
    let mut is_needed = false;
    for (_, container) in lasting_containers_mut(pod) {
        let mounts = items(container, "/volumeMounts");
        if mounts.iter().any(|mount| text(mount, "/mountPath") == TOKEN_PATH) {
            continue;
        }
        is_needed = true;
        let mount = json!({"name": volume, "mountPath": TOKEN_PATH, "readOnly": true});
        match container["volumeMounts"].as_array_mut() {
            Some(mounts) => mounts.push(mount),
            None => container["volumeMounts"] = json!([mount]),
        }
    }
    if is_new && is_needed {
        pod::append(pod, "volumes", token_volume(&volume));
    }
}

/// Token, root certificate and namespace, as clients in a pod expect them.
fn token_volume(name: &str) -> Value {
    json!({"name": name, "projected": {"defaultMode": 0o644, "sources": [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [
            {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
        ]}},
    ]}})
}

/// Five letters or digits that look like no word.
fn suffix() -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let random = Uuid::new_v4();
    let letters = random.as_bytes().iter().take(5);
    letters
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

fn take_pull_secrets(pod: &mut Value, account: &Wishes) {
    let secrets = account.image_pull_secrets.as_deref().unwrap_or_default();
    if !secrets.is_empty() {
        let names = secrets.iter().map(|secret| json!({"name": secret["name"]}));
        pod["spec"]["imagePullSecrets"] = names.collect();
    }
}

/// The secrets a pod refers to, each with the words that say where, in upstream's order; image pull secrets aside.
fn secrets_of(pod: &Value) -> impl Iterator<Item = (String, &str)> {
    let volumes = items(pod, "/spec/volumes").iter().filter_map(|volume| {
        let name = volume.pointer("/secret/secretName")?.as_str()?;
        Some((format!("volume with secret.secretName={name:?}"), name))
    });
    volumes.chain(containers(pod).flat_map(|(called, container)| secrets_of_container(called, container)))
}

fn secrets_of_container<'a>(
    called: &'a str,
    container: &'a Value,
) -> impl Iterator<Item = (String, &'a str)> {
    let own = text(container, "/name");
    let variables = items(container, "/env").iter().filter_map(move |variable| {
        let name = variable.pointer("/valueFrom/secretKeyRef/name")?.as_str()?;
        let variable = text(variable, "/name");
        let place = format!("{called} {own} with envVar {variable} referencing secret.secretName={name:?}");
        Some((place, name))
    });
    let sources = items(container, "/envFrom").iter().filter_map(move |source| {
        let name = source.pointer("/secretRef/name")?.as_str()?;
        Some((
            format!("{called} {own} with envFrom referencing secret.secretName={name:?}"),
            name,
        ))
    });
    variables.chain(sources)
}

/// An account that is limited to its secrets lets pods use no others.
fn check_secrets(request: &AdmissionRequest<'_>, account: &Value) -> Result<(), Status> {
    let pod = request.proposed();
    let account_name = text(account, "/metadata/name");
    let lists = |list: &str, name: &str| {
        items(account, list)
            .iter()
            .any(|secret| text(secret, "/name") == name)
    };
    let mut refused = secrets_of(pod).filter(|(_, name)| !lists("/secrets", name));
    if let Some((place, _)) = refused.next() {
        return Err(request.forbidden(format_args!(
            "{place} is not allowed because service account {account_name} does not reference that secret"
        )));
    }
    let pull_secrets = items(pod, "/spec/imagePullSecrets")
        .iter()
        .map(|secret| text(secret, "/name"));
    let mut refused = pull_secrets
        .enumerate()
        .filter(|(_, name)| !lists("/imagePullSecrets", name));
    if let Some((at, name)) = refused.next() {
        return Err(request.forbidden(format_args!(
            "imagePullSecrets[{at}].name={name:?} is not allowed because service account {account_name} does not reference \
             that imagePullSecret"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeCluster, Write};

    fn plugin() -> ServiceAccount {
        let account = |name: &str, more: Value| {
            let mut account = json!({"metadata": {"name": name, "namespace": "ns"}});
            account
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().cloned().unwrap());
            account
        };
        let strict = json!({
            "metadata": {"name": "strict", "namespace": "ns", "annotations": {ENFORCE_SECRETS: "true"}},
            "secrets": [{"name": "ok"}],
        });
        let cluster = FakeCluster::default()
            .with(&SERVICE_ACCOUNTS, account("default", json!({})))
            .with(
                &SERVICE_ACCOUNTS,
                account("puller", json!({"imagePullSecrets": [{"name": "a"}]})),
            )
            .with(
                &SERVICE_ACCOUNTS,
                account("nomount", json!({"automountServiceAccountToken": false})),
            )
            .with(&SERVICE_ACCOUNTS, account("strict", strict));
        ServiceAccount {
            cluster: cluster.shared(),
        }
    }

    async fn admit(spec: Value) -> Result<Value, String> {
        let mut pod =
            json!({"metadata": {"name": "p", "namespace": "ns"}, "spec": {"containers": [{"name": "c"}]}});
        pod["spec"]
            .as_object_mut()
            .unwrap()
            .extend(spec.as_object().cloned().unwrap());
        Write::create(&PODS, pod)
            .through(&plugin())
            .await
            .map(|pod| pod["spec"].clone())
    }

    #[tokio::test]
    async fn the_token_is_mounted_where_nothing_else_is() {
        let spec = admit(json!({"initContainers": [{"name": "i"}]})).await.unwrap();
        let volume = spec["volumes"][0]["name"].as_str().unwrap();
        assert!(
            volume.starts_with(VOLUME_PREFIX) && volume.len() == VOLUME_PREFIX.len() + 5,
            "{volume}"
        );
        let mount = json!([{"name": volume, "mountPath": TOKEN_PATH, "readOnly": true}]);
        assert_eq!(spec["containers"][0]["volumeMounts"], mount);
        assert_eq!(spec["initContainers"][0]["volumeMounts"], mount);
        assert_eq!(
            (&spec["serviceAccountName"], &spec["serviceAccount"]),
            (&json!("default"), &json!("default"))
        );

        let taken =
            json!({"containers": [{"name": "c", "volumeMounts": [{"name": "e", "mountPath": TOKEN_PATH}]}]});
        assert!(admit(taken).await.unwrap()["volumes"].is_null());
        let none = json!({"automountServiceAccountToken": false});
        assert!(admit(none).await.unwrap()["volumes"].is_null());
        assert!(admit(json!({"serviceAccountName": "nomount"})).await.unwrap()["volumes"].is_null());
        let own = json!({"serviceAccountName": "nomount", "automountServiceAccountToken": true});
        assert!(admit(own).await.unwrap()["volumes"].is_array());
    }

    #[tokio::test]
    async fn pull_secrets_come_from_the_account_unless_the_pod_has_its_own() {
        let spec = admit(json!({"serviceAccount": "puller"})).await.unwrap();
        assert_eq!(spec["imagePullSecrets"], json!([{"name": "a"}]));
        assert_eq!(spec["serviceAccountName"], "puller");
        let own = json!({"serviceAccountName": "puller", "imagePullSecrets": [{"name": "z"}]});
        assert_eq!(
            admit(own).await.unwrap()["imagePullSecrets"],
            json!([{"name": "z"}])
        );
    }

    #[tokio::test]
    async fn refusals_read_as_upstreams() {
        let strict = "is not allowed because service account strict does not reference that";
        let cases = [
            (
                json!({"serviceAccountName": "none"}),
                String::from("error looking up service account ns/none: serviceaccount \"none\" not found"),
            ),
            (
                json!({"serviceAccountName": "strict", "volumes": [{"name": "v", "secret": {"secretName": "bad"}}]}),
                format!("volume with secret.secretName=\"bad\" {strict} secret"),
            ),
            (
                json!({"serviceAccountName": "strict", "containers": [
                    {"name": "c", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "bad"}}}]},
                ]}),
                format!("container c with envVar A referencing secret.secretName=\"bad\" {strict} secret"),
            ),
            (
                json!({"serviceAccountName": "strict", "initContainers": [
                    {"name": "i", "envFrom": [{"secretRef": {"name": "bad"}}]},
                ]}),
                format!(
                    "init container i with envFrom referencing secret.secretName=\"bad\" {strict} secret"
                ),
            ),
            (
                json!({"serviceAccountName": "strict", "imagePullSecrets": [{"name": "bad"}]}),
                format!("imagePullSecrets[0].name=\"bad\" {strict} imagePullSecret"),
            ),
        ];
        for (spec, why) in cases {
            assert_eq!(admit(spec).await, Err(format!("pods \"p\" is forbidden: {why}")));
        }
        let listed = json!({"serviceAccountName": "strict", "volumes": [{"name": "v", "secret": {"secretName": "ok"}}]});
        assert!(admit(listed).await.is_ok());
    }

    #[tokio::test]
    async fn mirror_pods_stand_on_their_own() {
        let mirror = |spec: Value| {
            let metadata = json!({"name": "p", "namespace": "ns", "annotations": {MIRROR_ANNOTATION: "x"}});
            Write::create(&PODS, json!({"metadata": metadata, "spec": spec}))
        };
        let cases = [
            (
                json!({"serviceAccountName": "default"}),
                "a mirror pod may not reference service accounts",
            ),
            (
                json!({"volumes": [{"secret": {"secretName": "s"}}]}),
                "a mirror pod may not reference secrets",
            ),
            (
                json!({"volumes": [{"projected": {"sources": [{"serviceAccountToken": {}}]}}]}),
                "a mirror pod may not use ServiceAccountToken volume projections",
            ),
        ];
        for (spec, why) in cases {
            let refused = mirror(spec).through(&plugin()).await;
            assert_eq!(refused, Err(format!("pods \"p\" is forbidden: {why}")));
        }
        let plain = mirror(json!({"containers": []}))
            .through(&plugin())
            .await
            .unwrap();
        assert_eq!(plain["spec"], json!({"containers": []}));
    }
}
