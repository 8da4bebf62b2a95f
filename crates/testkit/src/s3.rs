//! An S3-compatible server as its own process. `scripts/install-s3-server` brings it.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

/// A server with one bucket, [`BUCKET`](Self::BUCKET); it ends when it is dropped.
pub struct S3Server {
    child: Child,
    _input: ChildStdin,
    /// Where it listens.
    pub endpoint: String,
    /// The public part of the key to it.
    pub access_key: String,
    /// The secret part.
    pub secret_key: String,
}

impl S3Server {
    /// The bucket that is there.
    pub const BUCKET: &str = "backups";

    /// Starts one on a free port.
    pub fn start() -> Self {
        let project = crate::project();
        let mut child = Command::new("python3")
            .arg(project.join("crates/testkit/src/s3_server.py"))
            .env("PYTHONPATH", project.join(".tools/moto"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 is there");
        let input = child.stdin.take().expect("standard input is a pipe");
        let output = child.stdout.take().expect("standard output is a pipe");
        let mut line = String::new();
        // It ends before it says anything if it is not installed.
        BufReader::new(output)
            .read_line(&mut line)
            .expect("standard output can be read");
        let words: Vec<&str> = line.split_whitespace().collect();
        let [port, access_key, secret_key] = words[..] else {
            panic!("the S3-compatible server does not start; scripts/install-s3-server brings it")
        };
        Self {
            _input: input,
            endpoint: format!("http://127.0.0.1:{port}"),
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            child,
        }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
