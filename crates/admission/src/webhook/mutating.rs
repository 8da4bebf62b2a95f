//! MutatingAdmissionWebhook: webhooks change what a request brings, one after the other.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use auth::Authorizer;
use meta::{Status, quote};
use patch::managed::restore_owners;
use patch::{Patch, PatchType};
use registry::AdmissionRequest;
use serde_json::Value;

use super::call::ask;
use super::configuration::{Mutating, Webhook};
use super::failure::Failure;
use super::turn::{FAILED_OPEN, Turn};
use crate::cluster::Cluster;
use crate::hooks::{Matched, Memo, is_exempt};
use crate::observer::{Observer, Step, Watch};
use crate::plugin::Plugin;
use crate::rounds::Rounds;

/// What upstream says of a webhook that leaves `managedFields` behind which make no sense.
const BROKEN_OWNERS: &str = ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated \
                             mutating admission controller; please fix your requests";

const NAME: &str = "MutatingAdmissionWebhook";

/// The plugin.
pub(crate) struct MutatingWebhooks {
    cluster: Arc<dyn Cluster>,
    authorizer: Arc<dyn Authorizer>,
    configurations: Memo<Mutating>,
    observer: Arc<dyn Observer>,
}

impl MutatingWebhooks {
    pub(crate) fn new(cluster: Arc<dyn Cluster>, authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            cluster,
            authorizer,
            configurations: Memo::default(),
            observer: Arc::new(()),
        }
    }

    /// Tells `observer` what webhooks do.
    pub(crate) fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer, ..self }
    }

    /// Asks one webhook, if it is about the request. Whether it has changed the object.
    async fn ask(
        &self,
        webhook: &Webhook,
        request: &mut AdmissionRequest<'_>,
        matched: &Matched,
        turn: Turn,
    ) -> Result<bool, Failure> {
        let patch = ask(webhook, request, matched, true, &self.cluster).await?;
        let Some(patch) = patch else {
            return Ok(false);
        };
        let changed = self
            .patched(webhook, request, matched, &patch)
            .map_err(Failure::Server)?;
        turn.note_patch(webhook, request, &patch);
        let Some(mut changed) = changed else {
            return Ok(false);
        };
        if let Some(problem) = restore_owners(&mut changed, request.object.as_ref()) {
            request
                .context
                .warnings
                .add(format!("{BROKEN_OWNERS}: {problem}"));
        }
        request.object = Some(changed);
        Ok(true)
    }

    /// What a patch makes of the object; none if nothing.
    fn patched(
        &self,
        webhook: &Webhook,
        request: &AdmissionRequest<'_>,
        matched: &Matched,
        patch: &[u8],
    ) -> Result<Option<Value>, Status> {
        let patch = Patch::parse(PatchType::Json, patch).map_err(Status::internal)?;
        let Some(object) = &request.object else {
            return Err(Status::internal(format_args!(
                "admission webhook {} attempted to modify the object, which is not supported for this operation",
                quote(&webhook.name)
            )));
        };
        let converts = matched.resource != *request.resource && matched.kind != *request.kind;
        let seen = if converts {
            let api_version = matched.kind.api_version();
            &self.cluster.in_version(request.resource, object, &api_version)?
        } else {
            object
        };
        let patched = patch.apply(seen, None).map_err(Status::internal)?;
        let patched = self
            .cluster
            .read(&matched.resource, request.subresource, patched)?;
        if patched == *seen {
            return Ok(None);
        }
        if converts {
            let api_version = request.kind.api_version();
            return self
                .cluster
                .in_version(request.resource, &patched, &api_version)
                .map(Some);
        }
        Ok(Some(patched))
    }
}

