//! Pods from files on the node.

use testkit::{Machine, ServerBuilder, eventually};

use crate::{SOON, shell_pod, wait_pods};

#[test]
fn a_manifest_on_the_node_runs_and_shows_in_the_api() {
    Machine::run(|machine| {
        let builder = ServerBuilder::node(machine, "a");
        let folder = builder.data_dir().join("agent/manifests");
        std::fs::create_dir_all(&folder).expect("made");
        let file = folder.join("box.yaml");
        std::fs::write(&file, shell_pod("box", "exec sleep 1000", "")).expect("written");
        let server = builder.start();
        let kubectl = server.kubectl();
        wait_pods(&kubectl, "app=box");
        let name = kubectl.run(&["get", "pods", "-o", "name"]);
        assert_eq!(name, "pod/box-a");
        assert_eq!(kubectl.run(&["exec", "box-a", "--", "hostname"]), "box-a");
        // The file decides: what is deleted in the API comes back.
        kubectl.run(&["delete", "pod", "box-a", "--timeout=30s"]);
        wait_pods(&kubectl, "app=box");
        std::fs::remove_file(&file).expect("removed");
        eventually("the end of the mirror", SOON, || {
            kubectl
                .run(&["get", "pods", "-o", "name"])
                .is_empty()
                .then_some(())
        });
    });
}
