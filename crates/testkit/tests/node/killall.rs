//! What a real node leaves behind, and that `pintle killall` removes it.

use std::path::Path;

use testkit::{Machine, NodeNet};

use crate::{ready_server, shell_pod, wait_pods};

/// Processes, mounts, links and rules of a node. Its neighbours' are not among them.
fn traces(node: &NodeNet, data_dir: &Path) -> Vec<String> {
    let folder = data_dir.to_str().expect("text");
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc")
        .expect("read")
        .flatten()
        .filter_map(|process| {
            let name = process.file_name().into_string().ok()?;
            let line = std::fs::read(process.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            (name != own && name.parse::<u32>().is_ok() && line.contains(folder)).then_some(line)
        });
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("read");
    let mounts = mounts
        .lines()
        .filter(|line| line.contains(folder))
        .map(str::to_owned);
    let said = |program: &str, arguments: &[&str]| {
        let output = node
            .command(program)
            .args(arguments)
            .output()
            .expect("it is installed");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let links = said("ip", &["-brief", "link"]);
    let links = links
        .lines()
        .filter(|line| line.starts_with("pintle") || line.starts_with("pv"));
    let rules = said("nft", &["list", "tables"]);
    let rules = rules.lines().filter(|line| line.contains("pintle"));
    let of_kernel = links.chain(rules).map(str::to_owned);
    processes.chain(mounts).chain(of_kernel).collect()
}

#[test]
fn nothing_of_a_real_node_stays() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        kubectl.run_with(&["apply", "-f", "-"], &shell_pod("stays", "exec sleep 1000", ""));
        wait_pods(&kubectl, "app=stays");
        let (builder, node) = (server.builder(), machine.lan().node("a"));
        assert!(server.stop().success());
        let before = traces(&node, &builder.data_dir());
        for part in ["containerd-shim", "/sandboxes/", "pintle0", "pintle-proxy"] {
            assert!(
                before.iter().any(|trace| trace.contains(part)),
                "{part} in {before:#?}"
            );
        }
        builder.pintle(&["killall"]);
        assert_eq!(traces(&node, &builder.data_dir()), Vec::<String>::new());
        // And what is left can start again.
        let server = builder.start();
        wait_pods(&server.kubectl(), "app=stays");
    });
}
