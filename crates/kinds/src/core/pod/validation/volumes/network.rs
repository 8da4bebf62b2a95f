//! Volumes from storage elsewhere. Most are served by external drivers today; what remains is that their fields make sense.

use crate::toolkit::Field;
use crate::toolkit::checks::not_between;

/// A repository, cloned.
pub fn git_repo(volume: &Field) {
    volume.child("repository").needed();
    let directory = volume.child("directory");
    directory.local_descending_path();
}

/// Google's disks. Upstream names another place than the field's own.
pub fn gce_disk(parent: &Field) {
    let own = parent.child("gcePersistentDisk");
    let volume = parent.standing_for("persistentDisk", own.value());
    volume.child("pdName").needed();
    partition(&volume.child("partition"));
}

/// Amazon's disks.
pub fn aws_disk(volume: &Field) {
    volume.child("volumeID").needed();
    partition(&volume.child("partition"));
}

/// Partition 0 is the whole disk, which upstream's message does not say.
fn partition(partition: &Field) {
    if !(0..=255).contains(&partition.number()) {
        partition.invalid(&not_between(1, 255));
    }
}

/// A network file system.
pub fn nfs(volume: &Field) {
    volume.child("server").needed();
    let path = volume.child("path");
    path.needed();
    if !path.text().starts_with('/') {
        path.invalid_as(path.text(), "must be an absolute path");
    }
}

/// A disk over IP, in a pod.
pub fn iscsi(volume: &Field) {
    volume.child("targetPortal").needed();
    iscsi_disk(
        volume,
        "must be valid format starting with iqn, eui, or naa",
        false,
    );
}

/// A disk over IP, in a persistent volume of that name.
pub fn persistent_iscsi(volume: &Field, name: &str) {
    let portal = volume.child("targetPortal");
    portal.needed();
    if is_long_interface(name, volume) {
        // Upstream writes the field like this.
        volume
            .standing_for("targetportal", portal.value())
            .invalid_as(portal.text(), LONG_INTERFACE);
    }
    iscsi_disk(volume, WRONG_ISCSI_NAME, true);
}

/// Whether the name of an initiator's interface, `VOLUME:PORTAL`, would be too long.
pub fn is_long_interface(name: &str, iscsi: &Field) -> bool {
    const MAX: usize = 64;
    iscsi.child("initiatorName").is_set() && name.len() + 1 + iscsi.text_of("targetPortal").len() > MAX
}

/// What upstream says of such a name.
pub const LONG_INTERFACE: &str = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
const WRONG_ISCSI_NAME: &str = "must be valid format";

fn iscsi_name(name: &Field, unknown_scheme: &str) {
    let mut schemes = ["iqn", "eui", "naa"].iter();
    if !schemes.any(|scheme| name.text().starts_with(scheme)) {
        name.invalid(unknown_scheme);
    } else if !is_iscsi_name(name.text()) {
        name.invalid(WRONG_ISCSI_NAME);
    }
}

fn iscsi_disk(volume: &Field, unknown_scheme: &str, secret_is_named: bool) {
    let name = volume.child("iqn");
    if name.is_empty() {
        name.required("");
    } else {
        iscsi_name(&name, unknown_scheme);
    }
    volume.child("lun").between(0, 255);
    let by_password =
        volume.child("chapAuthDiscovery").is_true() || volume.child("chapAuthSession").is_true();
    let secret = volume.child("secretRef");
    if by_password && !secret.is_set() {
        secret.required("");
    }
    if secret_is_named && secret.is_set() {
        secret.child("name").needed();
    }
    let initiator = volume.child("initiatorName");
    if initiator.is_set() {
        // Upstream writes the field like this.
        let named = volume.standing_for("initiatorname", initiator.value());
        iscsi_name(&named, unknown_scheme);
    }
}

/// `iqn.YEAR-MONTH.AUTHORITY:UNIQUE` (whatever stands before), `eui.` and 16 or `naa.` and 32 letters and digits.
fn is_iscsi_name(name: &str) -> bool {
    let is_plain = |rest: &str, length: usize| {
        rest.len() == length + 1 && rest[1..].bytes().all(|b| b.is_ascii_alphanumeric())
    };
    match name.split_at_checked(3) {
        Some(("iqn", _)) => name
            .match_indices("iqn.")
            .any(|(at, start)| is_qualified(&name[at + start.len()..])),
        Some(("eui", rest)) => rest.is_char_boundary(1) && is_plain(rest, 16),
        Some(("naa", rest)) => rest.is_char_boundary(1) && is_plain(rest, 32),
        _ => false,
    }
}

