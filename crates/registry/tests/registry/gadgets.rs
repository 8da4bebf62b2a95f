//! A namespaced kind with everything the algorithm asks about, and a cluster around it.

use std::sync::Arc;

use meta::{ErrorList, FieldError, GroupVersionKind, GroupVersionResource, Path, Status, User};
use registry::{GetOptions, Object, Plugins, Registry, RequestContext, Resource, StorageEncoding};
use resource::{
    Deletion, Descriptor, Kind, Projection, Scope, StoredForm, Strategy, Subresource, SubresourceKind, Verb,
};
use serde_json::{Value, json};
use store::StateStore;
use store::memory::MemoryStore;

/// Stored like a PodDisruptionBudget, whose types it borrows.
pub struct Gadgets {
    descriptor: Descriptor,
    graceful: bool,
}

pub const GADGETS: GroupVersionResource = GroupVersionResource::new("policy", "v1", "gadgets");
pub const GRACEFUL: GroupVersionResource = GroupVersionResource::new("policy", "v1", "graceful");

pub const KIND: GroupVersionKind = GroupVersionKind::new("policy", "v1", "PodDisruptionBudget");

/// What the subresource `healthy` shows of a gadget.
const SCALE: GroupVersionKind = GroupVersionKind::new("autoscaling", "v1", "Scale");

impl Gadgets {
    pub fn kind(plural: &str, graceful: bool) -> Arc<dyn Kind> {
        let subresource = |name: &str, kind, works_as| Subresource {
            name: name.to_owned(),
            kind,
            verbs: vec![Verb::Get, Verb::Patch, Verb::Update],
            works_as,
        };
        let descriptor = Descriptor {
            kind: KIND,
            list_kind: String::from("GadgetList"),
            plural: plural.to_owned(),
            singular: String::new(),
            scope: Scope::Namespaced,
            verbs: vec![Verb::Create, Verb::Get, Verb::List, Verb::Update],
            short_names: Vec::new(),
            categories: Vec::new(),
            subresources: vec![
                subresource("status", KIND, SubresourceKind::Part),
                subresource("healthy", SCALE, SubresourceKind::Projection(Arc::new(Healthy))),
            ],
            storage_prefix: format!("/registry/{plural}/"),
            stored_form: StoredForm {
                api_version: KIND.api_version(),
                protobuf: true,
            },
            storage_version_hash: String::new(),
            schema: schema::builtin(&KIND).expect("a built-in kind"),
        };
        Arc::new(Self { descriptor, graceful })
    }
}

#[derive(Debug)]
struct Healthy;

impl Projection for Healthy {
    fn place_of_replicas(&self) -> Vec<&str> {
        vec!["spec", "minAvailable"]
    }

    fn read(&self, object: &Value) -> Result<Value, Status> {
        read(object)
    }

    fn write(&self, object: &mut Value, wishes: &Value) -> Result<(), Status> {
        write(object, wishes)
    }
}

fn read(gadget: &Value) -> Result<Value, Status> {
    let metadata = &gadget["metadata"];
    Ok(json!({
        "apiVersion": "autoscaling/v1", "kind": "Scale",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "resourceVersion": metadata["resourceVersion"],
        },
        "spec": {"replicas": gadget["spec"]["minAvailable"]},
    }))
}

fn write(gadget: &mut Value, scale: &Value) -> Result<(), Status> {
    gadget["spec"]["minAvailable"] = scale["spec"]["replicas"].clone();
    Ok(())
}

impl Kind for Gadgets {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }
}

impl Strategy for Gadgets {
    fn default(&self, gadget: &mut Value) {
        let spec = &mut gadget["spec"];
        if spec["unhealthyPodEvictionPolicy"].is_null() {
            spec["unhealthyPodEvictionPolicy"] = "IfHealthyBudget".into();
        }
    }

