//! The real kubectl.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::net::NodeNet;

/// kubectl, pointed at a cluster.
#[derive(Clone)]
pub struct Kubectl {
    kubeconfig: PathBuf,
    /// A home of its own: kubectl keeps caches of discovery there.
    home: PathBuf,
    /// The network it works in, if not the test's.
    node: Option<NodeNet>,
}

/// What a call said.
#[derive(Clone, Debug)]
pub struct Output {
    /// Exit code; -1 if it was ended by a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Kubectl {
    /// kubectl with that kubeconfig; `home` is a folder for its caches.
    pub fn new(kubeconfig: &Path, home: &Path) -> Self {
        Self {
            kubeconfig: kubeconfig.to_owned(),
            home: home.to_owned(),
            node: None,
        }
    }

    /// The same on a node of a network.
    #[must_use]
    pub fn on(mut self, node: NodeNet) -> Self {
        self.node = Some(node);
        self
    }

    /// The command, not run yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.program(&crate::tool("kubectl"), arguments)
    }

    /// Another program with the same kubeconfig, home and network, not run yet.
    pub fn program(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = match &self.node {
            Some(node) => node.command(program),
            None => Command::new(program),
        };
        command
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", &self.home);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Calls it, whatever comes of it.
    pub fn call(&self, arguments: &[&str]) -> Output {
        finish(self.command(arguments), None)
    }

    /// Calls another program; fails unless it succeeds. Gives its output, without the last line end.
    pub fn run_program(&self, program: &Path, arguments: &[&str]) -> String {
        finish(self.program(program, arguments), None).expect_success(arguments)
    }

    /// Calls it with something on standard input.
    pub fn call_with(&self, arguments: &[&str], input: &str) -> Output {
        finish(self.command(arguments), Some(input))
    }

    /// Calls it; fails unless it succeeds. Gives its output, without the last line end.
    pub fn run(&self, arguments: &[&str]) -> String {
        self.call(arguments).expect_success(arguments)
    }

    /// The same with something on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> String {
        self.call_with(arguments, input).expect_success(arguments)
    }

    /// Calls it with `-o json` and reads the answer.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.run(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&text).expect("kubectl -o json prints JSON")
    }

    /// Calls it; fails if it succeeds. Gives what it complained of.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.call(arguments);
        assert_ne!(
            output.code, 0,
            "kubectl {arguments:?} should fail, but said {:?}",
            output.stdout
        );
        output.stderr
    }
}

impl Output {
    fn expect_success(self, arguments: &[&str]) -> String {
        assert_eq!(self.code, 0, "{arguments:?}: {}{}", self.stdout, self.stderr);
        self.stdout.trim_end().to_owned()
    }
}

fn finish(mut command: Command, input: Option<&str>) -> Output {
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; make setup-tests brings what tests call"));
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        // A call that ends without reading its input says why itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child
        .wait_with_output()
        .expect("a started process can be waited for");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
