//! Where a persistent volume's storage is.

use crate::core::pod::validation::volumes::{Rules, csi_driver_name, host_path, network, source};
use crate::toolkit::Field;

/// Exactly one source must be there.
pub fn rules(spec: &Field) {
    source(spec, SOURCES, "may not specify more than 1 volume type");
    let local = spec.child("local");
    if local.is_set() && !spec.child("nodeAffinity").is_set() {
        spec.child("nodeAffinity")
            .required("Local volume requires node affinity");
    }
}

const SOURCES: &[(&str, Rules)] = &[
    ("hostPath", host_path),
    ("gcePersistentDisk", network::gce_disk),
    ("awsElasticBlockStore", network::aws_disk),
    ("glusterfs", network::glusterfs),
    ("flocker", network::flocker),
    ("nfs", network::nfs),
    ("rbd", network::rbd),
    ("quobyte", network::quobyte),
    ("cephfs", network::cephfs),
    ("iscsi", network::iscsi),
    ("cinder", network::cinder),
    ("fc", network::fibre_channel),
    ("flexVolume", network::flex),
    ("azureFile", network::azure_file),
    ("vsphereVolume", network::vsphere),
    ("photonPersistentDisk", photon),
    ("azureDisk", network::azure_disk),
    ("portworxVolume", network::portworx),
    ("scaleIO", network::scale_io),
    ("local", local),
    ("storageos", network::storage_os),
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

fn photon(volume: &Field) {
    volume.child("pdID").needed();
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
        "nodeStageSecretRef",
    ] {
        let secret = volume.child(secret);
        if secret.is_set() {
            secret.child("name").needed();
            secret.child("namespace").needed();
        }
    }
}
