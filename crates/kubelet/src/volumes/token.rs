//! Tokens of service accounts, kept until they are due for renewal.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccountTokenProjection;
use parking_lot::Mutex;

use crate::objects::Objects;
use crate::pod::PodToRun;

/// What a token lives if nothing is said.
const DEFAULT_LIFE_SECONDS: i64 = 3600;
/// No token is used longer than this, however long it lives.
const MAX_USE: SignedDuration = SignedDuration::from_hours(24);

/// A token a pod wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenWanted {
    pod_uid: String,
    pod_name: String,
    namespace: String,
    account: String,
    audience: Option<String>,
    life_seconds: i64,
}

impl TokenWanted {
    pub fn new(pod: &PodToRun, source: &ServiceAccountTokenProjection) -> Self {
        let account = pod.spec().service_account_name.as_deref();
        Self {
            pod_uid: pod.uid().to_owned(),
            pod_name: pod.name().to_owned(),
            namespace: pod.namespace().to_owned(),
            account: account
                .filter(|name| !name.is_empty())
                .unwrap_or("default")
                .to_owned(),
            audience: source.audience.clone().filter(|audience| !audience.is_empty()),
            life_seconds: source.expiration_seconds.unwrap_or(DEFAULT_LIFE_SECONDS),
        }
    }

    /// Bound to the pod: it is worth nothing once the pod is gone.
    fn request(&self) -> TokenRequest {
        let spec = TokenRequestSpec {
            audiences: Some(self.audience.clone().into_iter().collect()),
            expiration_seconds: Some(self.life_seconds),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: Some(self.pod_name.clone()),
                uid: Some(self.pod_uid.clone()),
            }),
        };
        TokenRequest {
            spec: Some(spec),
            ..TokenRequest::default()
        }
    }
}

struct Issued {
    token: String,
    renew_at: Timestamp,
    expires_at: Timestamp,
}

/// The tokens of all pods here.
#[derive(Default)]
pub struct Tokens {
    issued: Mutex<HashMap<TokenWanted, Issued>>,
}

impl Tokens {
    /// The token: one that was issued, unless it is due for renewal. If it cannot be renewed, the old one does as long as
    /// it is good.
    pub async fn get(&self, objects: &dyn Objects, wanted: TokenWanted) -> Result<String, String> {
        let now = Timestamp::now();
        let known = self.known(&wanted);
        if let Some((token, _)) = known.as_ref().filter(|(_, issued)| issued.0 > now) {
            return Ok(token.clone());
        }
        let problem = match self.issue(objects, &wanted).await {
            Ok(token) => return Ok(token),
            Err(problem) => problem,
        };
        self.put_off(&wanted, now);
        match known {
            Some((token, (_, expires_at))) if expires_at > now => {
                tracing::warn!(pod = wanted.pod_name, problem, "token not renewed");
                Ok(token)
            }
            _ => Err(format!("failed to fetch token: {problem}")),
        }
    }

    fn known(&self, wanted: &TokenWanted) -> Option<(String, (Timestamp, Timestamp))> {
        let issued = self.issued.lock();
        let known = issued.get(wanted)?;
        Some((known.token.clone(), (known.renew_at, known.expires_at)))
    }

    async fn issue(&self, objects: &dyn Objects, wanted: &TokenWanted) -> Result<String, String> {
        let answer = objects
            .token(&wanted.namespace, &wanted.account, &wanted.request())
            .await;
        let answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status.unwrap_or_default();
        let (Some(token), Some(expires_at)) = (status.token, status.expiration_timestamp) else {
            return Err("the answer has no token".to_owned());
        };
        let issued = Issued {
            token: token.clone(),
            renew_at: renewal(Timestamp::now(), expires_at.0),
            expires_at: expires_at.0,
        };
        self.issued.lock().insert(wanted.clone(), issued);
        Ok(token)
    }

    /// Tries again after a while.
    fn put_off(&self, wanted: &TokenWanted, now: Timestamp) {
        if let Some(issued) = self.issued.lock().get_mut(wanted) {
            issued.renew_at = now + SignedDuration::from_secs(10);
        }
    }

    /// The pods with a token that is due for renewal, and when the next one will be.
    pub fn due(&self, now: Timestamp) -> (Vec<String>, Option<Timestamp>) {
        let issued = self.issued.lock();
        let pods = issued.iter().filter(|(_, issued)| issued.renew_at <= now);
        let mut pods: Vec<String> = pods.map(|(wanted, _)| wanted.pod_uid.clone()).collect();
        pods.sort();
        pods.dedup();
        let later = issued
            .values()
            .map(|issued| issued.renew_at)
            .filter(|at| *at > now);
        (pods, later.min())
    }

    /// Forgets the tokens of a pod.
    pub fn forget(&self, pod_uid: &str) {
        self.issued.lock().retain(|wanted, _| wanted.pod_uid != pod_uid);
    }
}

/// When four fifths of a life are over, but within a day.
fn renewal(now: Timestamp, expires_at: Timestamp) -> Timestamp {
    let life = expires_at.duration_since(now);
    now + (life * 4 / 5).min(MAX_USE)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::objects::fake::FakeObjects;

    fn wanted(life_seconds: i64) -> TokenWanted {
        let pod = json!({ "metadata": { "name": "p", "namespace": "ns", "uid": "u" },
            "spec": { "serviceAccountName": "sa", "containers": [] } });
        let pod = PodToRun::new(Arc::new(serde_json::from_value(pod).unwrap()));
        let source = json!({ "path": "token", "audience": "api", "expirationSeconds": life_seconds });
        TokenWanted::new(&pod, &serde_json::from_value(source).unwrap())
    }

    #[test]
    fn renewal_is_in_time() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        assert_eq!(renewal(at(0), at(1000)), at(800));
        assert_eq!(renewal(at(0), at(10_000_000)), at(86_400));
    }

    #[tokio::test]
    async fn a_token_is_kept_until_it_is_due() {
        let (objects, tokens) = (FakeObjects::default(), Tokens::default());
        let first = tokens.get(&objects, wanted(3600)).await.unwrap();
        assert_eq!(first, "ns/sa/api/1");
        assert_eq!(tokens.get(&objects, wanted(3600)).await.unwrap(), first);
        let now = Timestamp::now();
        let (pods, next) = tokens.due(now);
        assert!(pods.is_empty() && next.is_some_and(|at| at > now));
        let (pods, next) = tokens.due(now + SignedDuration::from_secs(2900));
        assert_eq!((pods, next), (vec!["u".to_owned()], None));
        tokens.forget("u");
        assert_eq!(tokens.due(now), (Vec::new(), None));
        assert_eq!(tokens.get(&objects, wanted(0)).await.unwrap(), "ns/sa/api/2");
        // One that lives no time at all is due at once.
        assert_eq!(tokens.get(&objects, wanted(0)).await.unwrap(), "ns/sa/api/3");
    }
}
