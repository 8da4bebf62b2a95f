//! `serviceaccounts/token`: issues tokens bound to a service account, and to a pod, secret or node if asked (KEP-1205).

use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use meta::field::{FieldError, Path};
use meta::{GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource, Status};
use pki::{Binding, Reference, ServiceAccountClaims, TokenKey, jwt};
use registry::{Action, ActionRequest, GetOptions, Object, Registry};
use serde_json::{Value, json};

use crate::json::{seconds, text, texts};

const KIND: GroupVersionKind = GroupVersionKind::new("authentication.k8s.io", "v1", "TokenRequest");
const ACCOUNTS: GroupVersionResource = GroupVersionResource::new("", "v1", "serviceaccounts");
/// The shortest life of a token, seconds.
const SHORTEST: i64 = 600;
/// The longest, seconds.
const LONGEST: i64 = 1 << 32;
/// What a token lives if nothing is said, seconds.
const DEFAULT: i64 = 3600;
/// Tokens that pods ask for with exactly this life, seconds, get a year instead, with the time they asked for as the one to
/// warn after: clients that do not read their token anew go on working.
const ASKED_BY_PODS: i64 = 3607;
const A_YEAR: i64 = 365 * 24 * 3600;

/// Under this it is noted which token was issued.
const ISSUED: &str = "authentication.kubernetes.io/issued-credential-id";

/// Issues tokens of service accounts.
pub struct IssueToken {
    /// Signs them.
    pub key: TokenKey,
    /// Whose they are.
    pub issuer: String,
    /// For whom they are if nothing is said.
    pub audiences: Vec<String>,
}

#[async_trait]
impl Action for IssueToken {
    fn default(&self, body: &mut Value) {
        fill_in(body);
    }

    async fn run(&self, request: ActionRequest<'_>, registry: &Registry) -> Result<Value, Status> {
        let account = find(registry, "serviceaccounts", request.namespace, request.name).await?;
        let mut answer = request.body.clone();
        let spec = answer["spec"].clone();
        let audiences = match texts(&spec, "/audiences") {
            none if none.is_empty() => self.audiences.clone(),
            audiences => audiences,
        };
        let asked = spec["expirationSeconds"].as_i64().unwrap_or(DEFAULT);
        check_life(asked)?;
        check_account(&request.body, &account)?;
        let mut bound_to = bound(registry, &request, &spec).await?;
        bound_to.namespace = request.namespace.to_owned();
        bound_to.serviceaccount = Reference::new(account.name(), account.uid());
        let now = request.context.now;
        let is_for_this_server = audiences.iter().all(|audience| self.audiences.contains(audience));
        let is_extended = asked == ASKED_BY_PODS && bound_to.pod.is_some() && is_for_this_server;
        let life = if is_extended { A_YEAR } else { asked };
        bound_to.warn_after = is_extended.then(|| now.as_second() + asked);
        let claims = ServiceAccountClaims::new(
            &self.issuer,
            audiences.clone(),
            bound_to,
            now,
            SignedDuration::from_secs(life),
        );
        let credential = || format!("JTI={}", claims.id);
        request.context.audit.note(ISSUED, credential);
        let key = self.key.get().map_err(Status::internal)?;
        let token = jwt::sign(&claims, key).map_err(Status::internal)?;
        answer["metadata"]["name"] = request.name.into();
        answer["metadata"]["uid"] = account.uid().into();
        answer["metadata"]["namespace"] = request.namespace.into();
        answer["metadata"]["creationTimestamp"] = seconds(now).into();
        answer["spec"]["audiences"] = json!(audiences);
        answer["spec"]["expirationSeconds"] = asked.into();
        answer["spec"]["boundObjectRef"] = spec["boundObjectRef"].clone();
        let expires = now + SignedDuration::from_secs(asked);
        answer["status"] = json!({ "token": token, "expirationTimestamp": seconds(expires) });
        Ok(answer)
    }
}

fn fill_in(body: &mut Value) {
    let Some(body) = body.as_object_mut() else { return };
    let spec = body.entry("spec").or_insert_with(|| json!({}));
    if let Some(spec) = spec.as_object_mut() {
        // What was not given is read as null.
        let life = spec.entry("expirationSeconds").or_insert(Value::Null);
        if life.is_null() {
            *life = DEFAULT.into();
        }
    }
}

