//! Which requests a webhook, policy or binding sees.

use meta::label_selector::LabelSelector;
use meta::object::metadata;
use meta::{GroupResource, GroupVersionKind, GroupVersionResource, Status};
use registry::{AdmissionRequest, Operation};
use serde_json::{Map, Value};

use super::namespace_of;
use super::rule::Rule;
use crate::cluster::Cluster;
use crate::request::items;
use crate::request::resources::NAMESPACES;

/// Which requests are seen: rules and selectors.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    namespaces: Result<LabelSelector, String>,
    objects: Result<LabelSelector, String>,
    rules: Vec<Rule>,
    excluded: Vec<Rule>,
    /// Whether a rule for one version of a resource is one for all.
    in_any_version: bool,
    /// Whether all resources are meant if there are no rules.
    all_without_rules: bool,
}

/// A request as a rule has it: for this resource, which shows its objects as this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Matched {
    pub(crate) resource: GroupVersionResource,
    pub(crate) kind: GroupVersionKind,
}

impl Matcher {
    /// Of a webhook.
    pub(crate) fn of_webhook(webhook: &Value) -> Self {
        Self::read(webhook, "/rules", false)
    }

    /// Of a policy or a binding (`matchResources`), which need not have rules.
    pub(crate) fn of_resources(matches: &Value) -> Self {
        Self::read(matches, "/resourceRules", true)
    }

    fn read(matches: &Value, rules: &str, all_without_rules: bool) -> Self {
        let read = |rules: &str| items(matches, rules).iter().map(Rule::read).collect();
        Self {
            namespaces: selector(&matches["namespaceSelector"]),
            objects: selector(&matches["objectSelector"]),
            rules: read(rules),
            excluded: read("/excludeResourceRules"),
            in_any_version: matches["matchPolicy"] != "Exact",
            all_without_rules,
        }
    }

    /// How the request is seen; none if it is not.
    ///
    /// # Errors
    /// If it would be seen but for a selector that cannot be asked: there is no such namespace.
    pub(crate) async fn matches(
        &self,
        request: &AdmissionRequest<'_>,
        cluster: &dyn Cluster,
    ) -> Result<Option<Matched>, Status> {
        if !self.concerns(request.operation) {
            return Ok(None);
        }
        if matches!(self.covers_object(request), Ok(false)) {
            return Ok(None);
        }
        if self.by_rules(&self.excluded, request, cluster).is_some() {
            return Ok(None);
        }
        let matched = if self.rules.is_empty() && self.all_without_rules {
            Some(as_asked(request))
        } else {
            self.by_rules(&self.rules, request, cluster)
        };
        let Some(matched) = matched else {
            return Ok(None);
        };
        let is_in_namespace = self.covers_namespace(request, cluster).await?;
        let is_meant = is_in_namespace && self.covers_object(request)?;
        Ok(is_meant.then_some(matched))
    }

    /// The cheapest of all questions, since it is asked for every write.
    fn concerns(&self, operation: Operation) -> bool {
        (self.rules.is_empty() && self.all_without_rules)
            || self.rules.iter().any(|rule| rule.concerns(operation))
    }

    fn by_rules(
        &self,
        rules: &[Rule],
        request: &AdmissionRequest<'_>,
        cluster: &dyn Cluster,
    ) -> Option<Matched> {
        let matches =
            |resource: &GroupVersionResource| rules.iter().any(|rule| rule.matches(request, resource));
        if matches(request.resource) {
            return Some(as_asked(request));
        }
        if !self.in_any_version || rules.is_empty() {
            return None;
        }
        let others = cluster.equivalents(request.resource, request.subresource);
        let other = others.into_iter().find(|other| matches(&other.resource))?;
        Some(Matched {
            resource: other.resource,
            kind: other.kind,
        })
    }

    /// Whether the selector selects the object as it will be, or as it was: what is moved out of reach is seen once more.
    fn covers_object(&self, request: &AdmissionRequest<'_>) -> Result<bool, Status> {
        let selector = self.objects.as_ref().map_err(Status::internal)?;
        if selector.is_everything() {
            return Ok(true);
        }
        let states = [request.object.as_ref(), request.old_object];
        let mut states = states.into_iter().flatten().filter(|object| has_metadata(object));
        Ok(states.any(|object| selector.matches(&labels(object))))
    }

