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