    fn validate(&self, gadget: &Value) -> ErrorList {
        let least = &gadget["spec"]["minAvailable"];
        if least.as_i64().is_some_and(|least| least < 0) {
            let path = Path::new("spec.minAvailable");
            return vec![FieldError::invalid(&path, least.clone(), "must not be negative")];
        }
        ErrorList::new()
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        if prefix {
            meta::name::dns1123_subdomain_prefix(name)
        } else {
            meta::name::dns1123_subdomain(name)
        }
    }

    fn generation_image<'a>(&self, gadget: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(gadget)
    }

    fn deletion(&self, _gadget: &Value, requested: Option<i64>) -> Deletion {
        match self.graceful {
            true => Deletion::Graceful {
                grace_period_seconds: requested.unwrap_or(30),
            },
            false => Deletion::Immediate,
        }
    }

    fn returns_deleted_object(&self) -> bool {
        self.graceful
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        match subresource {
            "status" => &["spec"],
            _ => &["status"],
        }
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["spec.minAvailable"]
    }

    fn selectable_fields(&self, gadget: &Value) -> Vec<(&'static str, String)> {
        let least = &gadget["spec"]["minAvailable"];
        let text = if least.is_null() {
            String::new()
        } else {
            least.to_string()
        };
        vec![("spec.minAvailable", text)]
    }
}

/// A registry over an empty store.
pub struct Cluster {
    pub store: MemoryStore,
    pub gadgets: Arc<Resource>,
    pub graceful: Arc<Resource>,
    pub context: RequestContext,
}

impl Cluster {
    pub async fn start() -> Self {
        Self::over(MemoryStore::new()).await
    }

    pub async fn over(store: MemoryStore) -> Self {
        let registry = start(Arc::new(store.clone()), StorageEncoding::Json).await;
        Self::of(store, &registry)
    }

    /// A registry over another face of `store`.
    pub async fn through(face: Arc<dyn StateStore>, store: MemoryStore, encoding: StorageEncoding) -> Self {
        Self::of(store, &start(face, encoding).await)
    }

    fn of(store: MemoryStore, registry: &Registry) -> Self {
        registry.plug(Plugins::default());
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let mut context = RequestContext::new(Arc::new(User::new("someone", &[])), now);
        context.field_manager = String::from("tests");
        Self {
            gadgets: registry.resource(&GADGETS).unwrap(),
            graceful: registry.resource(&GRACEFUL).unwrap(),
            store,
            context,
        }
    }

    pub fn dry(&self) -> RequestContext {
        RequestContext {
            dry_run: true,
            ..self.context.clone()
        }
    }

    pub async fn create(&self, gadget: Value) -> Arc<Object> {
        let namespace = meta::object::namespace(&gadget).to_owned();
        let created = self.gadgets.create(&self.context, &namespace, gadget).await;
        created.unwrap().object
    }

    pub async fn read(&self, name: &str) -> Result<Value, Status> {
        let object = self.gadgets.get("ns", name, &GetOptions::default()).await?;
        Ok(object.tree())
    }

    /// The number of the store's newest commit.
    pub fn revision(&self) -> u64 {
        self.store.current_revision().get()
    }
}

async fn start(store: Arc<dyn StateStore>, encoding: StorageEncoding) -> Registry {
    let kinds = vec![Gadgets::kind("gadgets", false), Gadgets::kind("graceful", true)];
    Registry::start(store, kinds, encoding).await.unwrap()
}

/// A gadget in the namespace `ns`.
pub fn gadget(name: &str) -> Value {
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "ns"},
        "spec": {"minAvailable": 1},
    })
}

/// The same with labels.
pub fn labelled(name: &str, labels: Value) -> Value {
    let mut gadget = gadget(name);
    gadget["metadata"]["labels"] = labels;
    gadget
}

pub fn version(object: &Object) -> u64 {
    object.resource_version().unwrap().get()
}

#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, Status>, code: u16, message: &str) {
    let status = result.expect_err("refused");
    assert_eq!((status.code, status.message.as_str()), (code, message));
}
