//! Images for tests, made from the machine's static busybox: nothing is pulled.

use std::path::Path;
use std::process::Command;

use kubelet::image::layout::{Entry, ImageLayout};

/// The images every node under test has: two versions of a web server on port 8080 that says its own name.
pub const TEST_IMAGES: [&str; 2] = ["localhost/web:1", "localhost/web:2"];

/// Writes [`TEST_IMAGES`] into a folder as archives.
pub fn put_all(folder: &Path) {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    for (number, reference) in TEST_IMAGES.iter().enumerate() {
        write(reference, &folder.join(format!("{number}.tar")));
    }
}

/// The first process of a container hears only what it listens for; without this every end would take its whole grace time.
const SERVE: &str = "trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait";

/// The program all images are made of.
const BUSYBOX: &str = "/bin/busybox";

/// Writes an image with the usual small commands as an archive. A web server in it finds its name at `/www/index.html`.
pub fn write(reference: &str, archive: &Path) {
    let mut files = vec![
        Entry::folder("tmp", 0o1777),
        Entry::file(
            "etc/passwd",
            b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n".as_slice(),
            0o644,
        ),
        Entry::file("etc/group", b"root:x:0:\nnogroup:x:65534:\n".as_slice(), 0o644),
        Entry::file("www/index.html", format!("{reference}\n").into_bytes(), 0o644),
        Entry::file(
            "bin/busybox",
            std::fs::read(BUSYBOX).expect("busybox-static is installed"),
            0o755,
        ),
    ];
    files.extend(
        commands()
            .lines()
            .filter(|name| *name != "busybox")
            .map(|name| Entry::link(format!("bin/{name}"), "busybox")),
    );
    ImageLayout {
        reference: reference.to_owned(),
        command: words(&["sh", "-c", SERVE]),
        environment: words(&["PATH=/bin"]),
        files,
        ..ImageLayout::default()
    }
    .write_to(archive)
    .expect("the image can be written");
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn commands() -> String {
    let list = Command::new(BUSYBOX)
        .arg("--list")
        .output()
        .expect("busybox runs");
    String::from_utf8(list.stdout).expect("names of commands are text")
}
