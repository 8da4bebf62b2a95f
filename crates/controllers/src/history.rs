//! The history of a template: one ControllerRevision for each state it had, from which it can be brought back.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::error::optional;
use client::k8s_openapi::api::apps::v1::ControllerRevision;
use client::k8s_openapi::api::core::v1::PodTemplateSpec;
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use client::k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use client::{Client, DeleteOptions, Informer, Patch, PatchOptions, Scope};
use serde_json::{Value, json};

use crate::context::{ControllerError, doing};
use crate::hash::safe_hash;
use crate::owner::{self, Claim};
use crate::pod_control::Owner;

/// Label of a revision and of the pods made from it.
pub(crate) const HASH_LABEL: &str = "controller-revision-hash";

/// The revision a template has now, and all there are, oldest first.
pub(crate) struct History {
    pub(crate) current: Arc<ControllerRevision>,
    pub(crate) all: Vec<Arc<ControllerRevision>>,
}

/// The name that came of a template is taken by another revision: the collision must be counted.
pub(crate) enum Recorded {
    As(History),
    Collision,
}

/// What a revision holds: the patch by which the template is brought back.
pub(crate) fn data(template: &PodTemplateSpec) -> Value {
    let mut template = serde_json::to_value(template).unwrap_or_default();
    template["$patch"] = "replace".into();
    json!({ "spec": { "template": template } })
}

/// The template a revision holds.
pub(crate) fn template(revision: &ControllerRevision) -> Option<PodTemplateSpec> {
    let mut template = revision.data.as_ref()?.0.get("spec")?.get("template")?.clone();
    template.as_object_mut()?.remove("$patch");
    serde_json::from_value(template).ok()
}

/// The hash by which a revision's pods are known.
pub(crate) fn hash_of(revision: &ControllerRevision) -> &str {
    let labels = revision.metadata.labels.as_ref();
    labels
        .and_then(|labels| labels.get(HASH_LABEL))
        .map_or("", String::as_str)
}

/// What is to be done so that the newest revision is the template's.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    /// It is.
    Current(usize),
    /// An old one is the template's again: it gets that number.
    Renumber(usize, i64),
    /// The template is new.
    Create(i64),
}

/// Decides by all revisions, oldest first.
pub(crate) fn plan(revisions: &[Arc<ControllerRevision>], data: &Value) -> Plan {
    let next = revisions.last().map_or(1, |last| last.revision + 1);
    let is_same =
        |revision: &Arc<ControllerRevision>| revision.data.as_ref().is_some_and(|held| held.0 == *data);
    match revisions.iter().rposition(is_same) {
        Some(at) if at + 1 == revisions.len() => Plan::Current(at),
        Some(at) => Plan::Renumber(at, next),
        None => Plan::Create(next),
    }
}

/// Old revisions beyond the number that may stay, oldest first. Those in use stay.
pub(crate) fn surplus(
    all: &[Arc<ControllerRevision>],
    limit: Option<i32>,
    in_use: impl Fn(&ControllerRevision) -> bool,
) -> Vec<Arc<ControllerRevision>> {
    let limit = usize::try_from(limit.unwrap_or(10)).unwrap_or(0);
    let old: Vec<_> = all.iter().filter(|revision| !in_use(revision)).cloned().collect();
    let count = old.len().saturating_sub(limit);
    old.into_iter().take(count).collect()
}

/// The revisions of an owner, as the API holds them.
pub(crate) struct Revisions<'a> {
    pub(crate) client: &'a Client,
    pub(crate) informer: &'a Informer<ControllerRevision>,
}

