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
        source(&volume, POD_SOURCES, "may not specify more than 1 volume type");
        let name = volume.child("name");
        if name.is_empty() {
            name.required("");
        } else {
            name.dns_label();
            if names.again(name.text()) {
                name.duplicate();
            }
        }
        if network::is_long_interface(name.text(), &volume.child("iscsi")) {
            name.invalid(network::LONG_INTERFACE);
        }
        if !pod_name.is_empty() && !name.is_empty() && volume.child("ephemeral").is_set() {
            claim_name(&name, pod_name);
        }
        if volume.report().count() > before {
            wrong.push(index);
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
pub fn source<'v>(volume: &Field<'_, 'v>, sources: &[(&'v str, Rules)], more_than_one: &str) {
    let mut kinds = 0;
    for (name, rules) in sources {
        let one = volume.child(name);
        if !one.is_set() {
            continue;
        }
        match *name {
            _ if kinds > 0 => volume
                .standing_for(name_if_superfluous(name), one.value())
                .forbidden(more_than_one),
            "gcePersistentDisk" => rules(volume),
            _ => rules(&one),
        }
        kinds += 1;
    }
    if kinds == 0 {
        volume.required("must specify a volume type");
    }
}

/// Upstream writes some names in a way of its own where there is a source too many.
fn name_if_superfluous(name: &str) -> &str {
    match name {
        "cephfs" => "cephFS",
        "downwardAPI" => "downwarAPI",
        other => other,
    }
}

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
    ("downwardAPI", files::downward_api),
    ("fc", network::fibre_channel),
    ("flexVolume", network::flex),
    ("azureFile", network::azure_file),
    ("configMap", files::config_map),
    ("vsphereVolume", network::vsphere),
    ("photonPersistentDisk", network::photon),
    ("quobyte", network::quobyte),
    ("azureDisk", network::azure_disk),
    ("portworxVolume", network::portworx),
    ("scaleIO", network::scale_io),
    ("storageos", network::storage_os),
    ("projected", files::projected),
    ("csi", csi),
    ("ephemeral", ephemeral),
    ("image", image),
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

fn image(volume: &Field) {
    volume.child("reference").needed();
    volume.child("pullPolicy").one_of(PULL_POLICIES);
}
