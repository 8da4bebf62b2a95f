//! Rules for a pod's volumes.

pub mod files;
pub mod network;

use crate::core::pod::validation::container::PULL_POLICIES;
use crate::toolkit::quantity;
use crate::toolkit::{Field, Seen};

/// All volumes of a pod; its name is empty in a template. Gives the places of those with which something is wrong: who mounts
/// one of them mounts nothing.
pub fn volumes(volumes: &Field, pod_name: &str) -> Vec<usize> {
    let mut names = Seen::new();
    let mut wrong = Vec::new();
    for (index, volume) in volumes.items().enumerate() {
        let before = volume.report().count();
        source(&volume, pod_name);
        let name = volume.child("name");
        if name.is_empty() {
            name.required("");
        } else {
            name.dns_label();
        }
        if names.contains(&name.text()) {
            name.duplicate();
        }
        // What is wrong takes no name away.
        if volume.report().count() > before {
            wrong.push(index);
        } else {
            names.again(name.text());
        }
        not_of_the_pod(&volume, volumes, pod_name);
    }
    wrong
}

/// A claim that the pod itself brings cannot be asked for by name as well.
fn not_of_the_pod(volume: &Field, volumes: &Field, pod_name: &str) {
    let claim = volume.child("persistentVolumeClaim");
    let name = claim.child("claimName");
    let is_own = |other: Field| {
        other.child("ephemeral").is_set() && name.text() == format!("{pod_name}-{}", other.text_of("name"))
    };
    if !pod_name.is_empty() && name.is_set() && volumes.items().any(is_own) {
        name.invalid("must not reference a PVC that gets created for an ephemeral volume");
    }
}

/// An ephemeral volume's claim is named after pod and volume.
fn claim_name(name: &Field, pod_name: &str) {
    let claim = format!("{pod_name}-{}", name.text());
    for complaint in meta::name::dns1123_subdomain(&claim) {
        name.invalid(&format!("PVC name \"{claim}\": {complaint}"));
    }
}

/// Rules for one kind of source.
pub type Rules = fn(&Field);

/// Exactly one of the sources must be there.
fn source(volume: &Field, pod_name: &str) {
    let mut kinds = 0;
    let name = volume.child("name");
    for (source, rules) in POD_SOURCES {
        let one = volume.child(source);
        if !one.is_set() {
            continue;
        }
        match *source {
            _ if kinds > 0 => volume
                .standing_for(name_if_superfluous(source), one.value())
                .forbidden("may not specify more than 1 volume type"),
            "gcePersistentDisk" => rules(volume),
            "image" => image(&one, !pod_name.is_empty()),
            "ephemeral" => {
                rules(&one);
                if !pod_name.is_empty() && !name.is_empty() {
                    claim_name(&name, pod_name);
                }
            }
            _ => rules(&one),
        }
        kinds += 1;
        if *source == "iscsi" && network::is_long_interface(name.text(), &one) {
            name.invalid_as(name.text(), network::LONG_INTERFACE);
        }
    }
    if kinds == 0 {
        volume.required("must specify a volume type");
    }
}

/// Upstream writes some names in a way of its own where there is a source too many.
pub fn name_if_superfluous(name: &str) -> &str {
    match name {
        "cephfs" => "cephFS",
        "downwardAPI" => "downwarAPI",
        other => other,
    }
}

/// In the order in which upstream looks for them.
const POD_SOURCES: &[(&str, Rules)] = &[
    ("emptyDir", empty_dir),
    ("hostPath", host_path),
    ("gitRepo", network::git_repo),
    ("gcePersistentDisk", network::gce_disk),
    ("awsElasticBlockStore", network::aws_disk),
    ("secret", files::secret),
    ("nfs", network::nfs),
    ("iscsi", network::iscsi),
    ("glusterfs", network::glusterfs),
    ("flocker", network::flocker),
    ("persistentVolumeClaim", claim),
    ("rbd", network::rbd),
    ("cinder", network::cinder),
    ("cephfs", network::cephfs),
    ("quobyte", network::quobyte),
    ("downwardAPI", files::downward_api),
    ("fc", network::fibre_channel),
    ("flexVolume", network::flex),
    ("configMap", files::config_map),
    ("azureFile", network::azure_file),
    ("vsphereVolume", network::vsphere),
    ("photonPersistentDisk", network::photon),
    ("portworxVolume", network::portworx),
    ("azureDisk", network::azure_disk),
    ("storageos", network::storage_os),
    ("projected", files::projected),
    ("scaleIO", network::scale_io),
    ("csi", csi),
    ("ephemeral", ephemeral),
    ("image", |image| self::image(image, true)),
];

fn empty_dir(volume: &Field) {
    let limit = volume.child("sizeLimit");
    if quantity::read(limit.value()).is_some_and(|size| size.sign() < 0) {
        limit.forbidden("SizeLimit field must be a valid resource quantity");
    }
}

/// A place on the node.
pub fn host_path(volume: &Field) {
    let path = volume.child("path");
    if path.is_empty() {
        return path.required("");
    }
    path.no_backsteps();
    volume.child("type").any_of_if_set(&[
        "",
        "BlockDevice",
        "CharDevice",
        "Directory",
        "DirectoryOrCreate",
        "File",
        "FileOrCreate",
        "Socket",
    ]);
}

fn claim(volume: &Field) {
    volume.child("claimName").needed();
}

fn csi(volume: &Field) {
    csi_driver_name(&volume.child("driver"));
    let secret = volume.child("nodePublishSecretRef");
    if !secret.is_set() {
        return;
    }
    let name = secret.child("name");
    if name.is_empty() {
        name.required("");
    } else {
        // Upstream's path leaves the reference out.
        volume.standing_for("name", name.value()).dns_subdomain();
    }
}

/// The name of a storage driver.
pub fn csi_driver_name(name: &Field) {
    const MAX: usize = 63;
    if name.is_empty() {
        return name.required("");
    }
    if name.text().len() > MAX {
        name.too_long(MAX);
    }
    for complaint in meta::name::dns1123_subdomain(&name.text().to_lowercase()) {
        name.invalid(&complaint);
    }
}

fn ephemeral(volume: &Field) {
    let template = volume.child("volumeClaimTemplate");
    if template.is_set() {
        crate::core::claim::template(&template);
    } else {
        template.required("");
    }
}

/// A template's image may be named later.
fn image(volume: &Field, must_be_named: bool) {
    if must_be_named {
        volume.child("reference").needed();
    }
    volume.child("pullPolicy").one_of(PULL_POLICIES);
}
