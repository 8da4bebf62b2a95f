//! A small plain registry that gives out one image: what a node pulls from.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use crate::net::NodeNet;

/// What it answers with, by path of the request.
type Pages = HashMap<String, Page>;

struct Page {
    content_type: String,
    digest: String,
    body: Vec<u8>,
}

/// Serves the image of an archive that [`crate::image::write`] made, as `name:tag` at the address it answers with: a port
/// of the node's loopback, where registries are asked over plain HTTP. It serves as long as the test runs.
pub fn serve(node: &NodeNet, archive: &Path, name: &str, tag: &str) -> SocketAddr {
    let pages = Arc::new(pages(archive, name, tag));
    let listener = node.run(|| TcpListener::bind("127.0.0.1:0").expect("loopback is there"));
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let pages = pages.clone();
            std::thread::spawn(move || answer(&stream, &pages));
        }
    });
    address
}

fn pages(archive: &Path, name: &str, tag: &str) -> Pages {
    let files = files(archive);
    let json = |path: &str| -> serde_json::Value {
        serde_json::from_slice(&files[path]).expect("an archive holds JSON")
    };
    let entry = json("index.json")["manifests"][0].clone();
    let digest_of = |value: &serde_json::Value| value["digest"].as_str().expect("a digest").to_owned();
    let blob = |digest: &str| files[&format!("blobs/{}", digest.replace(':', "/"))].clone();
    let mut pages = Pages::new();
    let mut put = |path: String, content_type: &str, digest: &str| {
        let page = Page {
            content_type: content_type.to_owned(),
            digest: digest.to_owned(),
            body: blob(digest),
        };
        pages.insert(path, page);
    };
    let digest = digest_of(&entry);
    let kind = entry["mediaType"].as_str().expect("a media type");
    for reference in [tag, &digest] {
        put(format!("/v2/{name}/manifests/{reference}"), kind, &digest);
    }
    let manifest = json(&format!("blobs/{}", digest.replace(':', "/")));
    let layers = manifest["layers"].as_array().expect("layers");
    for part in layers.iter().chain([&manifest["config"]]) {
        let digest = digest_of(part);
        put(
            format!("/v2/{name}/blobs/{digest}"),
            "application/octet-stream",
            &digest,
        );
    }
    pages
}

fn files(archive: &Path) -> HashMap<String, Vec<u8>> {
    let file = std::fs::File::open(archive).expect("the archive is there");
    let mut files = HashMap::new();
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an archive");
        let path = entry.path().expect("a path").display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("read");
        files.insert(path, bytes);
    }
    files
}

/// Answers one request and closes.
fn answer(stream: &TcpStream, pages: &Pages) -> Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines.by_ref() {
        if line?.is_empty() {
            break;
        }
    }
    let (method, path) = request.split_once(' ').unwrap_or_default();
    let path = path.split([' ', '?']).next().unwrap_or_default();
    let mut stream = stream;
    match pages.get(path) {
        Some(page) => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nDocker-Content-Digest: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                page.content_type,
                page.digest,
                page.body.len()
            )?;
            if method == "GET" {
                stream.write_all(&page.body)?;
            }
            Ok(())
        }
        None => {
            let status = if path == "/v2/" { "200 OK" } else { "404 Not Found" };
            write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
        }
    }
}
