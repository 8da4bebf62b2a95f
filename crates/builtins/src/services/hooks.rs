//! The hooks around writes of Services.

use std::sync::Arc;

use async_trait::async_trait;
use meta::field::{FieldError, Path};
use meta::status::Reason;
use meta::{ErrorList, GroupVersionKind, Status};
use registry::{Hooks, Pending, RequestContext};
use resource::Kind;
use serde_json::{Value, json};

use super::addresses::AddressError;
use super::families::settle;
use super::ledger::{Held, Ledger, Taking, port_number};
use super::others::Others;
use super::ports::PortError;

const SERVICE: GroupVersionKind = GroupVersionKind::new("", "v1", "Service");

/// Gives Services their addresses and ports.
pub struct ServiceAllocation {
    /// Who holds what.
    pub ledger: Arc<Ledger>,
    /// Other servers over the same store, if there may be any.
    pub others: Option<Others>,
    /// The kind of Services: it knows what a client leaves out that stays as it was.
    pub kind: Arc<dyn Kind>,
}

#[async_trait]
impl Hooks for ServiceAllocation {
    async fn begin_create(
        &self,
        context: &RequestContext,
        new: &mut Value,
    ) -> Result<Option<Box<dyn Pending>>, Status> {
        // What the kind does to a new object may be done twice; here it makes one address of its two fields.
        self.kind.prepare_for_create(new);
        let taking = self.take_in_turn(context, new, None).await?;
        Ok(Some(Box::new(taking)))
    }

    async fn begin_update(
        &self,
        context: &RequestContext,
        new: &mut Value,
        old: &Value,
    ) -> Result<Option<Box<dyn Pending>>, Status> {
        self.kind.prepare_for_update(new, old);
        let mut taking = self.take_in_turn(context, new, Some(old)).await?;
        taking.release_after(Held::by(old).without(&Held::by(new)));
        Ok(Some(Box::new(taking)))
    }

    async fn after_delete(&self, _context: &RequestContext, old: &Value) {
        self.ledger.release(&Held::by(old));
    }
}

impl ServiceAllocation {
    /// With other servers, what seems to be taken may have been given back there: it is looked again before anybody is refused.
    async fn take_in_turn(
        &self,
        context: &RequestContext,
        new: &mut Value,
        old: Option<&Value>,
    ) -> Result<Taking, Status> {
        let Some(others) = &self.others else {
            let mut taking = self.ledger.begin(context.dry_run, None);
            self.take(&mut taking, new, old)?;
            return Ok(taking);
        };
        let mut refused = None;
        for _ in 0..2 {
            let turn = others.turn(&self.ledger).await?;
            let mut taking = self.ledger.begin(context.dry_run, Some(turn));
            let mut filled = new.clone();
            match self.take(&mut taking, &mut filled, old) {
                Ok(()) => {
                    *new = filled;
                    return Ok(taking);
                }
                Err(status) => refused = Some(status),
            }
        }
        Err(refused.unwrap_or_else(|| Status::internal("nothing was tried")))
    }

    fn take(&self, taking: &mut Taking, new: &mut Value, old: Option<&Value>) -> Result<(), Status> {
        let name = meta::object::name(new).to_owned();
        let invalid = |errors: &ErrorList| Status::invalid(&SERVICE, &name, errors);
        let held = old.map(Held::by).unwrap_or_default();
        let old_spec = old.map(|old| &old["spec"]);
        let errors = self.kind.validate_wishes(new);
        if !errors.is_empty() {
            return Err(invalid(&errors));
        }
        let spec = &mut new["spec"];
        // Validation will say what is wrong.
        if names_two_addresses(spec) {
            return Ok(());
        }
        if has_address(spec) {
            let old_spec = old_spec.filter(|old| has_address(old));
            let kept = old_spec.map_or(0, address_count);
            match settle(spec, old_spec, self.ledger.families()).map_err(|errors| invalid(&errors))? {
                Some(families) if !families.is_empty() => {
                    let addresses = Addresses { taking, kept };
                    addresses
                        .take(spec, &families)
                        .map_err(|error| error.into_status(&invalid))?;
                }
                Some(_) => spec["clusterIP"] = "None".into(),
                None => return Ok(()),
            }
        }
        let mut ports = Ports {
            taking,
            held: &held,
            is_update: old.is_some(),
        };
        if has_node_ports(spec) {
            ports.take(spec).map_err(|error| error.into_status(&invalid))?;
        }
        // A port that was there before stays, whatever is asked for: that it is another one is found later.
        let had_one = old.is_some_and(|old| has_health_check_port(&old["spec"]));
        if has_health_check_port(spec) && !had_one {
            ports
                .take_health_check(spec)
                .map_err(|error| error.into_status(&invalid))?;
        }
        Ok(())
    }
}