fn check_life(seconds: i64) -> Result<(), Status> {
    let why = if seconds < SHORTEST {
        "may not specify a duration less than 10 minutes"
    } else if seconds > LONGEST {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    let error = FieldError::invalid(&Path::new("spec.expirationSeconds"), seconds, why);
    Err(Status::invalid(&KIND, "", &[error]))
}

/// A request that says whose token it wants must mean the account it is sent to.
fn check_account(body: &Value, account: &Object) -> Result<(), Status> {
    let name = meta::object::name(body);
    if !name.is_empty() && name != account.name() {
        let path = Path::new("metadata.name");
        let why = "must match the service account name if specified";
        let error = FieldError::invalid(&path, name, why);
        return Err(Status::invalid(&KIND, account.name(), &[error]));
    }
    let uid = meta::object::uid(body);
    if !uid.is_empty() && uid != account.uid() {
        let why = format!(
            "the UID in the token request ({uid}) does not match the UID of the service account ({})",
            account.uid()
        );
        return Err(Status::conflict(&ACCOUNTS.group_resource(), account.name(), &why));
    }
    Ok(())
}

async fn find(
    registry: &Registry,
    resource: &'static str,
    namespace: &str,
    name: &str,
) -> Result<Arc<Object>, Status> {
    let resource = GroupVersionResource::new("", "v1", resource);
    let resource = registry
        .resource(&resource)
        .ok_or_else(|| Status::internal("a resource is not served"))?;
    resource.get(namespace, name, &GetOptions::default()).await
}

/// What the token is to be bound to besides the account.
async fn bound(registry: &Registry, request: &ActionRequest<'_>, spec: &Value) -> Result<Binding, Status> {
    let mut binding = Binding::default();
    let reference = &spec["boundObjectRef"];
    if reference.is_null() {
        return Ok(binding);
    }
    let name = text(reference, "/name");
    let version = GroupVersion::parse(text(reference, "/apiVersion"));
    let kind = version
        .unwrap_or(GroupVersion::new("", ""))
        .kind(text(reference, "/kind").to_owned());
    // Any version will do.
    let resource = match (&*kind.group, &*kind.kind) {
        ("", "Pod") => "pods",
        ("", "Secret") => "secrets",
        ("", "Node") => "nodes",
        _ => {
            let message = format!("cannot bind token to object of type {kind}");
            return Err(Status::bad_request(message));
        }
    };
    if name.is_empty() {
        return Err(Status::bad_request("Name parameter required."));
    }
    let namespace = if resource == "nodes" {
        ""
    } else {
        request.namespace
    };
    let object = find(registry, resource, namespace, name).await?;
    let wanted = text(reference, "/uid");
    if !wanted.is_empty() && wanted != object.uid() {
        // Upstream names the kind here, not the resource.
        let named = GroupResource {
            group: kind.group.clone(),
            resource: kind.kind.clone(),
        };
        let why = format!(
            "the UID in the bound object reference ({wanted}) does not match the UID in record. \
             The object might have been deleted and then recreated"
        );
        return Err(Status::conflict(&named, name, &why));
    }
    let found = Reference::new(object.name(), object.uid());
    match resource {
        "secrets" => binding.secret = Some(found),
        "nodes" => binding.node = Some(found),
        _ => {
            let tree = object.tree();
            check_pod(&tree, request.name)?;
            binding.node = node_of(registry, &tree).await;
            binding.pod = Some(found);
        }
    }
    Ok(binding)
}

fn check_pod(pod: &Value, account: &str) -> Result<(), Status> {
    let of_pod = text(pod, "/spec/serviceAccountName");
    if of_pod == account {
        return Ok(());
    }
    let message = format!(
        "cannot bind token for serviceaccount {} to pod running with different serviceaccount name.",
        meta::quote(account)
    );
    Err(Status::bad_request(message))
}

/// The node a pod is on; without UID if the node is not registered.
async fn node_of(registry: &Registry, pod: &Value) -> Option<Reference> {
    let name = text(pod, "/spec/nodeName");
    if name.is_empty() {
        return None;
    }
    let node = find(registry, "nodes", "", name).await;
    Some(Reference::new(
        name,
        node.map(|node| node.uid().to_owned()).unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_an_hour_if_nothing_is_said() {
        let issue = |mut body: Value| {
            fill_in(&mut body);
            body["spec"]["expirationSeconds"].clone()
        };
        assert_eq!(issue(json!({})), DEFAULT);
        assert_eq!(issue(json!({"spec": {"expirationSeconds": null}})), DEFAULT);
        assert_eq!(issue(json!({"spec": {"expirationSeconds": 900}})), 900);
    }

    #[test]
    fn lives_have_limits() {
        assert!(check_life(600).is_ok());
        assert!(
            check_life(599)
                .unwrap_err()
                .message
                .contains("less than 10 minutes")
        );
        assert!(
            check_life(LONGEST + 1)
                .unwrap_err()
                .message
                .contains("larger than 2^32 seconds")
        );
    }

    #[test]
    fn a_pod_gets_tokens_of_its_own_account_only() {
        let pod = json!({ "spec": { "serviceAccountName": "a" } });
        assert!(check_pod(&pod, "a").is_ok());
        assert!(check_pod(&pod, "b").is_err());
    }
}
