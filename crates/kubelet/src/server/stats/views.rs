//! The reading as metrics, under the names that upstream's kubelet gives them.

use jiff::Timestamp;

use super::exposition::{Exposition, Family};
use super::reading::{ContainerUse, PodUse, Reading, value};
use crate::cri::message::{NetworkInterfaceUsage, UInt64Value};

/// What autoscaling and `kubectl top` work with: `/metrics/resource`.
pub fn resource(reading: &Reading) -> String {
    let mut out = Exposition::default();
    let containers = |family: &mut Family<'_>, read: fn(&ContainerUse) -> Option<f64>| {
        for (pod, container) in containers(reading) {
            family.sample(&names(pod, container), read(container));
        }
    };
    let mut family = out.counter(
        "container_cpu_usage_seconds_total",
        "Seconds of processors that a container has used.",
    );
    containers(&mut family, |container| {
        container.cpu_nanoseconds().map(to_seconds)
    });
    let mut family = out.gauge(
        "container_memory_working_set_bytes",
        "Bytes of memory that a container uses and that cannot be taken back at once.",
    );
    containers(&mut family, |container| {
        container.working_set().map(|bytes| bytes as f64)
    });
    let mut family = out.gauge(
        "container_start_time_seconds",
        "When a container was started, in seconds since 1970.",
    );
    containers(&mut family, |container| container.started_at.map(since_1970));
    out.counter(
        "node_cpu_usage_seconds_total",
        "Seconds of processors that the node has used.",
    )
    .sample(&[], Some(to_seconds(reading.node.cpu_nanoseconds)));
    out.gauge(
        "node_memory_working_set_bytes",
        "Bytes of memory that the node uses and that cannot be taken back at once.",
    )
    .sample(&[], Some(reading.node.memory.working_set));
    let mut family = out.counter(
        "pod_cpu_usage_seconds_total",
        "Seconds of processors that a pod has used.",
    );
    for pod in &reading.pods {
        family.sample(&pod_names(pod), pod.cpu_nanoseconds().map(to_seconds));
    }
    let mut family = out.gauge(
        "pod_memory_working_set_bytes",
        "Bytes of memory that a pod uses and that cannot be taken back at once.",
    );
    for pod in &reading.pods {
        family.sample(&pod_names(pod), pod.working_set());
    }
    out.gauge(
        "resource_scrape_error",
        "One if something could not be read, else zero.",
    )
    .sample(&[], Some(0));
    out.into_text()
}

