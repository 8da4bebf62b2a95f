//! What happens around writes of some resources: Services get addresses and ports, roles are not given beyond one's own,
//! requests for certificates say who asks, keys are compared with their certificates.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use auth::Authorizer;
use auth::rbac::{GROUP, RbacIndex};
use builtins::{
    AddressRange, AdminAccess, GrantCheck, Holdings, KeyPairs, Ledger, Others, PortRange, ServiceAllocation,
    StampRequester, StampTaints,
};
use meta::{GroupResource, GroupVersionResource, Status};
use registry::{Hooks, ListOptions, Registry, Resource, WeakRegistry};
use serde_json::Value;
use store::{Key, Revision, StateStore};

use super::options::ServerOptions;

const SERVICES: GroupVersionResource = GroupVersionResource::new("", "v1", "services");

/// Masters over one datastore write this when they give a Service addresses or ports.
const TAKEN: &str = "/pintle/service-allocations";

/// The hooks of all resources that have any. What Services hold already is read from the registry. `others` is the store if
/// other masters write to it too.
pub(super) async fn all(
    options: &ServerOptions,
    registry: &Registry,
    roles: &Arc<RbacIndex>,
    authorizer: &Arc<dyn Authorizer>,
    others: Option<Arc<dyn StateStore>>,
) -> Result<HashMap<GroupResource, Arc<dyn Hooks>>, Status> {
    let mut hooks: HashMap<GroupResource, Arc<dyn Hooks>> = HashMap::new();
    for plural in ["roles", "clusterroles", "rolebindings", "clusterrolebindings"] {
        let check = GrantCheck {
            index: Arc::clone(roles),
            authorizer: Arc::clone(authorizer),
            plural,
        };
        hooks.insert(GroupResource::new(GROUP, plural), Arc::new(check));
    }
    let requests = GroupResource::new("certificates.k8s.io", "certificatesigningrequests");
    hooks.insert(requests, Arc::new(StampRequester));
    hooks.insert(GroupResource::new("", "secrets"), Arc::new(KeyPairs));
    of_devices(&mut hooks, registry, authorizer);
    let services = registry.resource(&SERVICES);
    let services = services.ok_or_else(not_served)?;
    let held = all_of(&services).await?;
    let ports = &options.service_node_port_range;
    let allocation = ServiceAllocation {
        ledger: Ledger::new(
            vec![AddressRange::new(options.service_cidr.into())],
            PortRange::new(ports.first..=ports.last),
            &held,
        ),
        others: others.map(|store| {
            let services = registry.downgrade();
            Others::new(Key::from(TAKEN), Arc::new(Services { store, services }))
        }),
        kind: Arc::clone(services.kind()),
    };
    hooks.insert(SERVICES.group_resource(), Arc::new(allocation));
    Ok(hooks)
}

/// Claims to devices, their templates, and slices of devices.
fn of_devices(
    hooks: &mut HashMap<GroupResource, Arc<dyn Hooks>>,
    registry: &Registry,
    authorizer: &Arc<dyn Authorizer>,
) {
    const DEVICES: &str = "resource.k8s.io";
    for (plural, spec) in [
        ("resourceclaims", "/spec"),
        ("resourceclaimtemplates", "/spec/spec"),
    ] {
        let claims = GroupVersionResource::new(DEVICES, "v1", plural);
        let Some(claims) = registry.resource(&claims) else {
            continue;
        };
        let check = AdminAccess {
            registry: registry.downgrade(),
            kind: Arc::clone(claims.kind()),
            spec,
            authorizer: Arc::clone(authorizer),
        };
        hooks.insert(GroupResource::new(DEVICES, plural), Arc::new(check));
    }
    let slices = GroupResource::new(DEVICES, "resourceslices");
    hooks.insert(slices, Arc::new(StampTaints));
}

fn not_served() -> Status {
    Status::internal("services are not served")
}

async fn all_of(services: &Resource) -> Result<Vec<Value>, Status> {
    let page = services.list(None, &ListOptions::default()).await?;
    Ok(page.items.iter().map(|service| service.tree()).collect())
}

/// What the Services of all masters hold.
struct Services {
    store: Arc<dyn StateStore>,
    services: WeakRegistry,
}

#[async_trait]
impl Holdings for Services {
    async fn read(&self, key: &Key) -> Result<(Revision, Vec<Value>), Status> {
        let written = self.store.get(key, None).await;
        let written = written.map_err(|error| Status::service_unavailable(error.to_string()))?;
        let services = self.services.upgrade()?.resource(&SERVICES);
        let held = all_of(&*services.ok_or_else(not_served)?).await?;
        Ok((written.map_or(Revision::ZERO, |held| held.mod_revision), held))
    }
}