#[async_trait]
impl Plugin for MutatingWebhooks {
    fn name(&self) -> &'static str {
        NAME
    }

    fn handles(&self, _operation: registry::Operation) -> bool {
        true
    }

    async fn mutate_in(&self, request: &mut AdmissionRequest<'_>, rounds: &mut Rounds) -> Result<(), Status> {
        let configurations = self.configurations.current(&self.cluster).await?;
        if configurations.is_empty() || is_exempt(request) {
            return Ok(());
        }
        rounds.enter(NAME, request.object.as_ref());
        let watch = Watch {
            observer: &*self.observer,
            step: Step::Mutate,
            operation: request.operation,
        };
        let webhooks = configurations
            .iter()
            .flat_map(|(_, configuration)| &configuration.0.0);
        for (place, webhook) in webhooks.enumerate() {
            if !rounds.is_due(NAME, &webhook.id) {
                continue;
            }
            let Some(matched) = webhook
                .matches(request, &*self.cluster, &*self.authorizer, watch)
                .await?
            else {
                continue;
            };
            let turn = Turn::new(rounds.is_second(), place);
            let begun = Instant::now();
            let asked = self.ask(webhook, request, &matched, turn).await;
            webhook.tell(&asked, begun, watch);
            let changed = matches!(asked, Ok(true));
            turn.note(webhook, request, changed);
            rounds.asked(NAME, &webhook.id, changed, webhook.wants_to_see_more);
            webhook.judge(asked.map(drop), request, || turn.key(FAILED_OPEN))?;
        }
        rounds.leave(NAME, request.object.as_ref());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use auth::always::AlwaysAllow;
    use meta::GroupVersionResource;
    use registry::Admission;
    use serde_json::json;

    use super::*;
    use crate::chain::Chain;
    use crate::hooks::Compiled;
    use crate::testing::{Notebook, Write};
    use crate::webhook::testing::{FakeWebhook, cluster, patch, webhook};

    const MAPS: GroupVersionResource = GroupVersionResource::new("", "v1", "configmaps");

    fn map() -> Write {
        Write::create(
            &MAPS,
            json!({"metadata": {"name": "a", "namespace": "ns"}, "data": {}}),
        )
    }

    async fn through(webhooks: Value, write: Write) -> Result<Value, String> {
        let plugin = MutatingWebhooks::new(cluster(&Mutating::RESOURCE, webhooks), Arc::new(AlwaysAllow));
        let chain = Chain::new(vec![Box::new(plugin)]);
        let admitted = write.seen(async |request| {
            chain.mutate(request).await?;
            Ok(request.object.clone().unwrap_or_default())
        });
        admitted.await.map_err(|status| status.message)
    }

    /// Counts in `data` how often it was asked.
    fn counting(request: &Value) -> Value {
        let before = request["object"]["data"]["count"].as_str().unwrap_or_default();
        patch(&json!([{"op": "add", "path": "/data/count", "value": format!("{before}x")}]))
    }

    /// Takes notes beside that.
    fn noting(request: &Value) -> Value {
        let mut answer = counting(request);
        answer["auditAnnotations"] = json!({"seen": "yes", "no/key": "no"});
        answer
    }

    /// Sets `data.late` once.
    fn late(request: &Value) -> Value {
        match request["object"]["data"]["late"] {
            Value::Null => patch(&json!([{"op": "add", "path": "/data/late", "value": "1"}])),
            _ => json!({"allowed": true}),
        }
    }

    #[tokio::test]
    async fn webhooks_change_objects_one_after_the_other() {
        let counter = FakeWebhook::start(counting).await;
        let config = counter.client_config();
        let twice = json!([
            webhook("a.b.c", config.clone(), &json!({})),
            webhook("b.b.c", config, &json!({})),
        ]);
        let changed = through(twice, map()).await.expect("it is admitted");
        assert_eq!(changed["data"]["count"], "xx");
        assert_eq!(counter.connections(), 1, "connections are shared and kept");
    }

    #[tokio::test]
    async fn who_wants_to_see_later_changes_is_asked_again() {
        let counter = FakeWebhook::start(counting).await;
        let changer = FakeWebhook::start(late).await;
        let both = |policy: &str| {
            json!([
                webhook(
                    "a.b.c",
                    counter.client_config(),
                    &json!({"reinvocationPolicy": policy})
                ),
                webhook("b.b.c", changer.client_config(), &json!({})),
            ])
        };
        let changed = through(both("Never"), map()).await.expect("it is admitted");
        assert_eq!(changed["data"], json!({"count": "x", "late": "1"}));
        let changed = through(both("IfNeeded"), map()).await.expect("it is admitted");
        assert_eq!(changed["data"], json!({"count": "xx", "late": "1"}));
    }

    #[tokio::test]
    async fn a_patch_that_does_not_fit_is_an_error() {
        let bad = FakeWebhook::start(|_| patch(&json!([{"op": "remove", "path": "/nothing"}]))).await;
        let webhooks = json!([webhook(
            "a.b.c",
            bad.client_config(),
            &json!({"failurePolicy": "Ignore"})
        )]);
        let refused = through(webhooks, map()).await.expect_err("a refusal");
        assert!(refused.starts_with("Internal error occurred: "), "{refused}");
    }

    #[tokio::test]
    async fn owners_that_a_webhook_breaks_are_put_back() {
        let breaker = FakeWebhook::start(|_| {
            patch(
                &json!([{"op": "add", "path": "/metadata/managedFields", "value": [{"operation": "Break"}]}]),
            )
        });
        let breaker = breaker.await;
        let webhooks = json!([webhook("a.b.c", breaker.client_config(), &json!({}))]);
        let changed = through(webhooks, map()).await.expect("it is admitted");
        assert!(changed["metadata"].get("managedFields").is_none());
    }

    #[tokio::test]
    async fn what_has_no_object_cannot_be_changed() {
        let counter = FakeWebhook::start(counting).await;
        let rule =
            json!({"operations": ["DELETE"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]});
        let webhooks = json!([webhook(
            "a.b.c",
            counter.client_config(),
            &json!({"rules": [rule]})
        )]);
        let delete = Write::delete(&MAPS, json!({"metadata": {"name": "a", "namespace": "ns"}}));
        let why = "Internal error occurred: admission webhook \"a.b.c\" attempted to modify the object, which is not \
                   supported for this operation";
        assert_eq!(through(webhooks, delete).await, Err(why.to_owned()));
    }

    #[tokio::test]
    async fn who_was_asked_is_noted() {
        let counter = FakeWebhook::start(noting).await;
        let silent = json!({"url": "https://127.0.0.1:1/"});
        let both = json!([
            webhook("a.b.c", silent, &json!({"failurePolicy": "Ignore"})),
            webhook("b.b.c", counter.client_config(), &json!({})),
        ]);
        let notes = Arc::new(Notebook::default());
        through(both, map().noted(&notes)).await.expect("it is admitted");
        assert_eq!(
            notes.lines(),
            [
                "b.b.c/seen: yes",
                "failed-open.mutation.webhook.admission.k8s.io/round_0_index_0: a.b.c",
                r#"mutation.webhook.admission.k8s.io/round_0_index_0: {"configuration":"c","webhook":"a.b.c","mutated":false}"#,
                r#"mutation.webhook.admission.k8s.io/round_0_index_1: {"configuration":"c","webhook":"b.b.c","mutated":true}"#,
                r#"patch.webhook.admission.k8s.io/round_0_index_1: {"configuration":"c","webhook":"b.b.c","patch":[{"op":"add","path":"/data/count","value":"x"}],"patchType":"JSONPatch"}"#,
            ]
        );
    }
}
