//! The reading as `/stats/summary` tells it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::node::FilesystemUse;
use super::reading::{ContainerUse, PodUse, Reading, value};
use crate::cri::message::{CpuUsage, FilesystemUsage, MemoryUsage, NetworkUsage};

/// The summary.
pub fn summary(reading: &Reading, node_name: &str) -> Value {
    let (node, at) = (&reading.node, seconds(reading.at));
    let memory = &node.memory;
    let filesystem = node.filesystem.map(|filesystem| of_filesystem(&filesystem, &at));
    json!({
        "node": without_nulls(json!({
            "nodeName": node_name,
            "startTime": seconds(node.started_at),
            "cpu": { "time": at, "usageCoreNanoSeconds": node.cpu_nanoseconds },
            "memory": {
                "time": at,
                "availableBytes": memory.total.saturating_sub(memory.working_set),
                "usageBytes": memory.used,
                "workingSetBytes": memory.working_set,
                "rssBytes": memory.anonymous,
            },
            "fs": filesystem,
            "runtime": { "imageFs": reading.images.first().map(|images| of_images(images, node.filesystem)) },
        })),
        "pods": reading.pods.iter().map(|pod| of_pod(pod, reading)).collect::<Vec<_>>(),
    })
}

fn of_pod(pod: &PodUse, reading: &Reading) -> Value {
    let at = reading.at;
    let cpu = pod.cpu.map(|cpu| of_cpu(cpu, at)).or_else(|| {
        let used = pod.cpu_nanoseconds()?;
        Some(json!({ "time": seconds(at), "usageCoreNanoSeconds": used }))
    });
    let memory = pod.memory.map(|memory| of_memory(memory, at)).or_else(|| {
        let used = pod.working_set()?;
        Some(json!({ "time": seconds(at), "workingSetBytes": used }))
    });
    without_nulls(json!({
        "podRef": { "name": pod.pod.name, "namespace": pod.pod.namespace, "uid": pod.pod.uid },
        "startTime": pod.started_at.map(seconds),
        "containers": pod.containers.iter().map(|container| of_container(container, at)).collect::<Vec<_>>(),
        "cpu": cpu,
        "memory": memory,
        "network": pod.network.as_ref().map(|network| of_network(network, at)),
    }))
}

fn of_container(container: &ContainerUse, at: Timestamp) -> Value {
    let stats = &container.stats;
    let rootfs = stats.writable_layer.as_ref().map(|layer| {
        without_nulls(json!({
            "time": seconds(at),
            "usedBytes": value(layer.used_bytes),
            "inodesUsed": value(layer.inodes_used),
        }))
    });
    without_nulls(json!({
        "name": container.name,
        "startTime": container.started_at.map(seconds),
        "cpu": stats.cpu.map(|cpu| of_cpu(cpu, at)),
        "memory": stats.memory.map(|memory| of_memory(memory, at)),
        "rootfs": rootfs,
    }))
}

fn of_cpu(cpu: CpuUsage, at: Timestamp) -> Value {
    without_nulls(json!({
        "time": seconds(taken_at(cpu.timestamp, at)),
        "usageNanoCores": value(cpu.usage_nano_cores),
        "usageCoreNanoSeconds": value(cpu.usage_core_nano_seconds),
    }))
}

fn of_memory(memory: MemoryUsage, at: Timestamp) -> Value {
    without_nulls(json!({
        "time": seconds(taken_at(memory.timestamp, at)),
        "availableBytes": value(memory.available_bytes),
        "usageBytes": value(memory.usage_bytes),
        "workingSetBytes": value(memory.working_set_bytes),
        "rssBytes": value(memory.rss_bytes),
        "pageFaults": value(memory.page_faults),
        "majorPageFaults": value(memory.major_page_faults),
    }))
}

