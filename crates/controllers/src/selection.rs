//! Which controllers run: upstream's `--controllers`.

/// Name and former name of each controller that is here, as upstream has them.
const KNOWN: &[(&str, &str)] = &[
    ("bootstrap-signer-controller", "bootstrapsigner"),
    ("certificatesigningrequest-approving-controller", "csrapproving"),
    ("certificatesigningrequest-cleaner-controller", "csrcleaner"),
    ("certificatesigningrequest-signing-controller", "csrsigning"),
    ("clusterrole-aggregation-controller", "clusterrole-aggregation"),
    ("cronjob-controller", "cronjob"),
    ("daemonset-controller", "daemonset"),
    ("deployment-controller", "deployment"),
    ("disruption-controller", "disruption"),
    ("endpoints-controller", "endpoint"),
    ("endpointslice-controller", "endpointslice"),
    ("endpointslice-mirroring-controller", "endpointslicemirroring"),
    ("ephemeral-volume-controller", "ephemeral-volume"),
    ("garbage-collector-controller", "garbagecollector"),
    ("job-controller", "job"),
    ("namespace-controller", "namespace"),
    ("node-ipam-controller", "nodeipam"),
    ("node-lifecycle-controller", "nodelifecycle"),
    ("persistentvolume-binder-controller", "persistentvolume-binder"),
    ("persistentvolume-protection-controller", "pv-protection"),
    ("persistentvolumeclaim-protection-controller", "pvc-protection"),
    ("pod-garbage-collector-controller", "podgc"),
    ("replicaset-controller", "replicaset"),
    ("replicationcontroller-controller", "replicationcontroller"),
    ("resourcequota-controller", "resourcequota"),
    (
        "root-ca-certificate-publisher-controller",
        "root-ca-cert-publisher",
    ),
    ("service-cidr-controller", ""),
    ("serviceaccount-controller", "serviceaccount"),
    ("statefulset-controller", "statefulset"),
    ("taint-eviction-controller", ""),
    ("token-cleaner-controller", "tokencleaner"),
    ("ttl-after-finished-controller", "ttl-after-finished"),
    ("ttl-controller", "ttl"),
    ("validatingadmissionpolicy-status-controller", ""),
    ("volumeattributesclass-protection-controller", "vac-protection"),
];

/// Those of upstream that are not here: leaving them out is no error, asking for one is.
const ELSEWHERE: &[(&str, &str)] = &[
    ("cloud-node-lifecycle-controller", "cloud-node-lifecycle"),
    ("device-taint-eviction-controller", ""),
    ("horizontal-pod-autoscaler-controller", "horizontalpodautoscaling"),
    (
        "kube-apiserver-serving-clustertrustbundle-publisher-controller",
        "",
    ),
    (
        "legacy-serviceaccount-token-cleaner-controller",
        "legacy-service-account-token-cleaner",
    ),
    ("node-route-controller", "route"),
    ("persistentvolume-attach-detach-controller", "attachdetach"),
    (
        "persistentvolume-expander-controller",
        "persistentvolume-expander",
    ),
    ("podcertificaterequest-cleaner-controller", ""),
    ("resourceclaim-controller", "resource-claim-controller"),
    ("selinux-warning-controller", ""),
    ("service-lb-controller", "service"),
    ("serviceaccount-token-controller", "serviceaccount-token"),
    ("storage-version-migrator-controller", ""),
    (
        "storageversion-garbage-collector-controller",
        "storage-version-gc",
    ),
];

/// Which controllers run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    all: bool,
    named: Vec<&'static str>,
    left_out: Vec<&'static str>,
}

/// Why a selection cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// There is no controller of that name.
    #[error("{0:?} is not in the list of known controllers")]
    Unknown(String),
    /// It is one of upstream's that does not run here.
    #[error("{0:?} is not served yet")]
    NotServed(String),
}

impl Default for Selection {
    /// All.
    fn default() -> Self {
        Self {
            all: true,
            named: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

impl Selection {
    /// Reads upstream's list: `*` means all, `foo` that one, `-foo` not that one; what is named counts more than `*`.
    pub fn parse<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, SelectionError> {
        let mut selection = Self {
            all: false,
            ..Self::default()
        };
        for entry in list {
            if entry == "*" {
                selection.all = true;
                continue;
            }
            let name = entry.strip_prefix('-').unwrap_or(entry);
            let is_left_out = name != entry;
            match (find(KNOWN, name), find(ELSEWHERE, name)) {
                (Some(known), _) if is_left_out => selection.left_out.push(known),
                (Some(known), _) => selection.named.push(known),
                (None, Some(_)) if is_left_out => {}
                (None, Some(_)) => return Err(SelectionError::NotServed(name.to_owned())),
                (None, None) => return Err(SelectionError::Unknown(name.to_owned())),
            }
        }
        Ok(selection)
    }

    /// Whether the controller of that name runs.
    pub fn includes(&self, name: &str) -> bool {
        debug_assert!(find(KNOWN, name).is_some(), "{name} is not known");
        self.named.contains(&name) || (self.all && !self.left_out.contains(&name))
    }
}

fn find(names: &'static [(&'static str, &'static str)], wanted: &str) -> Option<&'static str> {
    let is_it = |(name, former): &&(&str, &str)| *name == wanted || (!former.is_empty() && *former == wanted);
    names.iter().find(is_it).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_counts_more_than_the_star() {
        let cases: [(&[&str], &str, bool); 7] = [
            (&["*"], "job-controller", true),
            (&["*", "-job-controller"], "job-controller", false),
            (&["*", "-job"], "job-controller", false),
            (&["-job", "*"], "cronjob-controller", true),
            (&["job"], "job-controller", true),
            (&["job"], "cronjob-controller", false),
            (
                &["*", "bootstrapsigner", "tokencleaner", "-attachdetach"],
                "bootstrap-signer-controller",
                true,
            ),
        ];
        for (list, name, runs) in cases {
            let selection = Selection::parse(list.iter().copied()).expect("read");
            assert_eq!(selection.includes(name), runs, "{list:?} {name}");
        }
        assert!(Selection::default().includes("ttl-controller"));
    }

    #[test]
    fn unknown_names_are_told() {
        for (entry, text) in [
            ("-jobs", "\"jobs\" is not in the list of known controllers"),
            ("", "\"\" is not in the list of known controllers"),
            ("attachdetach", "\"attachdetach\" is not served yet"),
        ] {
            let error = Selection::parse([entry]).expect_err("refused");
            assert_eq!(error.to_string(), text);
        }
    }
}
