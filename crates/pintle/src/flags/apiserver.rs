//! The flags of kube-apiserver.

use super::Kind::Text;
use super::audit::AUDIT;
use super::common::{OF_GO, path, set};
use super::{Component, Flag, Served, Treatments, Value, flag};
use crate::server::{ServerOptions, endpoint};
use crate::settings::{ADMISSION_PLUGINS, AuthorizationMode};

/// Flags that upstream's API server does not have: here the store is in the same process, and has to lie somewhere.
pub(super) const OWN: &[Flag] = &[flag("data-dir", Text, "/var/lib/pintle")];

/// What becomes of each flag.
pub static TREATMENTS: Treatments<ServerOptions> = Treatments {
    component: Component::ApiServer,
    served: &[
        ADDRESSES,
        STORE,
        TLS,
        AUTHENTICATION,
        AUTHORIZATION,
        ADMISSION,
        AUDIT,
        LIMITS,
    ],
    meaningless: &[
        (
            "the store is asked in pintle's own way",
            &[
                "etcd-count-metric-poll-period",
                "etcd-db-metric-poll-interval",
                "etcd-healthcheck-timeout",
                "etcd-readycheck-timeout",
                "lease-reuse-duration-seconds",
                "storage-initialization-timeout",
                "storage-media-type",
            ],
        ),
        (
            "there is always a watch cache, and it needs no sizes",
            &["watch-cache", "watch-cache-sizes", "delete-collection-workers"],
        ),
        OF_GO,
        ("pintle is no Go program", &["debug-socket-path"]),
        (
            "certificates that are not named lie in the data directory",
            &["cert-dir"],
        ),
        (
            "redirects of aggregated API servers are never handed on",
            &["aggregator-reject-forwarding-redirect"],
        ),
        (
            "leases are coordinated by their holders",
            &[
                "coordinated-leadership-lease-duration",
                "coordinated-leadership-renew-deadline",
                "coordinated-leadership-retry-period",
            ],
        ),
    ],
};

const ADDRESSES: &[Served<ServerOptions>] = &[
    ("data-dir", |o, v| set(&mut o.data_dir, v)),
    ("advertise-address", |o, v| {
        o.advertise_address = Some(v.parse()?);
        Ok(())
    }),
    ("bind-address", |o, v| set(&mut o.bind_address, v)),
    ("secure-port", |o, v| set(&mut o.https_listen_port, v)),
    ("service-cluster-ip-range", |o, v| {
        let second = "a second range is not served yet, nor are IPv6 ones";
        o.service_cidr = v.parse().map_err(|error| {
            if v.text().contains([',', ':']) {
                second.to_owned()
            } else {
                error
            }
        })?;
        Ok(())
    }),
    ("service-node-port-range", |o, v| {
        set(&mut o.service_node_port_range, v)
    }),
    ("kubelet-preferred-address-types", |o, v| {
        o.api.kubelet_address_types = v.list();
        Ok(())
    }),
];

const STORE: &[Served<ServerOptions>] = &[
    ("etcd-servers", |o, v| {
        let endpoints = v.list().into_iter().map(|url| endpoint(&url));
        o.datastore.endpoints = endpoints.collect::<Result<_, _>>()?;
        Ok(())
    }),
    ("etcd-cafile", |o, v| path(&mut o.datastore.authority, v)),
    ("etcd-certfile", |o, v| path(&mut o.datastore.certificate, v)),
    ("etcd-keyfile", |o, v| path(&mut o.datastore.key, v)),
    ("etcd-prefix", |_, v| {
        let only = "pintle keeps its objects below /registry and nowhere else";
        if v.text() == "/registry" {
            Ok(())
        } else {
            Err(only.to_owned())
        }
    }),
    ("etcd-compaction-interval", |o, v| {
        o.api.compaction_interval = v.duration();
        Ok(())
    }),
];

const TLS: &[Served<ServerOptions>] = &[
    ("tls-cert-file", |o, v| {
        path(&mut o.api.files.serving_certificate, v)
    }),
    ("tls-private-key-file", |o, v| {
        path(&mut o.api.files.serving_key, v)
    }),
    ("kubelet-client-certificate", |o, v| {
        path(&mut o.api.files.kubelet_client_certificate, v)
    }),
    ("kubelet-client-key", |o, v| {
        path(&mut o.api.files.kubelet_client_key, v)
    }),
    ("kubelet-certificate-authority", |o, v| {
        path(&mut o.api.files.kubelet_authority, v)
    }),
];

