//! The command lines of the components in their containers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use pki::{EtcdPki, Layout};

use super::FOLDER;
use super::image::PROGRAM;
use crate::flags::Component;
use crate::server::ServerOptions;

/// Options that are the host's business, or are said anew; each with a value.
const NOT_PASSED: [&str; 5] = [
    "config",
    "write-kubeconfig",
    "data-dir",
    "https-listen-port",
    "etcd-listen",
];
/// Those without a value.
const NOT_PASSED_FLAGS: [&str; 1] = ["self-hosted"];

/// Where the store listens unless it is told otherwise: etcd's port, for this machine only.
const STORE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 2379);

/// Whether the store is in a container of its own: it is elsewhere if the options name it.
pub(super) fn has_store(options: &ServerOptions) -> bool {
    options.datastore.endpoints.is_empty()
}

/// Where this machine finds the store.
pub(super) fn store_address(options: &ServerOptions) -> SocketAddr {
    let mut address = options.etcd_listen.unwrap_or(STORE);
    if address.ip().is_unspecified() {
        address.set_ip(STORE.ip());
    }
    address
}

/// The store, over the folder that a server in one process has it in.
pub(super) fn store(options: &ServerOptions) -> Vec<String> {
    let layout = Layout::in_folder(&options.data_dir);
    // Whoever listens on all addresses listens on loopback too.
    let listen = options.etcd_listen.unwrap_or(STORE);
    vec![
        format!("{FOLDER}/{PROGRAM}"),
        String::from("etcd"),
        format!(
            "--data-dir={}",
            cluster::data_dir::store(&options.data_dir).display()
        ),
        format!("--listen-client-urls=https://{listen}"),
        format!("--advertise-client-urls=https://{}", store_address(options)),
        format!("--cert-file={}", layout.certificate(EtcdPki::SERVER).display()),
        format!("--key-file={}", layout.key(EtcdPki::SERVER).display()),
        format!(
            "--trusted-ca-file={}",
            layout.certificate(EtcdPki::AUTHORITY).display()
        ),
        String::from("--client-cert-auth"),
        String::from("--auto-compaction-retention=5m"),
    ]
}

/// The API server: this server's own options, and nothing but the API.
pub(super) fn api_server(options: &ServerOptions, given: &[String]) -> Vec<String> {
    let mut line = vec![format!("{FOLDER}/{PROGRAM}"), String::from("server")];
    line.extend(passed(given));
    line.push(format!("--data-dir={}", options.data_dir.display()));
    line.push(format!("--https-listen-port={}", options.https_listen_port));
    let alone = [
        "--in-static-pod",
        "--disable-agent",
        "--disable-controller-manager",
        "--disable-scheduler",
    ];
    line.extend(alone.map(str::to_owned));
    if has_store(options) {
        let layout = Layout::in_folder(&options.data_dir);
        line.push(String::from("--store-in-static-pod"));
        line.push(format!("--datastore-endpoint=https://{}", store_address(options)));
        for (option, file) in [
            ("cafile", layout.certificate(EtcdPki::AUTHORITY)),
            ("certfile", layout.certificate(EtcdPki::API_SERVER)),
            ("keyfile", layout.key(EtcdPki::API_SERVER)),
        ] {
            line.push(format!("--datastore-{option}={}", file.display()));
        }
    }
    line
}

/// What was given, without what is not the API server's.
fn passed(given: &[String]) -> Vec<String> {
    let mut passed = Vec::new();
    let mut rest = given.iter();
    while let Some(argument) = rest.next() {
        let option = argument.strip_prefix("--").unwrap_or_default();
        let name = option.split('=').next().unwrap_or_default();
        if NOT_PASSED_FLAGS.contains(&name) {
            continue;
        }
        if NOT_PASSED.contains(&name) {
            if !option.contains('=') {
                rest.next();
            }
            continue;
        }
        passed.push(argument.clone());
    }
    passed
}

/// The controllers, over the kubeconfig that the data directory has for them.
pub(super) fn controller_manager(options: &ServerOptions) -> Vec<String> {
    let data_dir = &options.data_dir;
    let file = |path: &str| data_dir.join(path).display().to_string();
    let mut line = component(Component::ControllerManager, options, "controller-manager.conf");
    line.extend([
        String::from("--use-service-account-credentials=true"),
        format!("--cluster-cidr={}", options.cluster_cidr),
        format!("--root-ca-file={}", file("pki/ca.crt")),
        format!("--cluster-signing-cert-file={}", file("pki/ca.crt")),
        format!("--cluster-signing-key-file={}", file("pki/ca.key")),
    ]);
    line.extend(flags(&options.upstream.kube_controller_manager_arg));
    line
}

