//! DefaultTolerationSeconds: pods stay on a node that has gone for five minutes, unless they say otherwise.

use async_trait::async_trait;
use meta::Status;
use registry::{AdmissionRequest, Operation};
use serde_json::{Value, json};

use crate::plugin::Plugin;
use crate::pod;
use crate::request::resources::PODS;
use crate::request::{Request, items, text};

/// How long, if the pod does not say.
const SECONDS: u64 = 300;
const TAINTS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/// The plugin.
pub(crate) struct DefaultTolerationSeconds;

#[async_trait]
impl Plugin for DefaultTolerationSeconds {
    fn name(&self) -> &'static str {
        "DefaultTolerationSeconds"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let writes = matches!(request.operation, Operation::Create | Operation::Update);
        if !writes || !request.is_for(&PODS, "") {
            return Ok(());
        }
        let Some(pod) = &mut request.object else {
            return Ok(());
        };
        let missing: Vec<_> = TAINTS
            .into_iter()
            .filter(|taint| !tolerates(pod, taint))
            .collect();
        for taint in missing {
            let toleration = json!({
                "key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS,
            });
            pod::append(pod, "tolerations", toleration);
        }
        Ok(())
    }
}

/// Whether the pod says itself how long it tolerates a `NoExecute` taint.
fn tolerates(pod: &Value, taint: &str) -> bool {
    items(pod, "/spec/tolerations").iter().any(|toleration| {
        let is = |field: &str, wanted: &str| ["", wanted].contains(&text(toleration, field));
        is("/key", taint) && is("/effect", "NoExecute")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Write;

    #[tokio::test]
    async fn what_a_pod_tolerates_itself_is_left_alone() {
        let cases = [
            (json!([]), &TAINTS[..]),
            (json!([{"key": "a", "operator": "Exists"}]), &TAINTS[..]),
            (
                json!([{"key": TAINTS[0], "effect": "NoExecute", "tolerationSeconds": 7}]),
                &TAINTS[1..],
            ),
            (json!([{"key": TAINTS[0], "effect": "NoSchedule"}]), &TAINTS[..]),
            (json!([{"key": TAINTS[1], "operator": "Exists"}]), &TAINTS[..1]),
            (json!([{"operator": "Exists"}]), &[]),
        ];
        for (tolerations, added) in cases {
            let pod = json!({"metadata": {"name": "p"}, "spec": {"tolerations": tolerations}});
            let own = items(&pod, "/spec/tolerations").len();
            let pod = Write::create(&PODS, pod)
                .through(&DefaultTolerationSeconds)
                .await
                .unwrap();
            let keys: Vec<_> = items(&pod, "/spec/tolerations")[own..]
                .iter()
                .map(|t| text(t, "/key"))
                .collect();
            assert_eq!(keys, added, "{tolerations}");
        }
    }
}
