//! An image with the usual small commands, made from the machine's static busybox.

use std::path::Path;
use std::process::Command;

use crate::image::layout::{Entry, ImageLayout};

/// The image's name.
pub const BUSYBOX: &str = "localhost/busybox:1";

/// Writes the image as an archive.
pub fn write_busybox_image(path: &Path) {
    let program = "/bin/busybox";
    let bytes = std::fs::read(program).expect("busybox-static is installed");
    let list = Command::new(program)
        .arg("--list")
        .output()
        .expect("busybox runs");
    let names = String::from_utf8(list.stdout).expect("names are text");
    let mut files = vec![
        Entry::folder("tmp", 0o1777),
        Entry::folder("etc", 0o755),
        Entry::file(
            "etc/passwd",
            b"root:x:0:0:root:/:/bin/sh\nweb:x:1000:1000::/:/bin/sh\n".as_slice(),
            0o644,
        ),
        Entry::file(
            "etc/group",
            b"root:x:0:\nweb:x:1000:\nextra:x:2000:web\n".as_slice(),
            0o644,
        ),
        Entry::file("bin/busybox", bytes, 0o755),
    ];
    files.extend(
        names
            .lines()
            .filter(|name| *name != "busybox")
            .map(|name| Entry::link(format!("bin/{name}"), "busybox")),
    );
    ImageLayout {
        reference: BUSYBOX.to_owned(),
        command: vec!["sh".to_owned()],
        environment: vec!["PATH=/bin".to_owned()],
        files,
        ..ImageLayout::default()
    }
    .write_to(path)
    .expect("the image is written");
}