/// What dashboards work with: `/metrics/cadvisor`.
pub fn cadvisor(reading: &Reading) -> String {
    let mut out = Exposition::default();
    let mut family = out.counter(
        "container_cpu_usage_seconds_total",
        "Seconds of processors that a container has used.",
    );
    for (pod, container) in containers(reading) {
        let labels = [&[("cpu", "total")][..], &all_names(pod, container)].concat();
        family.sample(&labels, container.cpu_nanoseconds().map(to_seconds));
    }
    type Read = fn(&ContainerUse) -> Option<UInt64Value>;
    let gauges: [(&'static str, &str, Read); 5] = [
        (
            "container_memory_usage_bytes",
            "Bytes of memory that a container uses, of any kind.",
            |container| container.stats.memory?.usage_bytes,
        ),
        (
            "container_memory_working_set_bytes",
            "Bytes of memory that a container uses and that cannot be taken back at once.",
            |container| container.stats.memory?.working_set_bytes,
        ),
        (
            "container_memory_rss",
            "Bytes of anonymous memory that a container uses.",
            |container| container.stats.memory?.rss_bytes,
        ),
        (
            "container_fs_usage_bytes",
            "Bytes that a container has written to its own file system.",
            |container| container.stats.writable_layer.as_ref()?.used_bytes,
        ),
        (
            "container_fs_inodes_used",
            "Files that a container has made in its own file system.",
            |container| container.stats.writable_layer.as_ref()?.inodes_used,
        ),
    ];
    for (name, help, read) in gauges {
        let mut family = out.gauge(name, help);
        for (pod, container) in containers(reading) {
            family.sample(&all_names(pod, container), value(read(container)));
        }
    }
    let mut family = out.gauge(
        "container_start_time_seconds",
        "When a container was started, in seconds since 1970.",
    );
    for (pod, container) in containers(reading) {
        family.sample(&all_names(pod, container), container.started_at.map(since_1970));
    }
    networks(&mut out, reading);
    out.gauge("machine_memory_bytes", "Bytes of memory of the machine.")
        .sample(&[], Some(reading.node.memory.total));
    out.gauge("machine_cpu_cores", "Processors of the machine.")
        .sample(&[], std::thread::available_parallelism().ok().map(usize::from));
    out.into_text()
}

fn networks(out: &mut Exposition, reading: &Reading) {
    type Read = fn(&NetworkInterfaceUsage) -> Option<UInt64Value>;
    let counters: [(&'static str, &str, Read); 4] = [
        (
            "container_network_receive_bytes_total",
            "Bytes that came over an interface of a pod.",
            |interface| interface.rx_bytes,
        ),
        (
            "container_network_receive_errors_total",
            "Packets that did not come in whole over an interface of a pod.",
            |interface| interface.rx_errors,
        ),
        (
            "container_network_transmit_bytes_total",
            "Bytes that went out over an interface of a pod.",
            |interface| interface.tx_bytes,
        ),
        (
            "container_network_transmit_errors_total",
            "Packets that could not be sent over an interface of a pod.",
            |interface| interface.tx_errors,
        ),
    ];
    for (name, help, read) in counters {
        let mut family = out.counter(name, help);
        for pod in &reading.pods {
            let Some(network) = &pod.network else { continue };
            for interface in network.default_interface.iter().chain(&network.interfaces) {
                let labels = [
                    ("interface", interface.name.as_str()),
                    ("namespace", &pod.pod.namespace),
                    ("pod", &pod.pod.name),
                ];
                family.sample(&labels, value(read(interface)));
            }
        }
    }
}

/// The kubelet about itself: `/metrics`.
pub fn own(node_name: &str, running_pods: usize, running_containers: usize) -> String {
    let mut out = Exposition::default();
    out.gauge(
        "kubelet_node_name",
        "The name of the node; the value is always one.",
    )
    .sample(&[("node", node_name)], Some(1));
    out.gauge("kubelet_running_pods", "Pods whose sandbox runs.")
        .sample(&[], Some(running_pods));
    out.gauge("kubelet_running_containers", "Containers, by their state.")
        .sample(&[("container_state", "running")], Some(running_containers));
    let process = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = process.and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    let page_bytes = rustix::param::page_size() as u64;
    out.gauge(
        "process_resident_memory_bytes",
        "Bytes of memory that the process has in use.",
    )
    .sample(&[], pages.map(|pages| pages * page_bytes));
    let open = std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
    out.gauge("process_open_fds", "File descriptors that the process has open.")
        .sample(&[], open);
    out.into_text()
}

fn containers(reading: &Reading) -> impl Iterator<Item = (&PodUse, &ContainerUse)> {
    let pods = reading.pods.iter();
    pods.flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)))
}

fn names<'a>(pod: &'a PodUse, container: &'a ContainerUse) -> [(&'a str, &'a str); 3] {
    [
        ("container", &container.name),
        ("namespace", &pod.pod.namespace),
        ("pod", &pod.pod.name),
    ]
}

fn all_names<'a>(pod: &'a PodUse, container: &'a ContainerUse) -> [(&'a str, &'a str); 5] {
    [
        ("container", &container.name),
        ("image", &container.image),
        ("name", &container.id),
        ("namespace", &pod.pod.namespace),
        ("pod", &pod.pod.name),
    ]
}

fn pod_names(pod: &PodUse) -> [(&str, &str); 2] {
    [("namespace", &pod.pod.namespace), ("pod", &pod.pod.name)]
}

fn to_seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

fn since_1970(time: Timestamp) -> f64 {
    time.as_nanosecond() as f64 / 1e9
}
