//! Everything a server needs to be one: authorities, certificates, keys, kubeconfigs. Made, kept and renewed.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::authority::Authority;
use crate::cluster_secrets::AUTHORITIES;
use crate::error::PkiError;
use crate::identity::Identity;
use crate::kept::{self, Leaves};
use crate::layout::Layout;
use crate::node_part::NodePart;
use crate::profile::{AlternativeNames, Profile};
use crate::token_key::TokenKey;

/// What a server's certificates are to say.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Under which names the API server is reached.
    pub names: AlternativeNames,
    /// Where this machine's clients find it: `https://127.0.0.1:6443`.
    pub server_url: String,
    /// The node, if this machine is one.
    pub node: Option<NodeNames>,
}

/// Under which names a node's kubelet is reached.
#[derive(Clone, Debug, Default)]
pub struct NodeNames {
    /// The node's name.
    pub name: String,
    /// Its host name and addresses.
    pub names: AlternativeNames,
}

/// A server's keys and certificates, all valid.
#[derive(Debug)]
pub struct ServerPki {
    /// Signs servers and clients.
    pub authority: Arc<Authority>,
    /// Signs front proxies: what comes from them with a user's name in its headers is believed.
    pub front_proxy_authority: Authority,
    /// Signs service-account tokens.
    pub service_account_key: TokenKey,
    /// The API server's own certificate.
    pub serving: Identity,
    /// The API server towards kubelets.
    pub kubelet_client: Identity,
    /// The API server towards aggregated API servers.
    pub front_proxy_client: Identity,
    /// The kubelet's own certificate, if this machine is a node.
    pub kubelet_serving: Option<Identity>,
    /// When the first certificate is due for renewal: [`ServerPki::ensure`] then makes it anew.
    pub due_at: Timestamp,
}

const GROUP_MASTERS: &str = "system:masters";
const GROUP_NODES: &str = "system:nodes";

impl NodeNames {
    /// The kubelet as a server.
    pub fn serving_profile(&self) -> Profile {
        Profile {
            organizations: vec![GROUP_NODES.to_owned()],
            ..Profile::server(self.user(), self.names.clone())
        }
    }

    /// The kubelet as a client of the API server.
    pub fn client_profile(&self) -> Profile {
        Profile::client(self.user(), &[GROUP_NODES])
    }

    /// The kubelet's user.
    pub fn user(&self) -> String {
        format!("system:node:{}", self.name)
    }
}

impl Wanted {
    /// The names upstream's clients use for an API server, and those of this machine. `service_addresses` are the first of
    /// each service range, `names` host names and addresses.
    pub fn server_names(
        cluster_domain: &str,
        service_addresses: &[IpAddr],
        names: &[String],
    ) -> AlternativeNames {
        let mut all = AlternativeNames::default();
        let qualified = format!("kubernetes.default.svc.{cluster_domain}");
        for name in [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            &qualified,
            "localhost",
            "127.0.0.1",
            "::1",
        ] {
            all.add(name);
        }
        all.addresses.extend(service_addresses);
        names.iter().for_each(|name| all.add(name));
        all
    }
}

impl ServerPki {
    /// Reads what is there, makes what is missing, and makes anew what is due or no longer says what is wanted. Authorities
    /// and the token key are never replaced: if they cannot be read, that is an error. One process at a time may do this,
    /// and again only when the token key is there.
    pub fn ensure(layout: &Layout, wanted: &Wanted, now: Timestamp) -> Result<Self, PkiError> {
        let service_account_key = TokenKey::ensure(layout)?;
        let [cluster, front_proxy] = AUTHORITIES;
        let authority = kept::authority(layout, cluster.0, cluster.1, now)?;
        let front_proxy_authority = kept::authority(layout, front_proxy.0, front_proxy.1, now)?;
        let mut leaves = Leaves::new(layout, now);
        let mut pair = |authority, name, profile| leaves.pair(authority, name, &profile);
        let serving = Profile::server("kube-apiserver", wanted.names.clone());
        let serving = pair(&authority, "apiserver", serving)?;
        let kubelet_client = Profile::client("kube-apiserver-kubelet-client", &[GROUP_MASTERS]);
        let kubelet_client = pair(&authority, "apiserver-kubelet-client", kubelet_client)?;
        let front_proxy_client = Profile::client("front-proxy-client", &[]);
        let front_proxy_client = pair(&front_proxy_authority, "front-proxy-client", front_proxy_client)?;
        let kubelet_serving = match &wanted.node {
            Some(node) => Some(pair(&authority, "kubelet", node.serving_profile())?),
            None => None,
        };
        for (file, profile) in clients(wanted.node.as_ref()) {
            leaves.kubeconfig(&authority, file, &profile, &wanted.server_url)?;
        }
        Ok(Self {
            authority: Arc::new(authority),
            front_proxy_authority,
            service_account_key,
            serving,
            kubelet_client,
            front_proxy_client,
            kubelet_serving,
            due_at: leaves.due_at(),
        })
    }
}

