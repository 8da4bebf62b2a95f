//! In which order upstream's servers hold the fields of types, where it is not the order of their declaration in the API.

/// Fields of a type that stand somewhere else: each name in Go, behind the one named first.
pub fn moved(owner: &str) -> &'static [(&'static str, &'static str)] {
    match owner {
        "PodSpec" => &[
            ("Subdomain", "SetHostnameAsFQDN"),
            ("Priority", "PreemptionPolicy"),
            ("RuntimeClassName", "Overhead"),
        ],
        "PodSecurityContext" => &[("FSGroup", "FSGroupChangePolicy")],
        "PodStatus" => &[("StartTime", "QOSClass")],
        "Volume" => &[("RBD", "Quobyte")],
        "PersistentVolumeSource" | "PersistentVolumeSpec" => &[("RBD", "Quobyte"), ("ISCSI", "FlexVolume")],
        "ServiceSpec" => &[
            ("ClusterIPs", "IPFamilies"),
            ("IPFamilies", "IPFamilyPolicy"),
            ("IPFamilyPolicy", "ExternalName"),
            ("ExternalIPs", "LoadBalancerIP"),
            ("SessionAffinity", "SessionAffinityConfig"),
            ("", "Type"),
        ],
        "JobSpec" => &[("SuccessPolicy", "ActiveDeadlineSeconds")],
        "JobStatus" => &[("Active", "Terminating"), ("Terminating", "Ready")],
        "ContainerResourceMetricSource" => &[("Container", "Target")],
        "ContainerResourceMetricStatus" => &[("Container", "Current")],
        _ => &[],
    }
}