/// The scheduler, over the kubeconfig that the data directory has for it.
pub(super) fn scheduler(options: &ServerOptions) -> Vec<String> {
    let mut line = component(Component::Scheduler, options, "scheduler.conf");
    line.extend(flags(&options.upstream.kube_scheduler_arg));
    line
}

fn component(component: Component, options: &ServerOptions, kubeconfig: &str) -> Vec<String> {
    vec![
        format!("{FOLDER}/{}", component.name()),
        format!("--kubeconfig={}", options.data_dir.join(kubeconfig).display()),
        // Of a lone master there is one of each: an election would only make the next wait for the time of the last.
        format!("--leader-elect={}", options.shares_datastore()),
    ]
}

fn flags(arguments: &[String]) -> impl Iterator<Item = String> {
    arguments.iter().map(|argument| format!("--{argument}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_server_is_told_what_the_server_was() {
        let mut options = ServerOptions::unset().expect("the defaults are good");
        options.data_dir = "/d".into();
        options.https_listen_port = 7443;
        let given = [
            "--self-hosted",
            "--data-dir",
            "d",
            "--write-kubeconfig=x",
            "--config",
            "c",
            "--tls-san",
            "a",
            "-v",
            "--kube-apiserver-arg=v=4",
        ];
        assert_eq!(
            api_server(&options, &given.map(str::to_owned)),
            [
                "/usr/lib/pintle-image/pintle",
                "server",
                "--tls-san",
                "a",
                "-v",
                "--kube-apiserver-arg=v=4",
                "--data-dir=/d",
                "--https-listen-port=7443",
                "--in-static-pod",
                "--disable-agent",
                "--disable-controller-manager",
                "--disable-scheduler",
                "--store-in-static-pod",
                "--datastore-endpoint=https://127.0.0.1:2379",
                "--datastore-cafile=/d/pki/etcd/ca.crt",
                "--datastore-certfile=/d/pki/apiserver-etcd-client.crt",
                "--datastore-keyfile=/d/pki/apiserver-etcd-client.key",
            ]
        );
        options.datastore.endpoints = vec![String::from("https://elsewhere:2379")];
        let line = api_server(&options, &[]);
        assert!(!line.iter().any(|word| word.contains("datastore")), "{line:?}");
    }

    #[test]
    fn the_store_is_that_of_a_server_in_one_process() {
        let mut options = ServerOptions::unset().expect("the defaults are good");
        options.data_dir = "/d".into();
        let line = store(&options);
        assert_eq!(line[..2], ["/usr/lib/pintle-image/pintle", "etcd"]);
        for word in [
            "--data-dir=/d/store",
            "--listen-client-urls=https://127.0.0.1:2379",
            "--cert-file=/d/pki/etcd/server.crt",
        ] {
            assert!(line.iter().any(|found| found == word), "{word} in {line:?}");
        }
        options.etcd_listen = Some("0.0.0.0:4001".parse().expect("an address"));
        assert!(store(&options).contains(&String::from("--listen-client-urls=https://0.0.0.0:4001")));
        assert_eq!(store_address(&options).to_string(), "127.0.0.1:4001");
    }

    #[test]
    fn the_components_use_what_lies_in_the_data_directory() {
        let mut options = ServerOptions::unset().expect("the defaults are good");
        options.data_dir = "/d".into();
        options.upstream.kube_scheduler_arg = vec![String::from("v=4")];
        let line = scheduler(&options);
        assert_eq!(line[0], "/usr/lib/pintle-image/kube-scheduler");
        assert_eq!(line[1], "--kubeconfig=/d/scheduler.conf");
        assert_eq!(line.last().map(String::as_str), Some("--v=4"));
        let line = controller_manager(&options);
        assert!(
            line.contains(&String::from("--cluster-signing-key-file=/d/pki/ca.key")),
            "{line:?}"
        );
        // What is built here must be a command line that is understood.
        for (component, line) in [
            (Component::ControllerManager, line),
            (Component::Scheduler, scheduler(&options)),
        ] {
            let given = crate::flags::parse(component, line.into_iter().skip(1)).expect("parsed");
            crate::component::Run::from_flags(component, &given).expect("understood");
        }
    }
}