    async fn covers_namespace(
        &self,
        request: &AdmissionRequest<'_>,
        cluster: &dyn Cluster,
    ) -> Result<bool, Status> {
        let selector = self.namespaces.as_ref().map_err(Status::internal)?;
        let name = namespace_of(request);
        let is_namespace = request.resource.resource == NAMESPACES.resource;
        if selector.is_everything() || (name.is_empty() && !is_namespace) {
            return Ok(true);
        }
        let is_written = matches!(request.operation, Operation::Create | Operation::Update);
        if let (true, true, "", Some(object)) =
            (is_namespace, is_written, request.subresource, &request.object)
        {
            return Ok(selector.matches(&labels(object)));
        }
        match cluster.get(&NAMESPACES, "", name).await? {
            Some(namespace) => Ok(selector.matches(&*namespace)),
            None => Err(Status::not_found(&GroupResource::new("", "namespaces"), name)),
        }
    }
}

fn as_asked(request: &AdmissionRequest<'_>) -> Matched {
    Matched {
        resource: request.resource.clone(),
        kind: request.kind.clone(),
    }
}

/// A selector that is absent selects everything; validation lets no bad one in, but an older server may have.
fn selector(selector: &Value) -> Result<LabelSelector, String> {
    if selector.is_null() {
        return Ok(LabelSelector::everything());
    }
    LabelSelector::from_object(selector).map_err(|error| error.to_string())
}

/// Options of a stream have none.
fn has_metadata(object: &Value) -> bool {
    object.get("metadata").is_some()
}

fn labels(object: &Value) -> Option<&Map<String, Value>> {
    metadata(object)?.get("labels")?.as_object()
}

#[cfg(test)]
mod tests {
    use registry::Equivalent;
    use serde_json::json;

    use super::*;
    use crate::testing::{FakeCluster, Write};

    const MAPS: GroupVersionResource = GroupVersionResource::new("", "v1", "configmaps");
    const SCALERS: GroupVersionResource =
        GroupVersionResource::new("autoscaling", "v2", "horizontalpodautoscalers");
    const OLD_SCALERS: GroupVersionResource =
        GroupVersionResource::new("autoscaling", "v1", "horizontalpodautoscalers");