const AUTHENTICATION: &[Served<ServerOptions>] = &[
    ("anonymous-auth", |o, v| {
        o.api.anonymous = v.bool();
        Ok(())
    }),
    ("api-audiences", |o, v| {
        o.api_audiences = v.list();
        Ok(())
    }),
    ("client-ca-file", |o, v| {
        path(&mut o.api.files.client_authority, v)
    }),
    ("enable-bootstrap-token-auth", |o, v| {
        o.api.bootstrap_tokens = v.bool();
        Ok(())
    }),
    ("proxy-client-cert-file", |o, v| {
        path(&mut o.api.files.front_proxy_client_certificate, v)
    }),
    ("proxy-client-key-file", |o, v| {
        path(&mut o.api.files.front_proxy_client_key, v)
    }),
    ("requestheader-client-ca-file", |o, v| {
        path(&mut o.api.files.front_proxy_authority, v)
    }),
    ("requestheader-allowed-names", |o, v| {
        o.api.front_proxy_names = v.list();
        Ok(())
    }),
    ("requestheader-username-headers", |o, v| {
        o.api.front_proxy_headers.user = v.list();
        Ok(())
    }),
    ("requestheader-uid-headers", |o, v| {
        o.api.front_proxy_headers.uid = v.list();
        Ok(())
    }),
    ("requestheader-group-headers", |o, v| {
        o.api.front_proxy_headers.group = v.list();
        Ok(())
    }),
    ("requestheader-extra-headers-prefix", |o, v| {
        o.api.front_proxy_headers.extra_prefix = v.list();
        Ok(())
    }),
    ("service-account-issuer", |o, v| {
        o.service_account_issuer = v.list();
        Ok(())
    }),
    ("service-account-jwks-uri", |o, v| {
        o.api.service_account_keys_url = Some(v.text().to_owned());
        Ok(())
    }),
    ("service-account-key-file", |o, v| {
        o.api.files.token_keys = v.list().into_iter().map(Into::into).collect();
        Ok(())
    }),
    ("service-account-signing-key-file", |o, v| {
        path(&mut o.api.files.token_signing_key, v)
    }),
    ("token-auth-file", |o, v| path(&mut o.api.files.static_tokens, v)),
];

const AUTHORIZATION: &[Served<ServerOptions>] = &[("authorization-mode", |o, v| {
    o.api.authorization = v
        .list()
        .iter()
        .map(|mode| mode.parse::<AuthorizationMode>())
        .collect::<Result<_, _>>()?;
    Ok(())
})];

const ADMISSION: &[Served<ServerOptions>] = &[
    ("allow-privileged", |_, v| {
        let refusal =
            "privileged containers are always allowed; Pod Security admission refuses them by namespace";
        if v.bool() { Ok(()) } else { Err(refusal.to_owned()) }
    }),
    ("enable-admission-plugins", |o, v| {
        o.api.enabled_plugins = plugins(v)?;
        Ok(())
    }),
    ("disable-admission-plugins", |o, v| {
        o.api.disabled_plugins = plugins(v)?;
        Ok(())
    }),
];

const LIMITS: &[Served<ServerOptions>] = &[
    ("max-requests-inflight", |o, v| {
        set(&mut o.api.max_requests_inflight, v)
    }),
    ("max-mutating-requests-inflight", |o, v| {
        set(&mut o.api.max_mutating_requests_inflight, v)
    }),
    ("request-timeout", |o, v| {
        o.api.request_timeout = v.duration();
        Ok(())
    }),
    ("http2-max-streams-per-connection", |o, v| {
        let count = v.parse()?;
        // 0 is upstream's way to say: the default.
        o.api.max_streams = (count != 0).then_some(count);
        Ok(())
    }),
    ("v", |o, v| set(&mut o.api.verbosity, v)),
];

