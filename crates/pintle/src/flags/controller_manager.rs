//! The flags of kube-controller-manager.

use controllers::Selection;

use super::common::{OF_GO, OF_REQUESTS, OF_SERVING, path, set, some};
use super::election::{Elects, flags as election};
use super::health::{Answers, flags as health};
use super::{Component, Served, Treatments};
use crate::settings::{ControllerSettings, ElectionSettings, HealthSettings};

/// What becomes of each flag.
pub static TREATMENTS: Treatments<ControllerSettings> = Treatments {
    component: Component::ControllerManager,
    served: &[OWN, election(), health()],
    meaningless: &[
        OF_GO,
        OF_REQUESTS,
        OF_SERVING,
        (
            "there are no cloud providers inside Kubernetes any more",
            &[
                "cloud-config",
                "cloud-provider",
                "cluster-name",
                "configure-cloud-routes",
                "route-reconciliation-period",
            ],
        ),
        (
            "each controller has a fixed number of workers",
            &[
                "concurrent-deployment-syncs",
                "concurrent-endpoint-syncs",
                "concurrent-gc-syncs",
                "concurrent-namespace-syncs",
                "concurrent-replicaset-syncs",
                "concurrent-service-endpoint-syncs",
                "concurrent-service-syncs",
                "concurrent-serviceaccount-token-syncs",
            ],
        ),
        (
            "controllers are woken by watches and timers that are due",
            &[
                "controller-start-interval",
                "min-resync-period",
                "namespace-sync-period",
                "node-monitor-period",
            ],
        ),
        (
            "the API server signs service account tokens",
            &["service-account-private-key-file"],
        ),
        (
            "the ranges of pods and Services do not overlap",
            &["service-cluster-ip-range"],
        ),
    ],
};

impl Elects for ControllerSettings {
    fn election(&mut self) -> &mut ElectionSettings {
        &mut self.election
    }
}

impl Answers for ControllerSettings {
    fn health(&mut self) -> &mut HealthSettings {
        &mut self.health
    }
}

const OWN: &[Served<ControllerSettings>] = &[
    ("kubeconfig", |s, v| path(&mut s.kubeconfig, v)),
    ("master", |s, v| some(&mut s.master, v)),
    ("allocate-node-cidrs", |_, v| {
        if v.bool() {
            Ok(())
        } else {
            Err(String::from("nodes always get addresses for their pods"))
        }
    }),
    ("cluster-cidr", |s, v| some(&mut s.cluster_cidr, v)),
    ("node-cidr-mask-size", |_, v| node_mask(v.text())),
    ("node-cidr-mask-size-ipv4", |_, v| node_mask(v.text())),
    ("node-monitor-grace-period", |s, v| {
        s.node_grace_period = v.duration();
        Ok(())
    }),
    ("terminated-pod-gc-threshold", |s, v| {
        let threshold: i32 = v.parse()?;
        s.terminated_pod_threshold = usize::try_from(threshold).ok().filter(|number| *number > 0);
        Ok(())
    }),
    ("controllers", |s, v| {
        let list = v.list();
        let selection = Selection::parse(list.iter().map(AsRef::as_ref));
        s.selection = selection.map_err(|error| error.to_string())?;
        Ok(())
    }),
    ("root-ca-file", |s, v| path(&mut s.root_authority, v)),
    ("cluster-signing-cert-file", |s, v| {
        path(&mut s.signing.certificate, v)
    }),
    ("cluster-signing-key-file", |s, v| path(&mut s.signing.key, v)),
    ("use-service-account-credentials", |s, v| {
        s.own_service_accounts = v.bool();
        Ok(())
    }),
    ("v", |s, v| set(&mut s.verbosity, v)),
];

fn node_mask(text: &str) -> Result<(), String> {
    match text {
        "0" | "24" => Ok(()),
        _ => Err(String::from("nodes get a /24 each")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{FlagError, apply, parse};
    use super::*;

    fn given(words: &str) -> Result<(ControllerSettings, Vec<String>), FlagError> {
        let mut settings = ControllerSettings::default();
        let given = parse(
            Component::ControllerManager,
            words.split_whitespace().map(str::to_owned),
        )?;
        let warnings = apply(&TREATMENTS, &given, &mut settings)?;
        Ok((settings, warnings))
    }

    #[test]
    fn the_tables_name_real_flags() {
        super::super::treatment::check_names(&TREATMENTS);
    }

    #[test]
    fn what_kubeadm_writes_is_understood() {
        let words = "--allocate-node-cidrs=true --authentication-kubeconfig=/e/c.conf \
            --authorization-kubeconfig=/e/c.conf --bind-address=127.0.0.1 --client-ca-file=/p/ca.crt \
            --cluster-cidr=10.244.0.0/16 --cluster-name=kubernetes --cluster-signing-cert-file=/p/ca.crt \
            --cluster-signing-key-file=/p/ca.key --kubeconfig=/e/c.conf --leader-elect=true \
            --requestheader-client-ca-file=/p/f.crt --root-ca-file=/p/ca.crt \
            --service-account-private-key-file=/p/sa.key --service-cluster-ip-range=10.96.0.0/12 \
            --use-service-account-credentials=true";
        let (settings, _) = given(&format!("{words} --controllers=*")).expect("understood");
        assert_eq!(settings.kubeconfig, Some("/e/c.conf".into()));
        assert!(settings.own_service_accounts && settings.election.enabled);
        assert_eq!(
            settings.cluster_cidr.map(|cidr| cidr.to_string()),
            Some("10.244.0.0/16".into())
        );
    }

    #[test]
    fn controllers_are_chosen() {
        let (settings, _) = given("--controllers=*,-ttl --terminated-pod-gc-threshold=0").expect("read");
        assert!(!settings.selection.includes("ttl-controller"));
        assert!(settings.selection.includes("job-controller"));
        assert_eq!(settings.terminated_pod_threshold, None);
        let error = given("--controllers=*,-tll").expect_err("refused");
        assert!(
            error
                .to_string()
                .contains("\"tll\" is not in the list of known controllers"),
            "{error}"
        );
    }

    #[test]
    fn elections_are_told_their_times() {
        let (settings, _) =
            given("--leader-elect-retry-period=1s --leader-elect-resource-name=x").expect("read");
        assert_eq!(settings.election.retry_period, Duration::from_secs(1));
        assert_eq!(settings.election.name, "x");
        assert!(given("--leader-elect-resource-lock=endpoints").is_err());
        assert!(given("--allocate-node-cidrs=false").is_err());
    }
}
