//! What happens around writes of some resources: Services get addresses and ports, roles are not given beyond one's own,
//! requests for certificates say who asks.

use std::collections::HashMap;
use std::sync::Arc;

use auth::Authorizer;
use auth::rbac::{GROUP, RbacIndex};
use builtins::{AddressRange, GrantCheck, Ledger, PortRange, ServiceAllocation, StampRequester};
use meta::{GroupResource, GroupVersionResource, Status};
use registry::{Hooks, ListOptions, Registry};

use super::options::ServerOptions;

const SERVICES: GroupVersionResource = GroupVersionResource::new("", "v1", "services");

/// The hooks of all resources that have any. What Services hold already is read from the registry.
pub(super) async fn all(
    options: &ServerOptions,
    registry: &Registry,
    roles: &Arc<RbacIndex>,
    authorizer: &Arc<dyn Authorizer>,
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
    let services = registry.resource(&SERVICES);
    let services = services.ok_or_else(|| Status::internal("services are not served"))?;
    let page = services.list(None, &ListOptions::default()).await?;
    let held: Vec<_> = page.items.iter().map(|service| service.tree()).collect();
    let ports = &options.service_node_port_range;
    let allocation = ServiceAllocation {
        ledger: Ledger::new(
            vec![AddressRange::new(options.service_cidr.into())],
            PortRange::new(ports.first..=ports.last),
            &held,
        ),
        kind: Arc::clone(services.kind()),
    };
    hooks.insert(SERVICES.group_resource(), Arc::new(allocation));
    Ok(hooks)
}
