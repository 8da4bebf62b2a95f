//! ValidatingAdmissionWebhook: webhooks refuse what they do not want, asked all at once.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use auth::Authorizer;
use futures::future::join_all;
use meta::Status;
use registry::{AdmissionRequest, Operation};

use super::call::ask;
use super::configuration::{Validating, Webhook};
use crate::cluster::Cluster;
use crate::hooks::{Matched, Memo, is_exempt};
use crate::observer::{Observer, Step, Watch};
use crate::plugin::Plugin;

/// What the key begins with that tells of a webhook that was not asked.
const FAILED_OPEN: &str = "failed-open.validating.webhook.admission.k8s.io/";

/// The plugin.
pub(crate) struct ValidatingWebhooks {
    cluster: Arc<dyn Cluster>,
    authorizer: Arc<dyn Authorizer>,
    configurations: Memo<Validating>,
    observer: Arc<dyn Observer>,
}

impl ValidatingWebhooks {
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

    fn watch(&self, request: &AdmissionRequest<'_>) -> Watch<'_> {
        Watch {
            observer: &*self.observer,
            step: Step::Validate,
            operation: request.operation,
        }
    }

    /// Those that are about the request.
    async fn relevant(&self, request: &AdmissionRequest<'_>) -> Result<Vec<(Arc<Webhook>, Matched)>, Status> {
        let configurations = self.configurations.current(&self.cluster).await?;
        let mut relevant = Vec::new();
        if is_exempt(request) {
            return Ok(relevant);
        }
        for (_, configuration) in &*configurations {
            for webhook in &configuration.0.0 {
                if let Some(matched) = webhook
                    .matches(request, &*self.cluster, &*self.authorizer, self.watch(request))
                    .await?
                {
                    relevant.push((Arc::clone(webhook), matched));
                }
            }
        }
        Ok(relevant)
    }
}

#[async_trait]
impl Plugin for ValidatingWebhooks {
    fn name(&self) -> &'static str {
        "ValidatingAdmissionWebhook"
    }

