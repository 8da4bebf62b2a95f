//! Volumes from storage elsewhere. Most are served by external drivers today; what remains is that their fields make sense.

use crate::toolkit::{Field, Seen};

/// A repository, cloned.
pub fn git_repo(volume: &Field) {
    volume.child("repository").needed();
    let directory = volume.child("directory");
    directory.local_descending_path();
}

/// Google's disks.
pub fn gce_disk(volume: &Field) {
    volume.child("pdName").needed();
    partition(&volume.child("partition"));
}

/// Amazon's disks.
pub fn aws_disk(volume: &Field) {
    volume.child("volumeID").needed();
    partition(&volume.child("partition"));
}

fn partition(partition: &Field) {
    partition.between(0, 255);
}

/// A network file system.
pub fn nfs(volume: &Field) {
    volume.child("server").needed();
    let path = volume.child("path");
    if path.is_empty() {
        path.required("");
    } else if !path.text().starts_with('/') {
        path.invalid("must be an absolute path");
    }
}

/// A disk over IP.
pub fn iscsi(volume: &Field) {
    volume.child("targetPortal").needed();
    let name = volume.child("iqn");
    if name.is_empty() {
        name.required("");
    } else if !["iqn", "eui", "naa"]
        .iter()
        .any(|start| name.text().starts_with(start))
    {
        name.invalid("must be valid format starting with iqn, eui, or naa");
    } else if !is_iscsi_name(name.text()) {
        name.invalid("must be valid format");
    }
    volume.child("lun").between(0, 255);
    let by_password =
        volume.child("chapAuthDiscovery").is_true() || volume.child("chapAuthSession").is_true();
    let secret = volume.child("secretRef");
    if by_password && !secret.is_set() {
        secret.required("");
    }
    let initiator = volume.child("initiatorName");
    if initiator.is_set() && !is_iscsi_name(initiator.text()) {
        initiator.invalid("must be valid format");
    }
}

fn is_iscsi_name(name: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(rest) = name.strip_prefix("iqn.") {
        let Some((date, authority)) = rest.split_at_checked(7) else {
            return false;
        };
        let is_date = date
            .bytes()
            .enumerate()
            .all(|(at, b)| if at == 4 { b == b'-' } else { b.is_ascii_digit() });
        return is_date
            && authority.starts_with('.')
            && authority.len() > 1
            && !authority.contains(char::is_whitespace);
    }
    if let Some(rest) = name.strip_prefix("eui.") {
        return rest.len() == 16 && is_hex(rest);
    }
    name.strip_prefix("naa.")
        .is_some_and(|rest| matches!(rest.len(), 16 | 32) && is_hex(rest))
}

/// Gluster.
pub fn glusterfs(volume: &Field) {
    volume.child("endpoints").needed();
    volume.child("path").needed();
}

/// Flocker.
pub fn flocker(volume: &Field) {
    let (name, uuid) = (volume.child("datasetName"), volume.child("datasetUUID"));
    if name.is_empty() && uuid.is_empty() {
        volume.required("one of datasetName and datasetUUID is required");
    }
    if !name.is_empty() && !uuid.is_empty() {
        volume.invalid_as(
            "resource",
            "datasetName and datasetUUID can not be specified simultaneously",
        );
    }
    if name.text().contains('/') {
        name.invalid("must not contain '/'");
    }
}

/// Ceph block devices.
pub fn rbd(volume: &Field) {
    volume.child("monitors").needed();
    volume.child("image").needed();
}

/// OpenStack's disks.
pub fn cinder(volume: &Field) {
    volume.child("volumeID").needed();
    let secret = volume.child("secretRef");
    if secret.is_set() {
        secret.child("name").needed();
    }
}

/// Ceph's file system.
pub fn cephfs(volume: &Field) {
    volume.child("monitors").needed();
}

/// Fibre channel.
pub fn fibre_channel(volume: &Field) {
    let (names, ids, lun) = (
        volume.child("targetWWNs"),
        volume.child("wwids"),
        volume.child("lun"),
    );
    match (!names.is_empty(), !ids.is_empty()) {
        (false, false) => names.required("must specify either targetWWNs or wwids, but not both"),
        (true, true) => names.invalid("targetWWNs and wwids can not be specified simultaneously"),
        (true, false) if !lun.is_set() => lun.required("lun is required if targetWWNs is specified"),
        (true, false) => lun.between(0, 255),
        (false, true) => {}
    }
}

/// Azure's shares.
pub fn azure_file(volume: &Field) {
    volume.child("secretName").needed();
    volume.child("shareName").needed();
}

/// vSphere's disks.
pub fn vsphere(volume: &Field) {
    volume.child("volumePath").needed();
}

/// Quobyte.
pub fn quobyte(volume: &Field) {
    let registry = volume.child("registry");
    if registry.is_empty() {
        registry.required("must be a host:port pair or multiple pairs separated by commas");
    } else if registry.text().len() >= 65 {
        registry.too_long(65);
    } else if registry
        .text()
        .split(',')
        .any(|pair| pair.split(':').count() != 2)
    {
        registry.invalid("must be a host:port pair or multiple pairs separated by commas");
    }
    volume.child("volume").needed();
}

/// Azure's disks.
pub fn azure_disk(volume: &Field) {
    let (name, uri) = (volume.child("diskName"), volume.child("diskURI"));
    name.needed();
    uri.needed();
    volume
        .child("cachingMode")
        .any_of_if_set(&["None", "ReadOnly", "ReadWrite"]);
    let kind = volume.child("kind");
    kind.any_of_if_set(&["Dedicated", "Managed", "Shared"]);
    match kind.text() {
        "Managed" if !uri.text().starts_with("/subscriptions/") => {
            uri.not_supported(&["/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"]);
        }
        "Shared" | "Dedicated" if !uri.text().starts_with("https://") => {
            uri.not_supported(&[
                "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd",
            ]);
        }
        _ => {}
    }
}

/// Portworx.
pub fn portworx(volume: &Field) {
    volume.child("volumeID").needed();
}

/// ScaleIO.
pub fn scale_io(volume: &Field) {
    for field in ["gateway", "system", "volumeName"] {
        volume.child(field).needed();
    }
}

/// StorageOS.
pub fn storage_os(volume: &Field) {
    let name = volume.child("volumeName");
    if name.is_empty() {
        name.required("");
    } else {
        name.dns_label();
    }
    let namespace = volume.child("volumeNamespace");
    if !namespace.is_empty() {
        namespace.dns_label();
    }
    let secret = volume.child("secretRef");
    if secret.is_set() {
        secret.child("name").needed();
    }
}

/// A driver that is a program on the node.
pub fn flex(volume: &Field) {
    volume.child("driver").needed();
    let mut reserved = Seen::new();
    for (key, option) in volume.child("options").entries() {
        let domain = key.split_once('/').map_or("", |(domain, _)| domain);
        if domain.ends_with("kubernetes.io") || domain.ends_with("k8s.io") {
            reserved.again(key);
            option.invalid_as(key, "\"kubernetes.io\" and \"k8s.io\" namespaces are reserved");
        }
    }
}
