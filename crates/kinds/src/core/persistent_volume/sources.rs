//! Where a persistent volume's storage is.

use crate::core::pod::validation::volumes::{
    Rules, csi_driver_name, host_path, name_if_superfluous, network,
};
use crate::toolkit::Field;

/// Exactly one source must be there. `name` is the volume's; an affinity counts unless the volume is written out elsewhere.
pub fn rules(spec: &Field, name: &str, affinity_counts: bool) {
    let mut kinds = 0;
    for (source, rules) in SOURCES {
        let one = spec.child(source);
        if !one.is_set() {
            continue;
        }
        match *source {
            // Upstream takes this beside others.
            "flexVolume" => rules(&one),
            _ if kinds > 0 => spec
                .standing_for(name_if_superfluous(source), one.value())
                .forbidden("may not specify more than 1 volume type"),
            "gcePersistentDisk" => rules(spec),
            "iscsi" => network::persistent_iscsi(&one, name),
            "local" => {
                rules(&one);
                let affinity = spec.child("nodeAffinity");
                if !affinity_counts || !affinity.is_set() {
                    affinity.required("Local volume requires node affinity");
                }
            }
            _ => rules(&one),
        }
        kinds += 1;
    }
    if kinds == 0 {
        spec.required("must specify a volume type");
    }
}

const SOURCES: &[(&str, Rules)] = &[
    ("hostPath", host_path),
    ("gcePersistentDisk", network::gce_disk),
    ("awsElasticBlockStore", network::aws_disk),
    ("glusterfs", glusterfs),
    ("flocker", network::flocker),
    ("nfs", network::nfs),
    ("rbd", network::rbd),
    ("quobyte", network::quobyte),
    ("cephfs", network::cephfs),
    ("iscsi", network::iscsi),
    ("cinder", cinder),
    ("fc", network::fibre_channel),
    ("flexVolume", network::flex),
    ("azureFile", azure_file),
    ("vsphereVolume", network::vsphere),
    ("photonPersistentDisk", network::photon),
    ("portworxVolume", network::portworx),
    ("azureDisk", network::azure_disk),
    ("scaleIO", network::scale_io),
    ("local", local),
    ("storageos", storage_os),
    ("csi", csi),
];

/// All sources, in the order in which upstream declares them.
pub const NAMES: [&str; 22] = [
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "hostPath",
    "glusterfs",
    "nfs",
    "rbd",
    "quobyte",
    "iscsi",
    "flexVolume",
    "cinder",
    "cephfs",
    "fc",
    "flocker",
    "azureFile",
    "vsphereVolume",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];

/// Whose endpoints may lie in another namespace.
fn glusterfs(volume: &Field) {
    network::glusterfs(volume);
    let namespace = volume.child("endpointsNamespace");
    if namespace.is_set() && namespace.is_empty() {
        namespace.invalid("if the endpointnamespace is set, it must be a valid namespace name");
    } else if namespace.is_set() {
        namespace.dns_label();
    }
}

fn azure_file(volume: &Field) {
    network::azure_file(volume);
    let namespace = volume.child("secretNamespace");
    if namespace.is_set() {
        namespace.needed();
    }
}

fn cinder(volume: &Field) {
    network::cinder(volume);
    secret_namespace(volume);
}

fn storage_os(volume: &Field) {
    network::storage_os(volume);
    secret_namespace(volume);
}

/// A volume belongs to no namespace in which its secret could be.
fn secret_namespace(volume: &Field) {
    let secret = volume.child("secretRef");
    if secret.is_set() {
        secret.child("namespace").needed();
    }
}

fn local(volume: &Field) {
    let path = volume.child("path");
    if path.is_empty() {
        return path.required("");
    }
    path.no_backsteps();
}

fn csi(volume: &Field) {
    csi_driver_name(&volume.child("driver"));
    volume.child("volumeHandle").needed();
    for secret in [
        "controllerPublishSecretRef",
        "controllerExpandSecretRef",
        "nodePublishSecretRef",
        "nodeExpandSecretRef",
    ] {
        let secret = volume.child(secret);
        if !secret.is_set() {
            continue;
        }
        let (name, namespace) = (secret.child("name"), secret.child("namespace"));
        name.needed();
        if !name.is_empty() {
            name.dns_subdomain();
        }
        namespace.needed();
        if !namespace.is_empty() {
            namespace.dns_label();
        }
    }
}
