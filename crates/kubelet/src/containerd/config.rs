//! The configuration file that pintle writes for containerd.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::layout::ContainerdLayout;
use super::machine::Machine;

/// What a containerd is to be like.
#[derive(Clone, Debug)]
pub struct ContainerdSettings {
    /// Where its things lie.
    pub layout: ContainerdLayout,
    /// The image that holds a sandbox open.
    pub sandbox_image: String,
    /// Folder of the network plugins.
    pub cni_bin_dir: PathBuf,
    /// Folder of the network configuration.
    pub cni_conf_dir: PathBuf,
}

impl ContainerdSettings {
    /// The text of the configuration, in version 2 of its form, which every containerd since 1.3 reads.
    pub fn render(&self, machine: &Machine) -> String {
        let layout = &self.layout;
        let mut toml = Toml::default();
        toml.number("version", 2);
        toml.path("root", &layout.root());
        toml.path("state", &layout.state());

        toml.table("grpc");
        toml.path("address", &layout.socket());
        toml.table("ttrpc");
        toml.path("address", &layout.ttrpc_socket());
        toml.table("debug");
        toml.text("level", "warn");
        toml.table(r#"plugins."io.containerd.internal.v1.opt""#);
        toml.path("path", &layout.opt());

        const CRI: &str = r#"plugins."io.containerd.grpc.v1.cri""#;
        toml.table(CRI);
        toml.text("sandbox_image", &self.sandbox_image);
        toml.flag("restrict_oom_score_adj", !machine.may_lower_oom_score);
        toml.flag("netns_mounts_under_state_dir", true);
        toml.text("stream_server_address", "127.0.0.1");
        toml.text("stream_server_port", "0");
        toml.flag("tolerate_missing_hugetlb_controller", true);
        toml.flag("enable_unprivileged_ports", true);
        toml.flag("enable_unprivileged_icmp", true);
        toml.table(&format!("{CRI}.cni"));
        toml.path("bin_dir", &self.cni_bin_dir);
        toml.path("conf_dir", &self.cni_conf_dir);
        toml.table(&format!("{CRI}.registry"));
        toml.path("config_path", &layout.registries());
        toml.table(&format!("{CRI}.containerd"));
        toml.text("snapshotter", machine.snapshotter);
        toml.text("default_runtime_name", "runc");
        toml.table(&format!("{CRI}.containerd.runtimes.runc"));
        toml.text("runtime_type", "io.containerd.runc.v2");
        toml.table(&format!("{CRI}.containerd.runtimes.runc.options"));
        toml.flag("SystemdCgroup", false);
        toml.path("BinaryName", &machine.runc);
        toml.path("Root", &layout.runc());
        toml.0
    }
}

/// Writes the little of TOML that is needed here.
#[derive(Default)]
struct Toml(String);

impl Toml {
    fn table(&mut self, name: &str) {
        self.line(format_args!("\n[{name}]"));
    }

    fn number(&mut self, key: &str, value: u32) {
        self.line(format_args!("{key} = {value}"));
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.line(format_args!("{key} = {value}"));
    }

    fn text(&mut self, key: &str, value: &str) {
        // TOML's basic strings escape as JSON's do.
        self.line(format_args!("{key} = {}", serde_json::Value::from(value)));
    }

    fn path(&mut self, key: &str, value: &Path) {
        self.text(key, &value.to_string_lossy());
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("writing to a string cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_decides_what_differs() {
        let settings = ContainerdSettings {
            layout: ContainerdLayout::new("/data/containerd"),
            sandbox_image: "localhost/pause:1".to_owned(),
            cni_bin_dir: "/opt/cni".into(),
            cni_conf_dir: "/data/cni".into(),
        };
        let mut machine = Machine {
            containerd: "/usr/bin/containerd".into(),
            ctr: "/usr/bin/ctr".into(),
            runc: "/usr/sbin/runc".into(),
            snapshotter: "native",
            may_lower_oom_score: false,
        };
        let text = settings.render(&machine);
        for line in [
            r#"root = "/data/containerd/root""#,
            r#"address = "/data/containerd/containerd.sock""#,
            r#"sandbox_image = "localhost/pause:1""#,
            "restrict_oom_score_adj = true",
            r#"snapshotter = "native""#,
            r#"BinaryName = "/usr/sbin/runc""#,
            r#"Root = "/data/containerd/runc""#,
        ] {
            assert!(text.lines().any(|l| l == line), "no {line} in\n{text}");
        }
        machine.may_lower_oom_score = true;
        assert!(
            settings
                .render(&machine)
                .contains("restrict_oom_score_adj = false")
        );
    }
}