impl Revisions<'_> {
    /// The owner's revisions, oldest first, after adopting and releasing.
    async fn claimed<K: Owner>(
        &self,
        owner: &K,
        selector: &LabelSelector,
    ) -> Result<Vec<Arc<ControllerRevision>>, ControllerError> {
        let metadata = owner.metadata();
        let namespace = metadata.namespace.as_deref().unwrap_or("");
        let mut claimed = Vec::new();
        for revision in self.informer.store().in_namespace(namespace) {
            let matches = owner::selects(selector, &revision.metadata);
            let patch = match owner::claim(metadata, &revision.metadata, matches) {
                Claim::Ignore => continue,
                Claim::Keep => {
                    claimed.push(revision);
                    continue;
                }
                Claim::Adopt => owner::adoption(&owner::controller_reference(owner), &revision.metadata),
                Claim::Release => owner::release(metadata.uid.as_deref().unwrap_or(""), &revision.metadata),
            };
            if self.patch(&revision, &patch).await?.is_some() && matches {
                claimed.push(revision);
            }
        }
        claimed.sort_by(|a, b| {
            (a.revision, &a.metadata.creation_timestamp, &a.metadata.name).cmp(&(
                b.revision,
                &b.metadata.creation_timestamp,
                &b.metadata.name,
            ))
        });
        Ok(claimed)
    }

    /// Sees to it that the newest revision is the template's.
    pub(crate) async fn record<K: Owner>(
        &self,
        owner: &K,
        selector: &LabelSelector,
        template: &PodTemplateSpec,
        collisions: Option<i32>,
    ) -> Result<Recorded, ControllerError> {
        let mut all = self.claimed(owner, selector).await?;
        let data = data(template);
        let current = match plan(&all, &data) {
            Plan::Current(at) => all[at].clone(),
            Plan::Renumber(at, number) => {
                let old = all.remove(at);
                let renumbered = self.patch(&old, &json!({ "revision": number })).await?;
                let renumbered = renumbered
                    .ok_or_else(|| ControllerError::Object(String::from("an old revision has gone")))?;
                let renumbered = Arc::new(renumbered);
                all.push(renumbered.clone());
                renumbered
            }
            Plan::Create(number) => {
                let wanted = make(owner, template, data, number, collisions);
                match self.create(&wanted).await? {
                    Some(created) => {
                        let created = Arc::new(created);
                        all.push(created.clone());
                        created
                    }
                    None => return Ok(Recorded::Collision),
                }
            }
        };
        Ok(Recorded::As(History { current, all }))
    }

    /// The revision, made now or before; none if the name is another's.
    async fn create(
        &self,
        wanted: &ControllerRevision,
    ) -> Result<Option<ControllerRevision>, ControllerError> {
        let namespace = wanted.metadata.namespace.as_deref().unwrap_or("");
        match self.client.create(Scope::Namespace(namespace), wanted).await {
            Ok(created) => Ok(Some(created)),
            Err(error) if error.is_already_exists() => {
                let name = wanted.metadata.name.as_deref().unwrap_or("");
                let taken: ControllerRevision = self
                    .client
                    .get(namespace, name)
                    .await
                    .map_err(doing("look at the revision of that name"))?;
                let uid = owner::controller_of(&wanted.metadata).map_or("", |owner| &owner.uid);
                let is_ours = owner::is_controlled_by(&taken.metadata, uid) && taken.data == wanted.data;
                Ok(is_ours.then_some(taken))
            }
            Err(error) => Err(doing("record a revision")(error)),
        }
    }

    async fn patch(
        &self,
        revision: &ControllerRevision,
        patch: &Value,
    ) -> Result<Option<ControllerRevision>, ControllerError> {
        let namespace = revision.metadata.namespace.as_deref().unwrap_or("");
        let name = revision.metadata.name.as_deref().unwrap_or("");
        let options = PatchOptions::default();
        let result = self
            .client
            .patch::<ControllerRevision>(namespace.into(), name, Patch::Strategic(patch), &options)
            .await;
        optional(result).map_err(doing("change a revision"))
    }

    /// Deletes what is not kept any longer.
    pub(crate) async fn delete(&self, revisions: &[Arc<ControllerRevision>]) -> Result<(), ControllerError> {
        for revision in revisions {
            let ObjectMeta {
                namespace, name, uid, ..
            } = &revision.metadata;
            let scope = Scope::from(namespace.as_deref().unwrap_or(""));
            let options = DeleteOptions::of_uid(uid.as_deref().unwrap_or(""));
            let name = name.as_deref().unwrap_or("");
            let result = self
                .client
                .delete::<ControllerRevision>(scope, name, &options)
                .await;
            optional(result).map_err(doing("delete an old revision"))?;
        }
        Ok(())
    }
}

fn make<K: Owner>(
    owner: &K,
    template: &PodTemplateSpec,
    data: Value,
    number: i64,
    collisions: Option<i32>,
) -> ControllerRevision {
    let hash = safe_hash(serde_json::to_vec(&data).unwrap_or_default(), collisions);
    let labels = template
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.labels.clone());
    let mut labels: BTreeMap<_, _> = labels.unwrap_or_default();
    labels.insert(HASH_LABEL.to_owned(), hash.clone());
    let metadata = owner.metadata();
    ControllerRevision {
        metadata: ObjectMeta {
            name: Some(format!("{}-{hash}", metadata.name.as_deref().unwrap_or(""))),
            namespace: metadata.namespace.clone(),
            labels: Some(labels),
            annotations: metadata.annotations.clone(),
            owner_references: Some(vec![owner::controller_reference(owner)]),
            ..ObjectMeta::default()
        },
        data: Some(RawExtension(data)),
        revision: number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(number: i64, image: &str) -> Arc<ControllerRevision> {
        Arc::new(ControllerRevision {
            data: Some(RawExtension(json!({ "image": image }))),
            revision: number,
            ..ControllerRevision::default()
        })
    }

    fn check(revisions: &[Arc<ControllerRevision>], image: &str, expected: Plan) {
        assert_eq!(plan(revisions, &json!({ "image": image })), expected);
    }

    #[test]
    fn the_newest_revision_is_the_templates() {
        let revisions = [revision(1, "a"), revision(2, "b")];
        check(&[], "a", Plan::Create(1));
        check(&revisions, "b", Plan::Current(1));
        check(&revisions, "a", Plan::Renumber(0, 3));
        check(&revisions, "c", Plan::Create(3));
    }

    #[test]
    fn the_oldest_go_but_not_those_in_use() {
        let revisions = [revision(1, "a"), revision(2, "b"), revision(3, "c")];
        let gone = surplus(&revisions, Some(1), |revision| revision.revision == 1);
        assert_eq!(gone, [revision(2, "b")]);
        assert!(surplus(&revisions, None, |_| false).is_empty());
    }

    #[test]
    fn a_template_comes_back_from_its_revision() {
        let template_before = PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels: Some([("a".to_owned(), "b".to_owned())].into()),
                ..ObjectMeta::default()
            }),
            spec: None,
        };
        let revision = ControllerRevision {
            data: Some(RawExtension(data(&template_before))),
            ..ControllerRevision::default()
        };
        assert_eq!(template(&revision), Some(template_before));
    }
}