fn of_network(network: &NetworkUsage, at: Timestamp) -> Value {
    let interface = |interface: &crate::cri::message::NetworkInterfaceUsage| {
        without_nulls(json!({
            "name": interface.name,
            "rxBytes": value(interface.rx_bytes),
            "rxErrors": value(interface.rx_errors),
            "txBytes": value(interface.tx_bytes),
            "txErrors": value(interface.tx_errors),
        }))
    };
    let mut all = match network.default_interface.as_ref().map(interface) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    };
    all.insert("time".to_owned(), seconds(taken_at(network.timestamp, at)).into());
    let interfaces = network.default_interface.iter().chain(&network.interfaces);
    all.insert(
        "interfaces".to_owned(),
        interfaces.map(interface).collect::<Vec<_>>().into(),
    );
    Value::Object(all)
}

fn of_filesystem(filesystem: &FilesystemUse, at: &str) -> Value {
    json!({
        "time": at,
        "availableBytes": filesystem.available,
        "capacityBytes": filesystem.capacity,
        "usedBytes": filesystem.used,
        "inodesFree": filesystem.inodes_free,
        "inodes": filesystem.inodes,
        "inodesUsed": filesystem.inodes.saturating_sub(filesystem.inodes_free),
    })
}

fn of_images(images: &FilesystemUsage, around: Option<FilesystemUse>) -> Value {
    without_nulls(json!({
        "time": Timestamp::from_nanosecond(images.timestamp.into()).map(seconds).ok(),
        "availableBytes": around.map(|around| around.available),
        "capacityBytes": around.map(|around| around.capacity),
        "usedBytes": value(images.used_bytes),
        "inodesFree": around.map(|around| around.inodes_free),
        "inodes": around.map(|around| around.inodes),
        "inodesUsed": value(images.inodes_used),
    }))
}

/// When the runtime took a number; else when it was asked.
fn taken_at(nanoseconds: i64, otherwise: Timestamp) -> Timestamp {
    match nanoseconds {
        0 => otherwise,
        nanoseconds => Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or(otherwise),
    }
}

/// Times of the API have whole seconds.
fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}

/// What is not known is not told.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::{MemoryUse, NodeUse};
    use super::*;
    use crate::cri::message::{ContainerStats, UInt64Value};
    use crate::pod::PodLabels;

    #[test]
    fn what_is_known_is_told() {
        let stats = ContainerStats {
            cpu: Some(CpuUsage {
                timestamp: 1_767_225_600_000_000_000,
                usage_core_nano_seconds: Some(UInt64Value { value: 7 }),
                usage_nano_cores: None,
            }),
            ..ContainerStats::default()
        };
        let reading = Reading {
            at: "2026-01-01T00:00:10.5Z".parse().unwrap(),
            node: NodeUse {
                memory: MemoryUse {
                    total: 100,
                    working_set: 40,
                    ..MemoryUse::default()
                },
                ..NodeUse::default()
            },
            pods: vec![PodUse {
                pod: PodLabels {
                    namespace: "n".to_owned(),
                    name: "p".to_owned(),
                    uid: "u".to_owned(),
                },
                containers: vec![ContainerUse {
                    id: "id".to_owned(),
                    name: "c".to_owned(),
                    image: String::new(),
                    started_at: None,
                    stats,
                }],
                started_at: None,
                cpu: None,
                memory: None,
                network: None,
            }],
            images: Vec::new(),
        };
        let told = summary(&reading, "node");
        assert_eq!(told["node"]["nodeName"], "node");
        assert_eq!(told["node"]["memory"]["availableBytes"], 60);
        assert_eq!(told["node"].get("fs"), None);
        let pod = json!({
            "podRef": { "name": "p", "namespace": "n", "uid": "u" },
            "containers": [{ "name": "c", "cpu": { "time": "2026-01-01T00:00:00Z", "usageCoreNanoSeconds": 7 } }],
            "cpu": { "time": "2026-01-01T00:00:10Z", "usageCoreNanoSeconds": 7 },
        });
        assert_eq!(told["pods"][0], pod);
    }
}