/// Why a write cannot have what it needs.
enum TakeError {
    Invalid(FieldError),
    Internal(String),
    Plain(String),
}

impl TakeError {
    fn into_status(self, invalid: &dyn Fn(&ErrorList) -> Status) -> Status {
        match self {
            Self::Invalid(error) => invalid(&vec![error]),
            Self::Internal(what) => Status::internal(what),
            Self::Plain(message) => Status::failure(500, Reason::UNKNOWN, message),
        }
    }
}

struct Addresses<'a> {
    taking: &'a mut Taking,
    /// How many the Service has already. Those can only be changed to something invalid.
    kept: usize,
}

impl Addresses<'_> {
    /// An address for each family: the one that is written, or some.
    fn take(self, spec: &mut Value, families: &[super::Family]) -> Result<(), TakeError> {
        let written = spec["clusterIPs"].clone();
        let mut addresses: Vec<Value> = written.as_array().cloned().unwrap_or_default();
        for address in addresses.iter().skip(self.kept) {
            let Some(ip) = address.as_str().and_then(|text| text.parse().ok()) else {
                continue;
            };
            self.taking
                .address(ip)
                .map_err(|error| refused(&written, ip, error))?;
        }
        for family in families.iter().skip(addresses.len()) {
            let address = self.taking.any_address(*family);
            let address = address
                .map_err(|error| TakeError::Internal(format!("failed to allocate a serviceIP: {error}")))?;
            addresses.push(json!(address));
        }
        spec["clusterIP"] = addresses.first().cloned().unwrap_or_default();
        spec["clusterIPs"] = addresses.into();
        Ok(())
    }
}

/// How many addresses are written; a Service without any on purpose has none.
fn address_count(spec: &Value) -> usize {
    let written = spec["clusterIPs"].as_array().into_iter().flatten();
    written.filter(|ip| ip.as_str() != Some("None")).count()
}

/// Whether the two fields for the first address disagree.
fn names_two_addresses(spec: &Value) -> bool {
    let first = spec["clusterIP"].as_str().unwrap_or_default();
    let of_list = spec["clusterIPs"][0].as_str().unwrap_or_default();
    !first.is_empty() && !of_list.is_empty() && first != of_list
}

fn refused(written: &Value, ip: std::net::IpAddr, error: AddressError) -> TakeError {
    let why = format!("failed to allocate IP {ip}: {error}");
    TakeError::Invalid(FieldError::invalid(
        &Path::new("spec.clusterIPs"),
        written.clone(),
        &why,
    ))
}

struct Ports<'a> {
    taking: &'a mut Taking,
    held: &'a Held,
    /// Upstream looks less closely at updates: a port named twice fails later, and in other words.
    is_update: bool,
}

