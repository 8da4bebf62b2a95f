//! The flags of kube-proxy.

use std::net::{IpAddr, SocketAddr};

use super::common::{OF_GO, OF_REQUESTS, path, set, some};
use super::{Component, Served, Treatments};
use crate::settings::ProxySettings;

/// What becomes of each flag.
pub static TREATMENTS: Treatments<ProxySettings> = Treatments {
    component: Component::Proxy,
    served: &[SERVED],
    meaningless: &[
        OF_GO,
        OF_REQUESTS,
        (
            "the rules are nftables', in one transaction for each change",
            &[
                "config-sync-period",
                "iptables-localhost-nodeports",
                "iptables-masquerade-bit",
                "iptables-min-sync-period",
                "iptables-sync-period",
                "ipvs-exclude-cidrs",
                "ipvs-min-sync-period",
                "ipvs-scheduler",
                "ipvs-strict-arp",
                "ipvs-sync-period",
                "ipvs-tcp-timeout",
                "ipvs-tcpfin-timeout",
                "ipvs-udp-timeout",
            ],
        ),
        (
            "it is read from the kernel alone",
            &["boot-id-file", "machine-id-file"],
        ),
    ],
};

/// Where upstream's proxy says whether it is well.
pub const USUAL_HEALTH_PORT: u16 = 10256;

fn with_usual_port(text: &str) -> Result<SocketAddr, String> {
    let address: IpAddr = text.parse().map_err(|_| format!("{text:?} is not IP:PORT"))?;
    Ok((address, USUAL_HEALTH_PORT).into())
}

const SERVED: &[Served<ProxySettings>] = &[
    ("kubeconfig", |s, v| path(&mut s.kubeconfig, v)),
    ("master", |s, v| some(&mut s.master, v)),
    ("hostname-override", |s, v| some(&mut s.node_name, v)),
    ("cluster-cidr", |s, v| some(&mut s.cluster_cidr, v)),
    ("healthz-bind-address", |s, v| {
        let text = v.text();
        s.health = Some(match text {
            "" => None,
            text => Some(text.parse().or_else(|_| with_usual_port(text))?),
        });
        Ok(())
    }),
    ("proxy-mode", |_, v| match v.text() {
        "nftables" | "" => Ok(()),
        mode @ ("iptables" | "ipvs") => Err(format!("mode {mode:?} is not served; pintle's is \"nftables\"")),
        _ => Err(String::from("must be \"nftables\"")),
    }),
    ("v", |s, v| set(&mut s.verbosity, v)),
];

#[cfg(test)]
mod tests {
    use super::super::{apply, parse};
    use super::*;

    #[test]
    fn the_tables_name_real_flags() {
        super::super::treatment::check_names(&TREATMENTS);
    }

    #[test]
    fn the_only_mode_is_nftables() {
        for (word, is_good) in [("--proxy-mode=nftables", true), ("--proxy-mode=ipvs", false)] {
            let given = parse(Component::Proxy, [word.to_owned()]).expect("parsed");
            let applied = apply(&TREATMENTS, &given, &mut ProxySettings::default());
            assert_eq!(applied.is_ok(), is_good, "{word}");
        }
    }
}
