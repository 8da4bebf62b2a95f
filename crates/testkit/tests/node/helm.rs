//! helm, with a chart that has hooks.

use std::fs;
use std::path::Path;

use testkit::Machine;

use crate::ready_server;

const CHART: &str = "
apiVersion: v2
name: shop
version: 0.1.0
";
const VALUES: &str = "
replicas: 1
greeting: hello
hookFails: false
";
const WORKLOAD: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}", labels: {app.kubernetes.io/managed-by: "{{ .Release.Service }}"}}
data: {greeting: "{{ .Values.greeting }}"}
---
apiVersion: v1
kind: Service
metadata: {name: "{{ .Release.Name }}"}
spec: {selector: {app: shop}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}, annotations: {greeting: "{{ .Values.greeting }}"}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: shop, image: "localhost/web:1", readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1}}]
"#;
const HOOK: &str = r#"
apiVersion: batch/v1
kind: Job
metadata:
  name: "{{ .Release.Name }}-check"
  annotations: {helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers:
      - name: check
        image: localhost/web:1
        command: [sh, -c, "{{ if .Values.hookFails }}exit 1{{ else }}exit 0{{ end }}"]
"#;

fn write_chart(folder: &Path) {
    fs::create_dir_all(folder.join("templates")).expect("a folder can be made");
    let files = [
        ("Chart.yaml", CHART),
        ("values.yaml", VALUES),
        ("templates/workload.yaml", WORKLOAD),
        ("templates/hook.yaml", HOOK),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("a file can be written");
    }
}

#[test]
fn a_chart_with_hooks_is_installed_upgraded_rolled_back_and_uninstalled() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        let chart = server.folder().join("chart");
        write_chart(&chart);
        let chart = chart.to_str().expect("the path is text").to_owned();
        let program = testkit::tool("helm");
        let helm = |arguments: &[&str]| kubectl.run_program(&program, arguments);
        let greeting = || kubectl.run(&["get", "configmap", "shop", "-o", "jsonpath={.data.greeting}"]);
        let in_time = ["--wait", "--timeout=120s"];

        let installed = helm(&[&["install", "shop", &chart], &in_time[..]].concat());
        assert!(installed.contains("STATUS: deployed"), "{installed}");
        assert_eq!(greeting(), "hello");
        let hook = kubectl.json(&["get", "job", "shop-check"]);
        assert_eq!(hook["status"]["succeeded"], 1, "{hook}");

        let values = ["--set=replicas=2,greeting=good day"];
        helm(&[&["upgrade", "shop", &chart], &values[..], &in_time[..]].concat());
        assert_eq!(greeting(), "good day");
        let deployment = kubectl.json(&["get", "deployment", "shop"]);
        assert_eq!(deployment["status"]["readyReplicas"], 2, "{deployment}");

        // An upgrade whose hook fails changes nothing.
        let refused = [
            "upgrade",
            "shop",
            &chart,
            "--set=greeting=never,hookFails=true",
            "--timeout=60s",
        ];
        let failed = kubectl.program(&program, &refused).status().expect("helm runs");
        assert!(!failed.success());
        assert_eq!(greeting(), "good day");

        helm(&[&["rollback", "shop", "1"], &in_time[..]].concat());
        assert_eq!(greeting(), "hello");
        let history = helm(&["history", "shop", "-o", "json"]);
        assert!(history.contains("Rollback to 1"), "{history}");
        helm(&[&["uninstall", "shop"], &in_time[..]].concat());
        assert!(
            kubectl
                .refused(&["get", "deployment", "shop"])
                .contains("NotFound")
        );
        assert_eq!(helm(&["list", "-q"]), "");
    });
}
