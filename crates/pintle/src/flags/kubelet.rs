//! The flags of the kubelet.

use kubelet::EvictionSettings;

use super::common::{OF_GO, OF_REQUESTS, path, set, some};
use super::{Component, Served, Treatments};
use crate::node::NodeOptions;
use crate::settings::HealthSettings;

/// What becomes of each flag.
pub static TREATMENTS: Treatments<NodeOptions> = Treatments {
    component: Component::Kubelet,
    served: &[SERVED],
    meaningless: &[
        OF_GO,
        OF_REQUESTS,
        (
            "pintle counts no containers that are not pods'",
            &[
                "application-metrics-count-limit",
                "boot-id-file",
                "container-hints",
                "containerd",
                "containerd-namespace",
                "enable-load-reader",
                "event-storage-age-limit",
                "event-storage-event-limit",
                "global-housekeeping-interval",
                "housekeeping-interval",
                "log-cadvisor-usage",
                "machine-id-file",
                "storage-driver-buffer-duration",
                "storage-driver-db",
                "storage-driver-host",
                "storage-driver-password",
                "storage-driver-secure",
                "storage-driver-table",
                "storage-driver-user",
            ],
        ),
        (
            "the container runtime decides it",
            &[
                "hairpin-mode",
                "image-service-endpoint",
                "runtime-cgroups",
                "seccomp-default",
            ],
        ),
        (
            "there are no cloud providers inside Kubernetes any more",
            &["cloud-provider"],
        ),
        (
            "changes are seen when they happen",
            &["file-check-frequency", "sync-frequency"],
        ),
    ],
};

/// Where upstream's kubelet says whether it is well.
pub const USUAL_HEALTH: HealthSettings = HealthSettings::local(10248);

const SERVED: &[Served<NodeOptions>] = &[
    ("kubeconfig", |o, v| path(&mut o.kubelet.kubeconfig, v)),
    ("client-ca-file", |o, v| path(&mut o.kubelet.client_authority, v)),
    ("tls-cert-file", |o, v| {
        path(&mut o.kubelet.serving.certificate, v)
    }),
    ("tls-private-key-file", |o, v| path(&mut o.kubelet.serving.key, v)),
    ("root-dir", |o, v| path(&mut o.kubelet.root_dir, v)),
    ("hostname-override", |o, v| some(&mut o.node_name, v)),
    ("node-ip", |o, v| some(&mut o.node_ip, v)),
    ("node-labels", |o, v| {
        o.node_label = v
            .map()
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Ok(())
    }),
    ("address", |o, v| some(&mut o.kubelet.address, v)),
    ("port", |o, v| set(&mut o.kubelet_port, v)),
    ("container-runtime-endpoint", |o, v| {
        some(&mut o.container_runtime_endpoint, v)
    }),
    ("cgroup-root", |o, v| set(&mut o.cgroup_root, v)),
    ("cluster-dns", |o, v| {
        let addresses = v.list();
        o.kubelet.cluster_dns = addresses
            .iter()
            .map(|address| {
                address
                    .parse()
                    .map_err(|_| format!("{address:?} is not an address"))
            })
            .collect::<Result<_, _>>()?;
        Ok(())
    }),
    ("cluster-domain", |o, v| some(&mut o.kubelet.cluster_domain, v)),
    ("resolv-conf", |o, v| set(&mut o.resolv_conf, v)),
    ("max-pods", |o, v| some(&mut o.kubelet.max_pods, v)),
    ("pod-manifest-path", |o, v| path(&mut o.kubelet.manifests, v)),
    ("eviction-hard", |o, v| {
        let thresholds = EvictionSettings::parse(&v.texts.join(",")).map_err(|error| error.to_string())?;
        o.kubelet.eviction = Some(thresholds);
        Ok(())
    }),
    ("healthz-bind-address", |o, v| {
        set(&mut o.kubelet.health.get_or_insert(USUAL_HEALTH).address, v)
    }),
    ("healthz-port", |o, v| {
        set(&mut o.kubelet.health.get_or_insert(USUAL_HEALTH).port, v)
    }),
    ("v", |o, v| set(&mut o.kubelet.verbosity, v)),
];

#[cfg(test)]
mod tests {
    use super::super::{FlagError, apply, parse};
    use super::*;

    fn given(words: &str) -> Result<NodeOptions, FlagError> {
        let mut options = NodeOptions::unset().expect("the defaults are good");
        let given = parse(Component::Kubelet, words.split_whitespace().map(str::to_owned))?;
        apply(&TREATMENTS, &given, &mut options)?;
        Ok(options)
    }

    #[test]
    fn the_tables_name_real_flags() {
        super::super::treatment::check_names(&TREATMENTS);
    }

    #[test]
    fn flags_become_settings() {
        let options = given("--max-pods=20 --node-labels=a=b,c=d --cluster-dns=10.0.0.10").expect("read");
        assert_eq!(options.kubelet.max_pods, Some(20));
        assert_eq!(options.node_label, ["a=b", "c=d"]);
        assert_eq!(options.kubelet.cluster_dns.len(), 1);
        assert!(given("--max-pods=-1").is_err());
        assert!(given("--cluster-dns=x").is_err());
        assert!(given("--protect-kernel-defaults").is_err());
    }
}