    fn handles(&self, _operation: Operation) -> bool {
        true
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let relevant = self.relevant(request).await?;
        let asked = relevant
            .iter()
            .enumerate()
            .map(async |(place, (webhook, matched))| {
                let begun = Instant::now();
                let asked = ask(webhook, request, matched, false, &self.cluster).await;
                webhook.tell(&asked, begun, self.watch(request));
                webhook.judge(asked.map(drop), request, || {
                    format!("{FAILED_OPEN}round_0_index_{place}")
                })
            });
        join_all(asked).await.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use auth::always::AlwaysAllow;
    use meta::GroupVersionResource;
    use serde_json::{Value, json};
    use tokio::net::TcpListener;

    use super::*;
    use crate::hooks::Compiled;
    use crate::request::resources::SERVICES;
    use crate::testing::{FakeCluster, Seen, Write};
    use crate::webhook::testing::{FakeWebhook, cluster, webhook, with_configuration};

    const MAPS: GroupVersionResource = GroupVersionResource::new("", "v1", "configmaps");

    fn map() -> Write {
        Write::create(&MAPS, json!({"metadata": {"name": "a", "namespace": "ns"}}))
    }

    async fn through(webhooks: Value, write: Write) -> Result<(), String> {
        through_in(cluster(&Validating::RESOURCE, webhooks), write).await
    }

    async fn through_in(cluster: Arc<dyn Cluster>, write: Write) -> Result<(), String> {
        let plugin = ValidatingWebhooks::new(cluster, Arc::new(AlwaysAllow));
        write.through(&plugin).await.map(drop)
    }

    #[tokio::test]
    async fn what_became_of_a_webhook_is_told() {
        let refusing = FakeWebhook::start(refuse).await;
        let agreeing = FakeWebhook::start(|_| json!({"allowed": true})).await;
        let broken = FakeWebhook::start(|_| json!({"code": 500})).await;
        let silent = json!({"url": "https://127.0.0.1:1/x"});
        let conditions = |expression| json!({"matchConditions": [{"name": "c", "expression": expression}]});
        for (config, more, expected) in [
            (
                agreeing.client_config(),
                json!({}),
                vec!["w.b.c CREATE Validate Agreed"],
            ),
            (
                refusing.client_config(),
                json!({}),
                vec!["w.b.c CREATE Validate Refused(403)"],
            ),
            (
                silent.clone(),
                json!({"failurePolicy": "Ignore"}),
                vec!["w.b.c CREATE Validate NoAnswer { code: 503, is_ignored: true }"],
            ),
            (
                broken.client_config(),
                json!({}),
                vec!["w.b.c CREATE Validate NoAnswer { code: 500, is_ignored: false }"],
            ),
            (
                silent.clone(),
                conditions("object.metadata.name == 'b'"),
                vec!["w.b.c 0 true"],
            ),
            (
                silent,
                conditions("object.data.absent == 'x'"),
                vec!["w.b.c 1 false"],
            ),
            (
                json!({"url": "https://127.0.0.1:1/x"}),
                json!({
                    "failurePolicy": "Ignore",
                    "matchConditions": [{"name": "c", "expression": "object.data.absent == 'x'"}],
                }),
                vec!["w.b.c 1 true"],
            ),
        ] {
            let seen = Arc::new(Seen::default());
            let cluster = cluster(&Validating::RESOURCE, json!([webhook("w.b.c", config, &more)]));
            let plugin = ValidatingWebhooks::new(cluster, Arc::new(AlwaysAllow)).observed_by(seen.clone());
            let _ = map().through(&plugin).await;
            assert_eq!(seen.lines(), expected);
        }
    }

    fn refuse(request: &Value) -> Value {
        let facts = format!(
            "{} {} {}/{} by {} {}",
            request["operation"],
            request["resource"]["resource"],
            request["namespace"],
            request["name"],
            request["userInfo"]["username"],
            request["options"]["kind"],
        );
        json!({"allowed": false, "status": {"message": facts.replace('"', ""), "code": 403}})
    }

    #[tokio::test]
    async fn a_webhook_refuses_what_it_is_shown() {
        let fake = FakeWebhook::start(refuse).await;
        let webhooks = json!([webhook(
            "a.b.c",
            fake.client_config(),
            &json!({"failurePolicy": "Ignore"})
        )]);
        let why =
            "admission webhook \"a.b.c\" denied the request: CREATE configmaps ns/a by someone CreateOptions";
        assert_eq!(through(webhooks, map()).await, Err(why.to_owned()));
    }

    #[tokio::test]
    async fn a_dry_run_reaches_only_webhooks_without_side_effects() {
        let fake = FakeWebhook::start(|request| json!({"allowed": request["dryRun"]})).await;
        let ask = async |effects: &str| {
            let webhooks = json!([webhook(
                "a.b.c",
                fake.client_config(),
                &json!({"sideEffects": effects})
            )]);
            let write = Write {
                dry_run: true,
                ..map()
            };
            through(webhooks, write).await
        };
        assert_eq!(ask("NoneOnDryRun").await, Ok(()));
        let refused = Err("admission webhook \"a.b.c\" does not support dry run".to_owned());
        assert_eq!(ask("Some").await, refused);
    }

    async fn check_failure(client_config: Value, why: &str) {
        let more = |policy: &str| json!({"failurePolicy": policy, "timeoutSeconds": 1});
        let ignored = json!([webhook("a.b.c", client_config.clone(), &more("Ignore"))]);
        assert_eq!(through(ignored, map()).await, Ok(()));
        let failed = json!([webhook("a.b.c", client_config, &more("Fail"))]);
        let why = format!(
            "Internal error occurred: failed calling webhook \"a.b.c\": failed to call webhook: {why}"
        );
        assert_eq!(through(failed, map()).await, Err(why));
    }

    #[tokio::test]
    async fn without_an_answer_the_failure_policy_decides() {
        let refusing = json!({"url": "https://127.0.0.1:1/x"});
        let why =
            "Post \"https://127.0.0.1:1/x?timeout=1s\": dial tcp 127.0.0.1:1: connect: connection refused";
        check_failure(refusing, why).await;
        let service = json!({"service": {"namespace": "n", "name": "s", "port": 443, "path": "/p"}});
        check_failure(
            service,
            "Post \"https://s.n.svc:443/p?timeout=1s\": service \"s\" not found",
        )
        .await;
        let broken = FakeWebhook::start(|_| json!({"code": 500})).await;
        let why = "an error on the server (\"it broke\") has prevented the request from succeeding";
        check_failure(broken.client_config(), why).await;
    }

    #[tokio::test]
    async fn who_never_answers_is_not_waited_for() {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("https://{}/x", silent.local_addr().expect("it listens"));
        let why = format!("Post \"{url}?timeout=1s\": context deadline exceeded");
        check_failure(json!({"url": url}), &why).await;
    }

    #[tokio::test]
    async fn who_cannot_prove_its_name_is_not_asked() {
        let fake = FakeWebhook::start(|_| json!({"allowed": true})).await;
        let mut config = fake.client_config();
        config["caBundle"] = FakeWebhook::start(|_| Value::Null).await.authority().into();
        let url = config["url"].as_str().expect("a URL").to_owned();
        let why = format!(
            "Post \"{url}?timeout=1s\": tls: failed to verify certificate: x509: certificate signed by unknown authority"
        );
        check_failure(config, &why).await;
    }

    #[tokio::test]
    async fn a_service_is_reached_by_its_endpoints() {
        let fake = FakeWebhook::start(|_| json!({"allowed": false})).await;
        let service = json!({
            "metadata": {"name": "s", "namespace": "n"},
            "spec": {"type": "ClusterIP", "clusterIP": "10.43.0.9", "ports": [{"port": 443}]},
        });
        let slice = json!({
            "metadata": {"name": "s-1", "namespace": "n", "labels": {"kubernetes.io/service-name": "s"}},
            "ports": [{"port": fake.port()}],
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": true}}],
        });
        let slices = GroupVersionResource::new("discovery.k8s.io", "v1", "endpointslices");
        let config = json!({
            "service": {"namespace": "n", "name": "s", "port": 443}, "caBundle": fake.authority(),
        });
        let webhooks = json!([webhook("a.b.c", config, &json!({}))]);
        let cluster = FakeCluster::default()
            .with(&SERVICES, service)
            .with(&slices, slice);
        let cluster = with_configuration(cluster, &Validating::RESOURCE, webhooks).shared();
        let refused = "admission webhook \"a.b.c\" denied the request without explanation";
        assert_eq!(through_in(cluster, map()).await, Err(refused.to_owned()));
    }

    #[tokio::test]
    async fn conditions_must_hold_for_a_webhook_to_be_asked() {
        let nobody = json!({"url": "https://127.0.0.1:1/x"});
        let ask = async |condition: &str, policy: &str| {
            let conditions = json!([{"name": "c", "expression": condition}]);
            let more = json!({"matchConditions": conditions, "failurePolicy": policy});
            through(json!([webhook("a.b.c", nobody.clone(), &more)]), map()).await
        };
        assert_eq!(ask("object.metadata.name == 'b'", "Fail").await, Ok(()));
        let failed = ask("request.userInfo.username == 'someone'", "Fail").await;
        assert!(failed.is_err_and(|why| why.contains("failed calling webhook")));
        let broken = "object.data.absent == 'x'";
        let why = "configmaps \"a\" is forbidden: expression 'object.data.absent == 'x'' resulted in error: no such key: data";
        assert_eq!(ask(broken, "Fail").await, Err(why.to_owned()));
        assert_eq!(ask(broken, "Ignore").await, Ok(()));
    }
}