/// Names of admission plugins, in upstream's words if one is not known.
fn plugins(value: &Value<'_>) -> Result<Vec<String>, String> {
    let names = value.list();
    match names
        .iter()
        .find(|name| !ADMISSION_PLUGINS.contains(&name.as_str()))
    {
        Some(unknown) => Err(format!("plugin {unknown:?} is unknown")),
        None => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{FlagError, Treatment, apply, parse};
    use super::*;

    fn given(words: &str) -> Result<(ServerOptions, Vec<String>), FlagError> {
        let mut options = ServerOptions::unset().expect("the defaults are good");
        let given = parse(Component::ApiServer, words.split_whitespace().map(str::to_owned))?;
        let warnings = apply(&TREATMENTS, &given, &mut options)?;
        Ok((options, warnings))
    }

    #[test]
    fn the_tables_name_real_flags() {
        super::super::treatment::check_names(&TREATMENTS);
        assert_eq!(TREATMENTS.of("etcd-servers-overrides"), Treatment::NotYet);
    }

    #[test]
    fn what_kubeadm_writes_is_understood() {
        let words = "--advertise-address=192.0.2.1 --allow-privileged=true --authorization-mode=Node,RBAC \
            --client-ca-file=/p/ca.crt --enable-admission-plugins=NodeRestriction --enable-bootstrap-token-auth=true \
            --kubelet-client-certificate=/p/k.crt --kubelet-client-key=/p/k.key \
            --kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname \
            --proxy-client-cert-file=/p/f.crt --proxy-client-key-file=/p/f.key \
            --requestheader-allowed-names=front-proxy-client --requestheader-client-ca-file=/p/front.crt \
            --requestheader-extra-headers-prefix=X-Remote-Extra- --requestheader-group-headers=X-Remote-Group \
            --requestheader-username-headers=X-Remote-User --secure-port=7443 \
            --service-account-issuer=https://k.default --service-account-key-file=/p/sa.pub \
            --service-account-signing-key-file=/p/sa.key --service-cluster-ip-range=10.96.0.0/12 \
            --tls-cert-file=/p/s.crt --tls-private-key-file=/p/s.key";
        let (options, warnings) = given(words).expect("understood");
        assert_eq!(options.https_listen_port, 7443);
        assert_eq!(options.service_cidr.to_string(), "10.96.0.0/12");
        assert_eq!(options.service_account_issuer, ["https://k.default"]);
        assert_eq!(options.api.files.client_authority, Some("/p/ca.crt".into()));
        assert_eq!(options.api.files.front_proxy_client_key, Some("/p/f.key".into()));
        assert_eq!(
            options.api.files.token_keys,
            [std::path::PathBuf::from("/p/sa.pub")]
        );
        assert_eq!(
            options.api.authorization,
            [AuthorizationMode::Node, AuthorizationMode::Rbac]
        );
        assert_eq!(warnings.len(), 0, "{warnings:?}");
    }

    #[test]
    fn flags_take_effect_warn_or_are_refused() {
        let (options, warnings) = given("--request-timeout=30s --debug-socket-path=/x").expect("read");
        assert_eq!(options.api.request_timeout, Duration::from_secs(30));
        assert_eq!(
            warnings,
            ["--debug-socket-path has no effect: pintle is no Go program"]
        );
        // A default asks for nothing.
        given("--event-ttl=1h --audit-log-mode=blocking").expect("read");
        for (words, message) in [
            (
                "--etcd-servers-overrides=/events#https://127.0.0.1:2379",
                "--etcd-servers-overrides of kube-apiserver is not served by pintle yet",
            ),
            (
                "--etcd-servers=127.0.0.1:2379",
                r#"invalid argument "127.0.0.1:2379" for "--etcd-servers" flag: it does not begin with http:// or https://"#,
            ),
            (
                "--etcd-prefix=/kubernetes.io",
                r#"invalid argument "/kubernetes.io" for "--etcd-prefix" flag: pintle keeps its objects below /registry and nowhere else"#,
            ),
            (
                "--enable-admission-plugins=Nonsense",
                r#"invalid argument "Nonsense" for "--enable-admission-plugins" flag: plugin "Nonsense" is unknown"#,
            ),
            (
                "--authorization-mode=Webhook",
                r#"invalid argument "Webhook" for "--authorization-mode" flag: mode "Webhook" is not served by pintle yet"#,
            ),
            (
                "--service-cluster-ip-range=10.0.0.0/16,fd00::/108",
                r#"invalid argument "10.0.0.0/16,fd00::/108" for "--service-cluster-ip-range" flag: a second range is not served yet, nor are IPv6 ones"#,
            ),
        ] {
            assert_eq!(given(words).expect_err(words).to_string(), message);
        }
    }
}
