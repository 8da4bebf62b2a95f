//! Ranges of Service addresses: each says whether addresses are given out of it, and stays while one is in use that no
//! other range has.

use std::net::IpAddr;
use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::networking::v1::{IPAddress, ServiceCIDR};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use client::{Client, Informer, Patch, PatchOptions, Scope, WorkQueue, run_workers};
use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::json;

use crate::context::{Context, ControllerError, doing};

/// The controller's name; also its service account.
pub const NAME: &str = "service-cidrs-controller";
const FINALIZER: &str = "networking.k8s.io/service-cidr-finalizer";
const READY: &str = "Ready";

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        ranges: context.informers().of::<ServiceCIDR>(),
        addresses: context.informers().of::<IPAddress>(),
    });
    let queue: WorkQueue<String> = WorkQueue::new();
    controller.ranges.synced().await;
    controller.addresses.synced().await;
    controller.watch(&queue);
    run_workers(NAME, queue, 1, context.shutdown(), move |name| {
        controller.clone().reconcile(name)
    })
    .await;
}

struct Controller {
    client: Client,
    ranges: Informer<ServiceCIDR>,
    addresses: Informer<IPAddress>,
}

/// The ranges of an object, of one family or both.
fn networks(range: &ServiceCIDR) -> Vec<IpNet> {
    let cidrs = range.spec.as_ref().and_then(|spec| spec.cidrs.as_ref());
    cidrs
        .into_iter()
        .flatten()
        .filter_map(|cidr| cidr.parse().ok())
        .collect()
}

/// What is to be done with a range.
#[derive(Debug, PartialEq)]
enum Step {
    /// Addresses are given out of it.
    Serve,
    /// It is on its way out, but addresses of it are in use.
    Keep,
    /// Nobody needs it.
    LetGo,
}

impl Controller {
    fn watch(&self, queue: &WorkQueue<String>) {
        let (to, ranges) = (queue.clone(), self.ranges.clone());
        // Another range that comes or goes changes which addresses this one alone has.
        self.ranges.on_change(move |change| {
            let own = change.object().and_then(|range| range.metadata.name.clone());
            let leaving = ranges.store().list();
            let leaving = leaving
                .iter()
                .filter(|range| range.metadata.deletion_timestamp.is_some());
            own.into_iter()
                .chain(leaving.filter_map(|range| range.metadata.name.clone()))
                .for_each(|name| to.add(name));
        });
        let (to, ranges) = (queue.clone(), self.ranges.clone());
        self.addresses.on_change(move |change| {
            if change.new.is_some() {
                return;
            }
            for range in ranges.store().list() {
                if range.metadata.deletion_timestamp.is_some() {
                    to.add(range.metadata.name.clone().unwrap_or_default());
                }
            }
        });
    }

    async fn reconcile(self: Arc<Self>, name: String) -> Result<Outcome, ControllerError> {
        let Some(range) = self.ranges.store().get("", &name) else {
            return Ok(Outcome::Done);
        };
        let others: Vec<_> = self
            .ranges
            .store()
            .list()
            .into_iter()
            .filter(|other| other.metadata.name != range.metadata.name)
            .collect();
        let addresses = self.addresses.store().list();
        let in_use = addresses
            .iter()
            .filter_map(|address| address.metadata.name.as_deref()?.parse().ok());
        match step(&range, &others, in_use) {
            Step::Serve => {
                let patch = json!({ "metadata": { "finalizers": [FINALIZER] } });
                if !has_finalizer(&range) {
                    self.patch(&name, &patch).await?;
                }
                self.say(&range, true, "", "Kubernetes Service CIDR is ready")
                    .await?;
            }
            Step::Keep => {
                let message = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a \
                               new ServiceCIDR";
                self.say(&range, false, "Terminating", message).await?;
            }
            Step::LetGo if has_finalizer(&range) => {
                let patch = json!({ "metadata": { "$deleteFromPrimitiveList/finalizers": [FINALIZER] } });
                self.patch(&name, &patch).await?;
            }
            Step::LetGo => {}
        }
        Ok(Outcome::Done)
    }