    fn webhook(rule: &Value, more: Value) -> Value {
        let mut whole = json!({
            "operations": ["CREATE", "UPDATE"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "scope": "*",
        });
        for (field, value) in rule.as_object().expect("fields") {
            whole[field] = value.clone();
        }
        let mut webhook = more;
        webhook["rules"] = json!([whole]);
        webhook
    }

    fn cluster() -> FakeCluster {
        let namespace = json!({"metadata": {"name": "ns", "labels": {"team": "blue"}}});
        FakeCluster::default().with(&NAMESPACES, namespace)
    }

    fn map() -> Write {
        Write::create(
            &MAPS,
            json!({"metadata": {"name": "a", "namespace": "ns", "labels": {"t": "x"}}}),
        )
    }

    async fn check(webhook: Value, write: Write, expected: bool) {
        let matcher = Matcher::of_webhook(&webhook);
        let found = write
            .seen(async |request| matcher.matches(request, &cluster()).await)
            .await;
        assert_eq!(found.expect("an answer").is_some(), expected, "{webhook}");
    }

    #[tokio::test]
    async fn rules_are_about_operations_and_resources() {
        for (rule, expected) in [
            (json!({}), true),
            (json!({"operations": ["*"]}), true),
            (json!({"operations": ["DELETE"]}), false),
            (
                json!({"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}),
                true,
            ),
            (json!({"apiGroups": ["apps"]}), false),
            (json!({"apiVersions": ["v2"]}), false),
            (json!({"resources": ["configmaps/*"]}), true),
            (json!({"resources": ["*/*"]}), true),
            (json!({"resources": ["*/status"]}), false),
            (json!({"resources": ["secrets"]}), false),
            (json!({"scope": "Namespaced"}), true),
            (json!({"scope": "Cluster"}), false),
        ] {
            check(webhook(&rule, json!({})), map(), expected).await;
        }
        let part = json!({"resources": ["*/status"]});
        check(webhook(&part, json!({})), map().below("status"), true).await;
        check(webhook(&json!({}), json!({})), map().below("status"), false).await;
    }

    #[tokio::test]
    async fn selectors_look_at_namespace_and_object() {
        let namespaces = |team: &str| json!({"namespaceSelector": {"matchLabels": {"team": team}}});
        check(webhook(&json!({}), namespaces("blue")), map(), true).await;
        check(webhook(&json!({}), namespaces("red")), map(), false).await;
        let objects = |t: &str| json!({"objectSelector": {"matchLabels": {"t": t}}});
        check(webhook(&json!({}), objects("x")), map(), true).await;
        check(webhook(&json!({}), objects("y")), map(), false).await;
        let labelled = |t: &str| json!({"metadata": {"name": "a", "namespace": "ns", "labels": {"t": t}}});
        let moved = Write::update(&MAPS, labelled("y"), labelled("z"));
        check(webhook(&json!({}), objects("y")), moved, true).await;
    }

    #[tokio::test]
    async fn namespaces_are_selected_by_their_own_labels() {
        let red = json!({"metadata": {"name": "new", "labels": {"team": "red"}}});
        let selector = json!({"namespaceSelector": {"matchLabels": {"team": "red"}}});
        check(
            webhook(&json!({"scope": "Cluster"}), selector),
            Write::create(&NAMESPACES, red),
            true,
        )
        .await;
    }

    #[tokio::test]
    async fn a_namespace_that_is_not_there_is_an_error_only_if_the_rules_match() {
        let selector = || json!({"namespaceSelector": {"matchLabels": {"team": "red"}}});
        let lost = || Write::create(&MAPS, json!({"metadata": {"name": "a", "namespace": "lost"}}));
        let ask = async |webhook: Value| {
            let matcher = Matcher::of_webhook(&webhook);
            let found = lost()
                .seen(async |request| matcher.matches(request, &cluster()).await)
                .await;
            found
                .map(|found| found.is_some())
                .map_err(|status| status.message)
        };
        let found = ask(webhook(&json!({}), selector())).await;
        assert_eq!(found, Err("namespaces \"lost\" not found".to_owned()));
        let other = json!({"resources": ["secrets"]});
        assert_eq!(ask(webhook(&other, selector())).await, Ok(false));
    }

    #[tokio::test]
    async fn rules_for_one_version_are_for_all() {
        let cluster = FakeCluster::default().with_equivalent(
            &SCALERS,
            Equivalent {
                resource: OLD_SCALERS,
                kind: OLD_SCALERS.group_version().kind("HorizontalPodAutoscaler"),
            },
        );
        let rule = json!({"apiGroups": ["autoscaling"], "apiVersions": ["v1"]});
        for (policy, expected) in [("Equivalent", true), ("Exact", false)] {
            let matcher = Matcher::of_webhook(&webhook(&rule, json!({"matchPolicy": policy})));
            let write = Write::create(&SCALERS, json!({"metadata": {"name": "h"}}));
            let found = write
                .seen(async |request| matcher.matches(request, &cluster).await)
                .await;
            let seen_as = found.expect("an answer").map(|matched| matched.resource);
            assert_eq!(seen_as, expected.then_some(OLD_SCALERS));
        }
    }

    #[tokio::test]
    async fn policies_may_leave_rules_out_and_name_objects() {
        for (matches, expected) in [
            (json!({}), true),
            (
                json!({"resourceRules": [{"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["*"], "resourceNames": ["a"]}]}),
                true,
            ),
            (
                json!({"resourceRules": [{"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["*"], "resourceNames": ["b"]}]}),
                false,
            ),
            (
                json!({"excludeResourceRules": [{"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}]}),
                false,
            ),
        ] {
            let matcher = Matcher::of_resources(&matches);
            let found = map()
                .seen(async |request| matcher.matches(request, &cluster()).await)
                .await;
            assert_eq!(found.expect("an answer").is_some(), expected, "{matches}");
        }
    }
}
