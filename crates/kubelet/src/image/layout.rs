//! Writes an image as an OCI layout archive, from files in memory.
//!
//! For images that pintle makes itself: one layer, not compressed, always the same bytes for the same content.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// An image to be written.
#[derive(Clone, Debug, Default)]
pub struct ImageLayout {
    /// Full name with a tag, such as `localhost/busybox:1`.
    pub reference: String,
    /// What is always run.
    pub entrypoint: Vec<String>,
    /// What is run, or the arguments of the entrypoint, unless a container says otherwise.
    pub command: Vec<String>,
    /// `NAME=value`.
    pub environment: Vec<String>,
    /// `user` or `user:group`, by name or number; empty for root.
    pub user: String,
    /// Where the program starts; empty for `/`.
    pub working_directory: String,
    /// The content. Missing parent folders are made.
    pub files: Vec<Entry>,
}

/// Something in the image's file system.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Relative to the root.
    pub path: PathBuf,
    /// What is there.
    pub content: Content,
    /// Permission bits.
    pub mode: u32,
}

/// What an entry is.
#[derive(Clone, Debug)]
pub enum Content {
    /// A regular file.
    File(Vec<u8>),
    /// A folder.
    Folder,
    /// A symbolic link to this target.
    Link(PathBuf),
}

impl Entry {
    /// A regular file.
    pub fn file(path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>, mode: u32) -> Self {
        Self {
            path: path.into(),
            content: Content::File(bytes.into()),
            mode,
        }
    }

    /// A folder.
    pub fn folder(path: impl Into<PathBuf>, mode: u32) -> Self {
        Self {
            path: path.into(),
            content: Content::Folder,
            mode,
        }
    }

    /// A symbolic link.
    pub fn link(path: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            content: Content::Link(target.into()),
            mode: 0o777,
        }
    }
}

impl ImageLayout {
    /// Writes the archive to a file.
    pub fn write_to(&self, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        self.write(&mut out)?;
        out.flush()
    }

    /// Writes the archive.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let layer = self.layer()?;
        let config = self.config(&digest(&layer)).to_string().into_bytes();
        let manifest = manifest(&config, &layer).to_string().into_bytes();

        let mut archive = tar::Builder::new(out);
        append_file(
            &mut archive,
            Path::new("oci-layout"),
            br#"{"imageLayoutVersion":"1.0.0"}"#,
            0o644,
        )?;
        append_file(
            &mut archive,
            Path::new("index.json"),
            self.index(&manifest).to_string().as_bytes(),
            0o644,
        )?;
        for blob in [&layer, &config, &manifest] {
            let name = format!("blobs/sha256/{}", hex_digest(blob));
            append_file(&mut archive, Path::new(&name), blob, 0o644)?;
        }
        archive.finish()
    }

    /// The one layer, as an archive of its own.
    fn layer(&self) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        let given: BTreeSet<&Path> = self.files.iter().map(|entry| entry.path.as_path()).collect();
        let mut made = BTreeSet::new();
        for entry in &self.files {
            for parent in missing_parents(&entry.path) {
                if !given.contains(parent) && made.insert(parent.to_owned()) {
                    append_folder(&mut archive, parent, 0o755)?;
                }
            }
            match &entry.content {
                Content::File(bytes) => append_file(&mut archive, &entry.path, bytes, entry.mode)?,
                Content::Folder => append_folder(&mut archive, &entry.path, entry.mode)?,
                Content::Link(target) => append_link(&mut archive, &entry.path, target)?,
            }
        }
        archive.into_inner()
    }

    fn config(&self, layer_digest: &str) -> Value {
        json!({
            "architecture": architecture(),
            "os": "linux",
            "config": {
                "Entrypoint": self.entrypoint,
                "Cmd": self.command,
                "Env": self.environment,
                "User": self.user,
                "WorkingDir": self.working_directory,
            },
            "rootfs": { "type": "layers", "diff_ids": [layer_digest] },
        })
    }

    fn index(&self, manifest: &[u8]) -> Value {
        let mut entry = descriptor("manifest.v1+json", manifest);
        // The key by which containerd finds the full name; OCI's own key holds the tag alone.
        let tag = self.reference.rsplit(':').next().unwrap_or_default();
        entry["annotations"] = json!(BTreeMap::from([
            ("io.containerd.image.name", self.reference.as_str()),
            ("org.opencontainers.image.ref.name", tag),
        ]));
        entry["platform"] = json!({ "architecture": architecture(), "os": "linux" });
        json!({ "schemaVersion": 2, "manifests": [entry] })
    }
}

