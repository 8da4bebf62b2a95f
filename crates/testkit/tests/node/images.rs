//! Where images come from: a registry, or files that are loaded.

use testkit::{Machine, image, registry};

use crate::{ready_server, wait_pods};

#[test]
fn images_are_pulled_from_a_registry() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        let archive = machine.folder().join("pulled.tar");
        image::write("localhost/pulled:1", &archive);
        let registry = registry::serve(&machine.lan().node("a"), &archive, "team/pulled", "1");
        let reference = format!("{registry}/team/pulled:1");
        kubectl.run(&["run", "web", "--labels=app=web", &format!("--image={reference}")]);
        wait_pods(&kubectl, "app=web");
        let events = kubectl.run(&["get", "events"]);
        assert!(
            events.contains(&format!("Successfully pulled image \"{reference}\"")),
            "{events}"
        );
    });
}

#[test]
fn another_registry_stands_in() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        let archive = machine.folder().join("mirrored.tar");
        image::write("localhost/mirrored:1", &archive);
        let registry = registry::serve(&machine.lan().node("a"), &archive, "team/mirrored", "1");
        let hosts = server
            .builder()
            .data_dir()
            .join("agent/containerd/certs.d/registry.example");
        std::fs::create_dir_all(&hosts).expect("a folder");
        let mirror = format!("[host.\"http://{registry}\"]\n");
        std::fs::write(hosts.join("hosts.toml"), mirror).expect("a file");
        let image = "--image=registry.example/team/mirrored:1";
        // From the next pull on, and for every pull.
        for pod in ["first", "second"] {
            kubectl.run(&[
                "run",
                pod,
                &format!("--labels=app={pod}"),
                image,
                "--image-pull-policy=Always",
            ]);
            wait_pods(&kubectl, &format!("app={pod}"));
        }
    });
}

#[test]
fn images_are_loaded_into_a_running_node() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        let archive = machine.folder().join("loaded.tar");
        image::write("localhost/loaded:1", &archive);
        let loaded = server
            .builder()
            .pintle(&["image", "load", archive.to_str().expect("text")]);
        assert!(loaded.contains("localhost/loaded:1"), "{loaded}");
        kubectl.run(&["run", "web", "--labels=app=web", "--image=localhost/loaded:1"]);
        wait_pods(&kubectl, "app=web");
    });
}