fn is_qualified(rest: &str) -> bool {
    let Some((date, rest)) = rest.split_at_checked(8) else {
        return false;
    };
    let is_date = date.bytes().enumerate().all(|(at, b)| match at {
        4 => b == b'-',
        7 => b == b'.',
        _ => b.is_ascii_digit(),
    });
    let Some((authority, unique)) = rest.split_once(':') else {
        return false;
    };
    is_date
        && !authority.is_empty()
        && authority
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        && !unique.is_empty()
        && !unique.contains(|c: char| c.is_whitespace() || ",;*&$|".contains(c))
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
        _ => {}
    }
    if names.is_empty() {
        return;
    }
    if lun.is_set() {
        lun.between(0, 255);
    } else {
        lun.required("lun is required if targetWWNs is specified");
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

const HOST_PORT_PAIRS: &str = "must be a host:port pair or multiple pairs separated by commas";

/// Quobyte.
pub fn quobyte(volume: &Field) {
    const MAX_TENANT: usize = 64;
    let (registry, tenant) = (volume.child("registry"), volume.child("tenant"));
    if registry.is_empty() {
        registry.required(HOST_PORT_PAIRS);
    } else if tenant.text().len() > MAX_TENANT {
        tenant.required("must be a UUID and may not exceed a length of 64 characters");
    } else {
        for _ in registry.text().split(',').filter(|pair| !is_host_port(pair)) {
            registry.invalid(HOST_PORT_PAIRS);
        }
    }
    volume.child("volume").needed();
}

/// A host, in brackets if there are colons in it, and a port.
fn is_host_port(pair: &str) -> bool {
    match pair.rsplit_once(':') {
        Some((host, _)) if host.starts_with('[') => host.find(']') == Some(host.len() - 1),
        Some((host, _)) => !host.contains(':'),
        None => false,
    }
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
    match kind.value_text() {
        Some("Managed") if !uri.text().starts_with("/subscriptions/") => {
            uri.not_supported(&["/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"]);
        }
        None | Some("Managed") => {}
        _ if !uri.text().starts_with("https://") => {
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
    for (key, option) in volume.child("options").entries() {
        let domain = key.split_once('/').map_or(key, |(domain, _)| domain);
        let domain = format!(".{}", domain.to_lowercase());
        if domain.ends_with(".kubernetes.io") || domain.ends_with(".k8s.io") {
            option.invalid_as(key, "kubernetes.io and k8s.io namespaces are reserved");
        }
    }
}

/// VMware Photon's disks.
pub fn photon(volume: &Field) {
    volume.child("pdID").needed();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolkit::Report;
    use serde_json::{Value, json};

    fn errors(volume: Value, rules: fn(&Field)) -> Vec<String> {
        let errors = Report::of_any(&volume, rules);
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_of_disks_over_ip() {
        for (name, expected) in [
            ("iqn.2015-02.example.com:test", true),
            ("iqn.2015-02.example.com", false),
            ("iqn.2015-2.example.com:a", false),
            ("iqn.2015-02.example.com:a;b", false),
            ("eui.0123456789ABCDEF", true),
            ("eui.0123456789ABCDEF0", false),
            ("naa.0123456789ABCDEF0123456789ABCDEF", true),
            ("naa.0123456789ABCDEF", false),
            ("naaé", false),
        ] {
            assert_eq!(is_iscsi_name(name), expected, "{name}");
        }
    }

    #[test]
    fn disks_over_ip_of_persistent_volumes() {
        let volume = json!({"targetPortal": "t", "iqn": "x", "secretRef": {}, "initiatorName": "iqn.2015-02.example.com:a"});
        let found = Report::of_any(&volume, |disk| persistent_iscsi(disk, &"n".repeat(63)));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                format!("targetportal: Invalid value: \"t\": {LONG_INTERFACE}"),
                "iqn: Invalid value: \"x\": must be valid format".to_owned(),
                "secretRef.name: Required value".to_owned(),
            ]
        );
    }

    #[test]
    fn storage_elsewhere_must_make_sense() {
        type Case = (fn(&Field), Value, &'static [&'static str]);
        let cases: [Case; 11] = [
            (
                nfs,
                json!({"server": "s"}),
                &[
                    "path: Required value",
                    "path: Invalid value: \"\": must be an absolute path",
                ],
            ),
            (nfs, json!({"server": "s", "path": "/p"}), &[]),
            (
                gce_disk,
                json!({"gcePersistentDisk": {"partition": 256}}),
                &[
                    "persistentDisk.pdName: Required value",
                    "persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive",
                ],
            ),
            (aws_disk, json!({"volumeID": "v"}), &[]),
            (
                iscsi,
                json!({"targetPortal": "t", "iqn": "x", "initiatorName": "iqn.x"}),
                &[
                    "iqn: Invalid value: \"x\": must be valid format starting with iqn, eui, or naa",
                    "initiatorname: Invalid value: \"iqn.x\": must be valid format",
                ],
            ),
            (
                quobyte,
                json!({"registry": "a:1,b,[::1]:2", "volume": "v"}),
                &[
                    "registry: Invalid value: \"a:1,b,[::1]:2\": must be a host:port pair or multiple pairs separated by commas",
                ],
            ),
            (
                flex,
                json!({"driver": "d", "options": {"a.K8s.io/x": "1", "kubernetes.io": "2", "b/x": "3"}}),
                &[
                    "options[a.K8s.io/x]: Invalid value: \"a.K8s.io/x\": kubernetes.io and k8s.io namespaces are reserved",
                    "options[kubernetes.io]: Invalid value: \"kubernetes.io\": kubernetes.io and k8s.io namespaces are reserved",
                ],
            ),
            (photon, json!({}), &["pdID: Required value"]),
            (
                fibre_channel,
                json!({"targetWWNs": ["a"]}),
                &["lun: Required value: lun is required if targetWWNs is specified"],
            ),
            (
                azure_disk,
                json!({"diskName": "d", "diskURI": "x", "kind": "Other"}),
                &[
                    "kind: Unsupported value: \"Other\": supported values: \"Dedicated\", \"Managed\", \"Shared\"",
                    "diskURI: Unsupported value: \"x\": supported values: \"https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd\"",
                ],
            ),
            (
                flocker,
                json!({"datasetName": "a/b"}),
                &["datasetName: Invalid value: \"a/b\": must not contain '/'"],
            ),
        ];
        for (rules, volume, expected) in cases {
            assert_eq!(errors(volume.clone(), rules), expected, "{volume}");
        }
    }
}
