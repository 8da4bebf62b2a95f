//! What Go calls the fields of the types.

/// The name of a field of a type, which is given by its name without group and version.
pub fn of_field(owner: &str, json: &str) -> String {
    let special = SPECIAL
        .iter()
        .find(|(owners, name, _)| *name == json && owners.contains(&owner));
    special.map_or_else(|| go_name(json), |(_, _, go)| (*go).to_owned())
}

const RBD: &[&str] = &["RBDVolumeSource", "RBDPersistentVolumeSource"];
const GLUSTERFS: &[&str] = &["GlusterfsVolumeSource", "GlusterfsPersistentVolumeSource"];
const ATTRIBUTE: &[&str] = &["DeviceAttribute"];

/// Names that differ from those of other fields that are called the same in JSON.
const SPECIAL: &[(&[&str], &str, &str)] = &[
    (GLUSTERFS, "endpoints", "EndpointsName"),
    (RBD, "monitors", "CephMonitors"),
    (RBD, "image", "RBDImage"),
    (RBD, "pool", "RBDPool"),
    (RBD, "user", "RadosUser"),
    (&["PhotonPersistentDiskVolumeSource"], "pdID", "PdID"),
    (&["AzureDiskVolumeSource"], "diskURI", "DataDiskURI"),
    (&["Mutation"], "jsonPatch", "JSONPatch"),
    (
        &["CustomResourceColumnDefinition", "SelectableField"],
        "jsonPath",
        "JSONPath",
    ),
    (&["Subject"], "serviceAccount", "ServiceAccount"),
    (ATTRIBUTE, "int", "IntValue"),
    (ATTRIBUTE, "bool", "BoolValue"),
    (ATTRIBUTE, "string", "StringValue"),
    (ATTRIBUTE, "version", "VersionValue"),
    (ATTRIBUTE, "ints", "IntValues"),
    (ATTRIBUTE, "bools", "BoolValues"),
    (ATTRIBUTE, "strings", "StringValues"),
    (ATTRIBUTE, "versions", "VersionValues"),
];

/// The name of a field in Go, from its name in JSON.
pub fn go_name(json: &str) -> String {
    const WHOLE: [(&str, &str); 13] = [
        ("awsElasticBlockStore", "AWSElasticBlockStore"),
        ("cephfs", "CephFS"),
        ("storageos", "StorageOS"),
        ("gcePersistentDisk", "GCEPersistentDisk"),
        ("serviceAccount", "DeprecatedServiceAccount"),
        ("lastState", "LastTerminationState"),
        ("chapAuthDiscovery", "DiscoveryCHAPAuth"),
        ("chapAuthSession", "SessionCHAPAuth"),
        ("externalID", "DoNotUseExternalID"),
        ("reportingComponent", "ReportingController"),
        ("wwids", "WWIDs"),
        ("sslEnabled", "SSLEnabled"),
        ("gmsaCredentialSpecName", "GMSACredentialSpecName"),
    ];
    // What Go writes in capitals at the start of a name. Longer ones first.
    const CAPITALS: [&str; 29] = [
        "iscsi", "gmsa", "grpc", "http", "cidrs", "ips", "cidr", "iqn", "nfs", "rbd", "dns", "api", "ca",
        "cel", "csi", "fc", "fs", "gid", "id", "ip", "os", "pd", "qos", "tcp", "tls", "tty", "uid", "url",
        "ttl",
    ];
    if let Some((_, go)) = WHOLE.iter().find(|(name, _)| *name == json) {
        return (*go).to_owned();
    }
    for word in CAPITALS {
        if let Some(rest) = json.strip_prefix(word)
            && rest.chars().next().is_none_or(char::is_uppercase)
        {
            let word = match word {
                "cidrs" => "CIDRs".to_owned(),
                "ips" => "IPs".to_owned(),
                word => word.to_uppercase(),
            };
            return word + rest;
        }
    }
    if let Some(rest) = json.strip_prefix("seLinux") {
        return format!("SELinux{rest}");
    }
    let mut letters = json.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_go() {
        for (json, go) in [
            ("apiVersion", "APIVersion"),
            ("podIP", "PodIP"),
            ("ips", "IPs"),
            ("ipFamilyPolicy", "IPFamilyPolicy"),
            ("caBundle", "CABundle"),
            ("capacity", "Capacity"),
            ("idle", "Idle"),
            ("hostPID", "HostPID"),
            ("ttlSecondsAfterFinished", "TTLSecondsAfterFinished"),
            ("seLinuxOptions", "SELinuxOptions"),
            ("fsGroupChangePolicy", "FSGroupChangePolicy"),
            ("os", "OS"),
        ] {
            assert_eq!(go_name(json), go);
        }
    }

    #[test]
    fn some_names_depend_on_the_type() {
        for (owner, json, go) in [
            ("RBDVolumeSource", "image", "RBDImage"),
            ("Container", "image", "Image"),
            ("AzureDiskVolumeSource", "diskURI", "DataDiskURI"),
            ("DeviceAttribute", "int", "IntValue"),
        ] {
            assert_eq!(of_field(owner, json), go);
        }
    }
}