    async fn patch(&self, name: &str, patch: &serde_json::Value) -> Result<(), ControllerError> {
        let options = PatchOptions::default();
        let result = self
            .client
            .patch::<ServiceCIDR>(Scope::Cluster, name, Patch::Strategic(patch), &options)
            .await;
        optional(result)
            .map_err(doing("protect a range of addresses"))
            .map(drop)
    }

    async fn say(
        &self,
        range: &ServiceCIDR,
        ready: bool,
        reason: &str,
        message: &str,
    ) -> Result<(), ControllerError> {
        let value = if ready { "True" } else { "False" };
        let conditions = range.status.as_ref().and_then(|status| status.conditions.clone());
        let mut conditions = conditions.unwrap_or_default();
        let old = conditions.iter().position(|condition| condition.type_ == READY);
        if old.is_some_and(|at| conditions[at].status == value && conditions[at].message == message) {
            return Ok(());
        }
        let condition = Condition {
            type_: READY.to_owned(),
            status: value.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            observed_generation: None,
            last_transition_time: Time(Timestamp::now()),
        };
        match old {
            Some(at) => conditions[at] = condition,
            None => conditions.push(condition),
        }
        let mut changed = range.clone();
        changed.status.get_or_insert_default().conditions = Some(conditions);
        let result = self.client.replace_status(&changed).await;
        optional(result).map_err(doing("update the status")).map(drop)
    }
}

fn has_finalizer(range: &ServiceCIDR) -> bool {
    let finalizers = range.metadata.finalizers.as_ref();
    finalizers.is_some_and(|finalizers| finalizers.iter().any(|finalizer| finalizer == FINALIZER))
}

/// Decides by the other ranges and the addresses in use.
fn step(range: &ServiceCIDR, others: &[Arc<ServiceCIDR>], in_use: impl Iterator<Item = IpAddr>) -> Step {
    if range.metadata.deletion_timestamp.is_none() {
        return Step::Serve;
    }
    let own = networks(range);
    let staying = others
        .iter()
        .filter(|other| other.metadata.deletion_timestamp.is_none());
    let others: Vec<IpNet> = staying.flat_map(|other| networks(other)).collect();
    let within = |networks: &[IpNet], address: &IpAddr| networks.iter().any(|net| net.contains(address));
    let mut addresses = in_use;
    if addresses.any(|address| within(&own, &address) && !within(&others, &address)) {
        Step::Keep
    } else {
        Step::LetGo
    }
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::networking::v1::ServiceCIDRSpec;
    use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    fn range(cidr: &str, deleted: bool) -> ServiceCIDR {
        ServiceCIDR {
            metadata: ObjectMeta {
                deletion_timestamp: deleted.then_some(Time(Timestamp::UNIX_EPOCH)),
                ..ObjectMeta::default()
            },
            spec: Some(ServiceCIDRSpec {
                cidrs: Some(vec![cidr.into()]),
            }),
            ..ServiceCIDR::default()
        }
    }

    fn check(deleted: bool, others: &[ServiceCIDR], in_use: &[&str], expected: Step) {
        let others: Vec<_> = others.iter().cloned().map(Arc::new).collect();
        let addresses = in_use.iter().map(|address| address.parse().unwrap());
        let range = range("10.0.0.0/24", deleted);
        assert_eq!(step(&range, &others, addresses), expected, "{deleted} {in_use:?}");
    }

    #[test]
    fn a_range_stays_while_it_alone_has_an_address() {
        check(false, &[], &["10.0.0.1"], Step::Serve);
        check(true, &[], &["10.0.0.1"], Step::Keep);
        check(true, &[], &["10.0.1.1"], Step::LetGo);
        check(true, &[range("10.0.0.0/16", false)], &["10.0.0.1"], Step::LetGo);
        check(true, &[range("10.0.0.0/16", true)], &["10.0.0.1"], Step::Keep);
    }
}
