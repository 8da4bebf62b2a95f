//! A cluster in a map, and requests to it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use meta::object::{name, namespace};
use meta::{GroupVersionKind, GroupVersionResource, Status, User};
use parking_lot::Mutex;
use registry::audit::Trail;
use registry::{AdmissionRequest, Audit, Equivalent, Object, Operation, RequestContext};
use serde_json::Value;

use crate::cluster::{Cluster, Served};
use crate::observer::{AskedConditions, AskedWebhook, Observer, PolicyFinding};
use crate::plugin::Plugin;

/// Objects by resource.
#[derive(Default)]
pub(crate) struct FakeCluster {
    objects: HashMap<GroupVersionResource, Vec<Arc<Object>>>,
    equivalents: HashMap<GroupVersionResource, Vec<Equivalent>>,
}

impl FakeCluster {
    pub(crate) fn with(mut self, resource: &GroupVersionResource, object: Value) -> Self {
        let objects = self.objects.entry(resource.clone()).or_default();
        objects.push(Arc::new(Object::unstored(object)));
        self
    }

    pub(crate) fn with_equivalent(mut self, resource: &GroupVersionResource, other: Equivalent) -> Self {
        self.equivalents.entry(resource.clone()).or_default().push(other);
        self
    }

    pub(crate) fn shared(self) -> Arc<dyn Cluster> {
        Arc::new(self)
    }
}

#[async_trait]
impl Cluster for FakeCluster {
    async fn get(
        &self,
        resource: &GroupVersionResource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Object>>, Status> {
        let objects = self.objects.get(resource).into_iter().flatten();
        let mut found = objects.filter(|object| object.namespace() == namespace && object.name() == name);
        Ok(found.next().cloned())
    }

    async fn list(
        &self,
        resource: &GroupVersionResource,
        namespace: Option<&str>,
    ) -> Result<Vec<Arc<Object>>, Status> {
        let objects = self.objects.get(resource).into_iter().flatten();
        let found =
            objects.filter(|object| namespace.is_none_or(|namespace| object.namespace() == namespace));
        Ok(found.cloned().collect())
    }

    fn changed_at(&self, _resource: &GroupVersionResource) -> Result<u64, Status> {
        Ok(1)
    }

    fn served_kind(&self, kind: &GroupVersionKind) -> Option<Served> {
        let resource = kind
            .group_version()
            .resource(format!("{}s", kind.kind.to_lowercase()));
        self.objects.contains_key(&resource).then_some(Served {
            resource,
            is_namespaced: true,
        })
    }

    fn equivalents(&self, resource: &GroupVersionResource, _subresource: &str) -> Vec<Equivalent> {
        self.equivalents.get(resource).cloned().unwrap_or_default()
    }

    fn in_version(
        &self,
        _resource: &GroupVersionResource,
        object: &Value,
        api_version: &str,
    ) -> Result<Value, Status> {
        let mut object = object.clone();
        object["apiVersion"] = api_version.into();
        Ok(object)
    }

    fn read(
        &self,
        _resource: &GroupVersionResource,
        _subresource: &str,
        object: Value,
    ) -> Result<Value, Status> {
        Ok(object)
    }

    /// Objects here are ConfigMaps, or whatever else has nothing but metadata and data.
    fn with_part(
        &self,
        _resource: &GroupVersionResource,
        _subresource: &str,
        object: &Value,
        part: &Value,
    ) -> Result<Value, String> {
        let kind = GroupVersionKind::new("", "v1", "ConfigMap");
        let schema = schema::builtin(&kind).ok_or("no type")?;
        patch::apply::merge_part(object, part, schema).map_err(|error| error.to_string())
    }

    /// Judges, but keeps nothing.
    async fn amend(
        &self,
        _context: &RequestContext,
        resource: &GroupVersionResource,
        namespace: &str,
        name: &str,
        amend: &(dyn for<'a> Fn(&'a mut Value) -> Result<(), Status> + Send + Sync),
    ) -> Result<(), Status> {
        match self.get(resource, namespace, name).await? {
            Some(object) => amend(&mut object.tree()),
            None => Ok(()),
        }
    }
}

/// A write to be admitted.
pub(crate) struct Write {
    pub(crate) user: User,
    pub(crate) operation: Operation,
    pub(crate) resource: GroupVersionResource,
    pub(crate) subresource: &'static str,
    /// The name in the path, if it has one.
    pub(crate) requested_name: &'static str,
    pub(crate) new: Option<Value>,
    pub(crate) old: Option<Value>,
    pub(crate) dry_run: bool,
    /// Where notes go.
    pub(crate) audit: Audit,
}

