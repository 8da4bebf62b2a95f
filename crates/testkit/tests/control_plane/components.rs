//! Components alone, with upstream's flags.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use testkit::{Kubectl, binary, eventually};

/// A process that is killed when dropped.
struct Process(Child);

impl Process {
    fn start(command: &mut Command, log: &Path) -> Self {
        let file = std::fs::File::create(log).expect("a log file can be made");
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn();
        Self(child.expect("the binary is built"))
    }

    /// The rest of the first line that begins so.
    fn line_after(&mut self, prefix: &str) -> String {
        let stdout = self.0.stdout.take().expect("standard output is a pipe");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let found = lines.find_map(|line| line.strip_prefix(prefix).map(str::to_owned));
        found.expect("the process says it before it ends")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An API server through a link of upstream's name, and what is needed to go on.
struct Api {
    folder: TempDir,
    _process: Process,
    kubectl: Kubectl,
}

impl Api {
    fn start(flags: &[&str]) -> Self {
        let folder = TempDir::with_prefix("pintle-test-").expect("a folder can be made");
        let link = folder.path().join("kube-apiserver");
        std::os::unix::fs::symlink(binary(), &link).expect("a link can be made");
        let mut command = Command::new(link);
        command
            .args(["--bind-address=127.0.0.1", "--secure-port=0"])
            .args(flags);
        command.arg("--data-dir").arg(folder.path().join("data"));
        let mut process = Process::start(&mut command, &folder.path().join("api.log"));
        let kubeconfig = PathBuf::from(process.line_after("export KUBECONFIG="));
        Self {
            kubectl: Kubectl::new(&kubeconfig, folder.path()),
            _process: process,
            folder,
        }
    }

    /// A component over the kubeconfig that was made for it.
    fn component(&self, name: &str, kubeconfig: &str, flags: &[&str]) -> Process {
        let mut command = Command::new(binary());
        let kubeconfig = self.folder.path().join("data").join(kubeconfig);
        command.arg(name).arg("--kubeconfig").arg(kubeconfig).args(flags);
        Process::start(&mut command, &self.folder.path().join(format!("{name}.log")))
    }

    fn holder(&self, lease: &str) -> Option<String> {
        let path = "jsonpath={.spec.holderIdentity}";
        let output = self
            .kubectl
            .call(&["get", "lease", lease, "-n", "kube-system", "-o", path]);
        (output.code == 0 && !output.stdout.is_empty()).then_some(output.stdout)
    }
}

const QUICK: [&str; 3] = [
    "--leader-elect-lease-duration=3s",
    "--leader-elect-renew-deadline=2s",
    "--leader-elect-retry-period=500ms",
];

#[test]
fn three_processes_are_a_control_plane() {
    let api = Api::start(&[]);
    let own_accounts = ["--use-service-account-credentials=true"];
    let _controllers = api.component(
        "kube-controller-manager",
        "controller-manager.conf",
        &own_accounts,
    );
    let _scheduler = api.component("kube-scheduler", "scheduler.conf", &["--v=4"]);
    api.kubectl.run(&[
        "create",
        "deployment",
        "web",
        "--image=localhost/web:1",
        "--replicas=2",
    ]);
    let waiting = eventually("pods that wait for a node", Duration::from_secs(30), || {
        let pods = api.kubectl.json(&["get", "pods"]);
        let pods = pods["items"].as_array().cloned().unwrap_or_default();
        let unscheduled =
            |pod: &&serde_json::Value| pod["status"]["conditions"][0]["reason"] == "Unschedulable";
        let waiting: Vec<String> = pods
            .iter()
            .filter(unscheduled)
            .map(|pod| pod["status"]["conditions"][0]["message"].to_string())
            .collect();
        (waiting.len() == 2).then_some(waiting)
    });
    assert!(waiting[0].contains("no nodes available"), "{waiting:?}");
    // Each controller has come by its own name.
    api.kubectl.run(&[
        "get",
        "serviceaccount",
        "-n",
        "kube-system",
        "deployment-controller",
        "replicaset-controller",
    ]);
    for lease in ["kube-controller-manager", "kube-scheduler"] {
        assert!(api.holder(lease).is_some(), "{lease} is led");
    }
}

#[test]
fn a_second_copy_takes_over() {
    let api = Api::start(&[]);
    let mut flags = vec!["--use-service-account-credentials"];
    flags.extend(QUICK);
    let start = || api.component("kube-controller-manager", "controller-manager.conf", &flags);
    let first = start();
    let lease = "kube-controller-manager";
    let leader = eventually("a leader", Duration::from_secs(20), || api.holder(lease));
    let _second = start();
    drop(first);
    eventually("another leader", Duration::from_secs(30), || {
        api.holder(lease).filter(|holder| *holder != leader)
    });
    api.kubectl
        .run(&["create", "deployment", "web", "--image=localhost/web:1"]);
    api.kubectl
        .run(&["wait", "--for=create", "pods", "-l", "app=web", "--timeout=30s"]);
}

#[test]
fn flags_of_the_api_server_take_effect() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let tokens = folder.path().join("tokens.csv");
    std::fs::write(&tokens, "sesame,alice,1,\"dev\"\n").expect("written");
    let tokens = format!("--token-auth-file={}", tokens.display());
    let api = Api::start(&[
        &tokens,
        "--anonymous-auth=false",
        "--service-cluster-ip-range=10.99.0.0/16",
        "--service-node-port-range=31000-31010",
        "--disable-admission-plugins=ServiceAccount",
    ]);
    let service = api.kubectl.json(&["get", "service", "kubernetes"]);
    assert_eq!(service["spec"]["clusterIP"], "10.99.0.1");
    api.kubectl
        .run(&["create", "service", "nodeport", "web", "--tcp=80"]);
    let service = api.kubectl.json(&["get", "service", "web"]);
    let port = service["spec"]["ports"][0]["nodePort"]
        .as_i64()
        .unwrap_or_default();
    assert!((31000..=31010).contains(&port), "{port}");
    // Without the plugin a pod needs no service account, and with no controllers there is none.
    api.kubectl.run(&["run", "alone", "--image=localhost/web:1"]);

    let cluster = api.kubectl.json(&["config", "view", "--raw"])["clusters"][0]["cluster"].clone();
    let server = cluster["server"].as_str().expect("an address");
    let config = |token: &str| {
        let file = api.folder.path().join(format!("{token}.conf"));
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: c, clusters: [{{name: c, cluster: {cluster}}}], \
             users: [{{name: c, user: {{token: {token}}}}}], contexts: [{{name: c, context: {{cluster: c, user: c}}}}]}}"
        );
        std::fs::write(&file, text).expect("written");
        Kubectl::new(&file, api.folder.path())
    };
    let whoami = config("sesame").json(&["auth", "whoami"]);
    assert_eq!(whoami["status"]["userInfo"]["username"], "alice");
    assert!(
        config("wrong")
            .refused(&["get", "--raw", "/version"])
            .contains("Unauthorized")
    );
    let nobody = api.kubectl.call(&[
        "--kubeconfig=/dev/null",
        "--server",
        server,
        "--insecure-skip-tls-verify",
        "get",
        "--raw",
        "/version",
    ]);
    assert!(nobody.code != 0, "anonymous is refused: {}", nobody.stdout);
}
