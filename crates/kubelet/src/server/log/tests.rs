//! Logs followed through writes, rotation and the container's end.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{LogOptions, LogSource, open};
use crate::cri::ContainerRuntime;
use crate::cri::fake::FakeRuntime;
use crate::cri::message::{ContainerConfig, ContainerMetadata, ImageSpec, PodSandboxConfig};

const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    folder: tempfile::TempDir,
    runtime: Arc<FakeRuntime>,
    container: String,
}

impl Bench {
    async fn new() -> Self {
        let runtime = Arc::new(FakeRuntime::new(&["image"]));
        let sandbox = runtime
            .run_sandbox(&PodSandboxConfig::default(), "")
            .await
            .unwrap();
        let config = ContainerConfig {
            metadata: Some(ContainerMetadata {
                name: "c".to_owned(),
                attempt: 0,
            }),
            image: Some(ImageSpec::new("image")),
            command: vec!["sleep".to_owned()],
            ..ContainerConfig::default()
        };
        let container = runtime
            .create_container(&sandbox, &config, &PodSandboxConfig::default())
            .await
            .unwrap();
        runtime.start_container(&container).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("0.log"), "").unwrap();
        Self {
            folder,
            runtime,
            container,
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("0.log")
    }

    fn write(&self, text: &str) {
        append(&self.path(), &format!("2026-01-01T00:00:00Z stdout F {text}\n"));
    }

    async fn open(&self, options: LogOptions) -> Reader {
        let source = LogSource {
            runtime: self.runtime.clone(),
            container: self.container.clone(),
            path: self.path(),
        };
        Reader(open(source, options, CancellationToken::new()).await.unwrap())
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

struct Reader(mpsc::Receiver<Bytes>);

impl Reader {
    /// Reads until so much has come.
    async fn expect(&mut self, expected: &str) {
        let mut seen = Vec::new();
        while seen.len() < expected.len() {
            let more = timeout(PATIENCE, self.0.recv()).await.expect("more of the log");
            seen.extend_from_slice(&more.expect("the log goes on"));
        }
        assert_eq!(String::from_utf8(seen).unwrap(), expected);
    }

    async fn expect_end(&mut self) {
        let more = timeout(PATIENCE, self.0.recv()).await.expect("the log's end");
        assert_eq!(more, None);
    }
}

fn follow() -> LogOptions {
    LogOptions {
        follow: true,
        ..LogOptions::default()
    }
}

#[tokio::test]
async fn what_is_there_is_sent_and_ends() {
    let bench = Bench::new().await;
    bench.write("one");
    bench.write("two");
    append(&bench.path(), "2026-01-01T00:00:00Z stdout P thr");
    let mut reader = bench.open(LogOptions::default()).await;
    reader.expect("one\ntwo\nthr").await;
    reader.expect_end().await;
    let last = LogOptions {
        tail_lines: Some(1),
        ..LogOptions::default()
    };
    fs::write(bench.path(), "").unwrap();
    bench.write("one");
    bench.write("two");
    let mut reader = bench.open(last).await;
    reader.expect("two\n").await;
    reader.expect_end().await;
}

#[tokio::test]
async fn what_comes_is_sent_until_the_container_ends() {
    let bench = Bench::new().await;
    bench.write("one");
    let mut reader = bench.open(follow()).await;
    reader.expect("one\n").await;
    bench.write("two");
    reader.expect("two\n").await;
    append(&bench.path(), "2026-01-01T00:00:00Z stdout F thr");
    append(&bench.path(), "ee\n");
    reader.expect("three\n").await;
    bench.write("last words");
    bench.runtime.exit(&bench.container, 0);
    reader.expect("last words\n").await;
    reader.expect_end().await;
    // Whose container has ended already waits for nothing.
    let mut late = bench.open(follow()).await;
    late.expect("one\ntwo\nthree\nlast words\n").await;
    late.expect_end().await;
}

#[tokio::test]
async fn the_next_file_is_read_after_a_rotation() {
    let bench = Bench::new().await;
    bench.write("one");
    let mut reader = bench.open(follow()).await;
    reader.expect("one\n").await;
    let old = bench.folder.path().join("0.log.1");
    fs::rename(bench.path(), &old).unwrap();
    append(&old, "2026-01-01T00:00:00Z stdout F two\n");
    bench.write("three");
    reader.expect("two\nthree\n").await;
    bench.write("four");
    reader.expect("four\n").await;
}

#[tokio::test]
async fn a_reached_limit_ends_a_followed_log() {
    let bench = Bench::new().await;
    bench.write("one");
    let options = LogOptions {
        limit_bytes: Some(6),
        ..follow()
    };
    let mut reader = bench.open(options).await;
    reader.expect("one\n").await;
    bench.write("two");
    reader.expect("tw").await;
    reader.expect_end().await;
}

#[tokio::test]
async fn a_file_that_is_not_there_is_an_error() {
    let bench = Bench::new().await;
    fs::remove_file(bench.path()).unwrap();
    let source = LogSource {
        runtime: bench.runtime.clone(),
        container: bench.container.clone(),
        path: bench.path(),
    };
    let opened = open(source, LogOptions::default(), CancellationToken::new()).await;
    assert_eq!(opened.unwrap_err().kind(), std::io::ErrorKind::NotFound);
}