/// Notes about a write.
#[derive(Debug, Default)]
pub(crate) struct Notebook(Mutex<BTreeMap<String, String>>);

impl Notebook {
    /// All that were taken, `KEY: TEXT`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let notes = self.0.lock();
        notes.iter().map(|(key, text)| format!("{key}: {text}")).collect()
    }
}

impl Trail for Notebook {
    fn note(&self, key: String, text: String) {
        self.0.lock().entry(key).or_insert(text);
    }

    fn refers_to(&self, _metadata: &Value) {}

    fn takes_objects(&self) -> bool {
        true
    }

    fn brought(&self, _json: &[u8]) {}
}

impl Write {
    pub(crate) fn create(resource: &GroupVersionResource, new: Value) -> Self {
        Self {
            user: User::new("someone", &[]),
            operation: Operation::Create,
            resource: resource.clone(),
            subresource: "",
            requested_name: "",
            new: Some(new),
            old: None,
            dry_run: false,
            audit: Audit::default(),
        }
    }

    pub(crate) fn update(resource: &GroupVersionResource, old: Value, new: Value) -> Self {
        Self {
            operation: Operation::Update,
            old: Some(old),
            ..Self::create(resource, new)
        }
    }

    pub(crate) fn delete(resource: &GroupVersionResource, old: Value) -> Self {
        Self {
            operation: Operation::Delete,
            new: None,
            old: Some(old),
            ..Self::create(resource, Value::Null)
        }
    }

    pub(crate) fn by(mut self, user: User) -> Self {
        self.user = user;
        self
    }

    /// The same, with notes taken there.
    pub(crate) fn noted(mut self, notes: &Arc<Notebook>) -> Self {
        let trail: Arc<dyn Trail> = Arc::<Notebook>::clone(notes);
        self.audit = Audit::of(trail);
        self
    }

    pub(crate) fn below(mut self, subresource: &'static str) -> Self {
        self.subresource = subresource;
        self
    }

    /// What a plugin makes of it, or the message of its refusal.
    pub(crate) async fn through(self, plugin: &dyn Plugin) -> Result<Value, String> {
        let admitted = self.seen(async |request| {
            plugin.mutate(request).await?;
            plugin.validate(request).await?;
            Ok(request.object.clone().unwrap_or_default())
        });
        admitted.await.map_err(|status| status.message)
    }

    /// What somebody makes of the request.
    pub(crate) async fn seen<T>(
        self,
        see: impl AsyncFnOnce(&mut AdmissionRequest<'_>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let context = RequestContext {
            dry_run: self.dry_run,
            requested_name: self.requested_name.to_owned(),
            audit: self.audit,
            ..RequestContext::new(Arc::new(self.user), jiff::Timestamp::UNIX_EPOCH)
        };
        let known = self
            .old
            .as_ref()
            .or(self.new.as_ref())
            .cloned()
            .unwrap_or_default();
        let kind = GroupVersionKind::new("", "v1", "Any");
        let mut request = AdmissionRequest {
            context: &context,
            operation: self.operation,
            resource: &self.resource,
            subresource: self.subresource,
            kind: &kind,
            namespace: namespace(&known),
            name: name(&known),
            object: self.new,
            old_object: self.old.as_ref(),
        };
        see(&mut request).await
    }
}

/// Keeps what it is told of webhooks and policies.
#[derive(Default)]
pub(crate) struct Seen(parking_lot::Mutex<Vec<String>>);

impl Seen {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

impl Observer for Seen {
    fn webhook(&self, asked: &AskedWebhook<'_>) {
        let operation = asked.operation.as_str();
        let line = format!("{} {operation} {:?} {:?}", asked.name, asked.step, asked.outcome);
        self.0.lock().push(line);
    }

    fn conditions(&self, asked: &AskedConditions<'_>) {
        let line = format!("{} {} {}", asked.name, asked.errors, asked.is_excluded);
        self.0.lock().push(line);
    }

    fn policy(&self, found: &PolicyFinding<'_>) {
        let why = found.why.unwrap_or("nothing");
        let line = format!("{}/{} {:?}: {why}", found.policy, found.binding, found.action);
        self.0.lock().push(line);
    }
}