fn manifest(config: &[u8], layer: &[u8]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": media_type("manifest.v1+json"),
        "config": descriptor("config.v1+json", config),
        "layers": [descriptor("layer.v1.tar", layer)],
    })
}

fn descriptor(kind: &str, blob: &[u8]) -> Value {
    json!({ "mediaType": media_type(kind), "digest": digest(blob), "size": blob.len() })
}

fn media_type(kind: &str) -> String {
    format!("application/vnd.oci.image.{kind}")
}

fn digest(blob: &[u8]) -> String {
    format!("sha256:{}", hex_digest(blob))
}

fn hex_digest(blob: &[u8]) -> String {
    format!("{:x}", Sha256::digest(blob))
}

/// The name OCI has for the processor this runs on.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The folders above a path, outermost first.
fn missing_parents(path: &Path) -> Vec<&Path> {
    let mut parents: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .filter(|parent| !parent.as_os_str().is_empty())
        .collect();
    parents.reverse();
    parents
}

fn header(kind: tar::EntryType, size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn append_file<W: Write>(
    archive: &mut tar::Builder<W>,
    path: &Path,
    bytes: &[u8],
    mode: u32,
) -> io::Result<()> {
    let mut header = header(tar::EntryType::Regular, bytes.len() as u64, mode);
    archive.append_data(&mut header, path, bytes)
}

fn append_folder<W: Write>(archive: &mut tar::Builder<W>, path: &Path, mode: u32) -> io::Result<()> {
    let mut header = header(tar::EntryType::Directory, 0, mode);
    archive.append_data(&mut header, path, io::empty())
}

fn append_link<W: Write>(archive: &mut tar::Builder<W>, path: &Path, target: &Path) -> io::Result<()> {
    let mut header = header(tar::EntryType::Symlink, 0, 0o777);
    archive.append_link(&mut header, path, target)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn archive() -> Vec<u8> {
        let image = ImageLayout {
            reference: "localhost/tool:7".to_owned(),
            command: vec!["/bin/tool".to_owned()],
            files: vec![
                Entry::folder("tmp", 0o1777),
                Entry::file("bin/tool", b"content".as_slice(), 0o755),
                Entry::link("bin/other", "tool"),
            ],
            ..ImageLayout::default()
        };
        let mut out = Vec::new();
        image.write(&mut out).unwrap();
        out
    }

    fn read(archive: &[u8], name: &str) -> Vec<u8> {
        for entry in tar::Archive::new(archive).entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.path().unwrap() == Path::new(name) {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                return bytes;
            }
        }
        panic!("no {name}");
    }

    fn follow(archive: &[u8], descriptor: &Value) -> Vec<u8> {
        let digest = descriptor["digest"].as_str().unwrap();
        let blob = read(archive, &format!("blobs/{}", digest.replace(':', "/")));
        assert_eq!(descriptor["size"].as_u64(), Some(blob.len() as u64));
        assert_eq!(super::digest(&blob), digest);
        blob
    }

    #[test]
    fn every_part_is_found_from_the_index() {
        let archive = archive();
        let index: Value = serde_json::from_slice(&read(&archive, "index.json")).unwrap();
        let entry = &index["manifests"][0];
        assert_eq!(
            entry["annotations"]["io.containerd.image.name"],
            "localhost/tool:7"
        );
        assert_eq!(entry["annotations"]["org.opencontainers.image.ref.name"], "7");
        let manifest: Value = serde_json::from_slice(&follow(&archive, entry)).unwrap();
        let config: Value = serde_json::from_slice(&follow(&archive, &manifest["config"])).unwrap();
        let layer = follow(&archive, &manifest["layers"][0]);
        assert_eq!(config["rootfs"]["diff_ids"][0], super::digest(&layer));
        let names: Vec<String> = tar::Archive::new(layer.as_slice())
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["tmp", "bin", "bin/tool", "bin/other"]);
    }

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        assert_eq!(archive(), archive());
    }
}