/// The clients on this machine: the name of their kubeconfig, and who they are.
fn clients(node: Option<&NodeNames>) -> Vec<(&'static str, Profile)> {
    let mut clients = vec![
        ("admin", Profile::client("kubernetes-admin", &[GROUP_MASTERS])),
        (
            "controller-manager",
            Profile::client("system:kube-controller-manager", &[]),
        ),
        ("scheduler", Profile::client("system:kube-scheduler", &[])),
    ];
    match node {
        Some(node) => {
            clients.push(("kubelet", node.client_profile()));
            clients.extend(NodePart::ALL.map(|part| (part.name(), part.profile(&node.name))));
        }
        // For a proxy that somebody else runs.
        None => clients.push((
            NodePart::Proxy.name(),
            Profile::client(NodePart::Proxy.user(), &[]),
        )),
    }
    clients
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;
    use crate::kubeconfig::Kubeconfig;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn wanted(names: &[&str]) -> Wanted {
        let names: Vec<String> = names.iter().map(|&n| n.to_owned()).collect();
        Wanted {
            names: Wanted::server_names(
                "cluster.local",
                &["10.43.0.1".parse().expect("an address")],
                &names,
            ),
            server_url: String::from("https://127.0.0.1:6443"),
            node: Some(NodeNames {
                name: String::from("a"),
                names: AlternativeNames::default(),
            }),
        }
    }

    #[test]
    fn what_is_there_is_kept_until_it_is_due_or_wanted_otherwise() {
        let folder = tempfile::tempdir().expect("folder");
        let layout = Layout::in_folder(folder.path());
        let start = time("2026-01-01T00:00:00Z");
        let first = ServerPki::ensure(&layout, &wanted(&["a"]), start).expect("made");
        first.service_account_key.get().expect("made");
        let again = ServerPki::ensure(&layout, &wanted(&["a"]), start + 24.hours()).expect("kept");
        let serial = |pki: &ServerPki| pki.serving.certificate.fingerprint();
        assert_eq!(serial(&first), serial(&again));
        assert_eq!(first.due_at, again.due_at);

        let renamed = ServerPki::ensure(&layout, &wanted(&["a", "b"]), start).expect("made anew");
        assert_ne!(serial(&first), serial(&renamed));
        let unchanged = first.kubelet_client.certificate.fingerprint();
        assert_eq!(renamed.kubelet_client.certificate.fingerprint(), unchanged);

        let renewed = ServerPki::ensure(&layout, &wanted(&["a"]), first.due_at).expect("renewed");
        assert_ne!(renewed.kubelet_client.certificate.fingerprint(), unchanged);
        assert!(renewed.due_at > first.due_at);
        let authority = |pki: &ServerPki| pki.authority.certificate().fingerprint();
        assert_eq!(authority(&first), authority(&renewed));
        let token_key = |pki: &ServerPki| pki.service_account_key.get().expect("made").public_der().to_vec();
        assert_eq!(token_key(&first), token_key(&renewed));

        let admin = std::fs::read_to_string(layout.kubeconfig("admin")).expect("there");
        let admin = Kubeconfig::from_yaml(&admin).expect("read");
        assert_eq!(
            admin.certificate_authority,
            first.authority.certificate().to_pem()
        );
    }

    #[test]
    fn a_broken_leaf_is_made_anew_and_a_broken_authority_is_an_error() {
        let folder = tempfile::tempdir().expect("folder");
        let layout = Layout::in_folder(folder.path());
        let start = time("2026-01-01T00:00:00Z");
        let made = ServerPki::ensure(&layout, &wanted(&[]), start).expect("made");
        made.service_account_key.get().expect("made");
        std::fs::write(layout.certificate("apiserver"), "").expect("written");
        std::fs::write(layout.kubeconfig("admin"), "}").expect("written");
        ServerPki::ensure(&layout, &wanted(&[]), start).expect("mended");
        for broken in [
            layout.key("ca"),
            layout.certificate("front-proxy-ca"),
            layout.key("sa"),
        ] {
            let good = std::fs::read(&broken).expect("there");
            std::fs::write(&broken, "").expect("written");
            let error = ServerPki::ensure(&layout, &wanted(&[]), start).expect_err("refused");
            assert!(
                error.to_string().contains(broken.to_str().expect("text")),
                "{error}"
            );
            std::fs::write(&broken, good).expect("written");
        }
    }

    #[test]
    fn without_a_folder_nothing_is_kept() {
        let layout = Layout::in_memory();
        let start = time("2026-01-01T00:00:00Z");
        let first = ServerPki::ensure(&layout, &wanted(&[]), start).expect("made");
        let second = ServerPki::ensure(&layout, &wanted(&[]), start).expect("made");
        assert_ne!(
            first.authority.certificate().fingerprint(),
            second.authority.certificate().fingerprint()
        );
        assert!(first.serving.key().is_ok() && first.serving.chain().len() == 2);
    }
}