impl Ports<'_> {
    /// A node port for each port. Ports of one number and several protocols share one.
    fn take(&mut self, spec: &mut Value) -> Result<(), TakeError> {
        let ports = spec["ports"]
            .as_array_mut()
            .map(Vec::as_mut_slice)
            .unwrap_or_default();
        let mut given: Vec<(Value, Value, u16)> = Vec::new();
        for index in 0..ports.len() {
            let (protocol, number) = (ports[index]["protocol"].clone(), ports[index]["port"].clone());
            let is_mine = |port: u16| {
                given
                    .iter()
                    .any(|(_, n, p)| *p == port && (*n == number || self.is_update))
            };
            if let Some(wrong) = no_port(&ports[index]["nodePort"]) {
                let refused = self.taking.no_port();
                refused.map_err(|error| invalid_port(index, wrong, &error))?;
                continue;
            }
            let chosen = port_number(&ports[index]["nodePort"]);
            let port = match chosen.or_else(|| shared(ports, &number, &given)) {
                Some(port) if self.held.ports.contains(&port) || is_mine(port) => port,
                Some(port) => {
                    let taken = self.taking.port(port);
                    taken.map_err(|error| invalid_port(index, port, &error))?;
                    port
                }
                None => {
                    let port = self.taking.any_port();
                    port.map_err(|error| {
                        TakeError::Internal(format!("failed to allocate a nodePort: {error}"))
                    })?
                }
            };
            // Validation says so of a new service, and in other words.
            if self.is_update && given.iter().any(|(other, _, p)| *other == protocol && *p == port) {
                let protocol = protocol.as_str().unwrap_or_default();
                return Err(TakeError::Plain(format!(
                    "duplicate nodePort: {{{protocol} {port}}}"
                )));
            }
            ports[index]["nodePort"] = port.into();
            given.push((protocol, number, port));
        }
        Ok(())
    }

    fn take_health_check(&mut self, spec: &mut Value) -> Result<(), TakeError> {
        if let Some(wrong) = no_port(&spec["healthCheckNodePort"]) {
            let refused = if self.is_update {
                Ok(())
            } else {
                self.taking.no_port()
            };
            return refused.map_err(|error| {
                TakeError::Internal(format!(
                    "failed to allocate requested HealthCheck NodePort {wrong}: {error}"
                ))
            });
        }
        let port = match port_number(&spec["healthCheckNodePort"]) {
            Some(port) if self.held.ports.contains(&port) => return Ok(()),
            Some(port) => {
                let failed =
                    |error| format!("failed to allocate requested HealthCheck NodePort {port}: {error}");
                self.taking
                    .port(port)
                    .map_err(|error| TakeError::Internal(failed(error)))?;
                port
            }
            None => {
                let failed = |error| format!("failed to allocate a HealthCheck NodePort: {error}");
                self.taking
                    .any_port()
                    .map_err(|error| TakeError::Internal(failed(error)))?
            }
        };
        spec["healthCheckNodePort"] = port.into();
        Ok(())
    }
}

/// The node port that a port of the same number has, or is about to have.
fn shared(ports: &[Value], number: &Value, given: &[(Value, Value, u16)]) -> Option<u16> {
    let before = given
        .iter()
        .find(|(_, n, _)| n == number)
        .map(|(_, _, port)| *port);
    let after = || {
        ports
            .iter()
            .filter(|port| port["port"] == *number)
            .find_map(|p| port_number(&p["nodePort"]))
    };
    before.or_else(after)
}

/// A number that cannot be a port's.
fn no_port(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .filter(|number| *number != 0 && u16::try_from(*number).is_err())
}

fn invalid_port(index: usize, port: impl Into<Value>, error: &PortError) -> TakeError {
    let path = Path::new("spec.ports").index(index).child("nodePort");
    TakeError::Invalid(FieldError::invalid(&path, port, &error.to_string()))
}

fn is_type(spec: &Value, types: &[&str]) -> bool {
    spec["type"].as_str().is_some_and(|kind| types.contains(&kind))
}

fn has_address(spec: &Value) -> bool {
    !is_type(spec, &["ExternalName"])
}

fn has_node_ports(spec: &Value) -> bool {
    is_type(spec, &["NodePort"])
        || (is_type(spec, &["LoadBalancer"]) && spec["allocateLoadBalancerNodePorts"] != false)
}

fn has_health_check_port(spec: &Value) -> bool {
    is_type(spec, &["LoadBalancer"]) && spec["externalTrafficPolicy"] == "Local"
}
