//! `pintle server --self-hosted`: API server, store, controllers and scheduler are containers of one static pod, from an image
//! that pintle makes of its own program; the process on the host keeps the node's part. The data directory is the same as
//! without the flag, so that one can go back and forth.

mod arguments;
mod image;
mod leave;
mod libraries;
mod manifest;

pub use leave::{LeaveError, leave};

use std::io;
use std::path::{Path, PathBuf};

use cluster::{DataDir, DataDirError};

use crate::holder::holder;
use crate::killall::processes_in_containers;
use crate::server::ServerOptions;

/// The static pod's manifest, below the data directory.
fn manifest_path(data_dir: &Path) -> PathBuf {
    data_dir.join("agent/manifests/pintle-control-plane.json")
}

/// Where things lie in the image. The name is nobody else's, so that processes from it are known by it.
const FOLDER: &str = "/usr/lib/pintle-image";

/// Where the process that keeps the node has its own things, and its lock.
pub fn agent_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("agent")
}

/// Writes image and manifest for the kubelet to find.
pub fn prepare(options: &ServerOptions) -> io::Result<()> {
    let image = image::ensure(&options.data_dir.join("images/pintle-self-hosted.tar"))?;
    let control_plane = manifest::ControlPlane {
        options,
        given: &options.given,
        environment: &environment(std::env::vars()),
        image: &image,
    };
    let text = format!("{:#}\n", control_plane.manifest());
    let path = manifest_path(&options.data_dir);
    // The same text is the same pod: then the containers that run are adopted.
    if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    pki::file::write(&path, &text, false).map_err(io::Error::other)
}

/// Variables that say the same as options which are not passed either, or that the image has its own of.
const NOT_PASSED: [&str; 6] = [
    "PINTLE_CONFIG",
    "PINTLE_DATA_DIR",
    "PINTLE_ETCD_LISTEN",
    "PINTLE_HTTPS_LISTEN_PORT",
    "PINTLE_KUBECONFIG_OUTPUT",
    "PINTLE_SELF_HOSTED",
];

fn environment(variables: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut ours: Vec<_> = variables
        .filter(|(name, _)| name.starts_with("PINTLE_") && !NOT_PASSED.contains(&name.as_str()))
        .collect();
    ours.sort();
    ours
}

/// The store may be held by the API server in its container, which is adopted, and by nobody else.
pub fn refuse_others(data_dir: &Path) -> Result<(), DataDirError> {
    let Some(process) = holder(data_dir) else {
        return Ok(());
    };
    let is_ours = processes_in_containers(data_dir).is_ok_and(|all| all.iter().any(|(id, _)| *id == process));
    if is_ours {
        return Ok(());
    }
    Err(DataDirError::InUse {
        path: data_dir.display().to_string(),
        process: process.to_string(),
    })
}

/// Holds what the process that keeps a node holds, where there is a node; the API server in a container leaves that to the
/// process on the host.
pub fn hold_agent(options: &ServerOptions) -> Result<Option<DataDir>, DataDirError> {
    let folder = agent_folder(&options.data_dir);
    if options.in_static_pod || !folder.exists() {
        return Ok(None);
    }
    DataDir::open(folder).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_and_a_plain_server_keep_each_other_out() {
        let folder = tempfile::tempdir().expect("folder");
        let mut options = ServerOptions::unset().expect("the defaults are good");
        options.data_dir = folder.path().to_owned();
        refuse_others(folder.path()).expect("nobody holds it");
        assert!(hold_agent(&options).expect("there is no node").is_none());
        let host = DataDir::open(agent_folder(folder.path())).expect("held");
        assert!(matches!(hold_agent(&options), Err(DataDirError::InUse { .. })));
        options.in_static_pod = true;
        assert!(hold_agent(&options).expect("left to the host").is_none());
        drop(host);
        let _plain = DataDir::open(folder.path()).expect("held");
        assert!(matches!(
            refuse_others(folder.path()),
            Err(DataDirError::InUse { .. })
        ));
    }

    #[test]
    fn variables_of_pintle_are_passed_on() {
        let variables = ["PINTLE_LOG", "PATH", "PINTLE_DATA_DIR", "PINTLE_TLS_SAN"];
        let passed = environment(variables.map(|name| (name.to_owned(), String::new())).into_iter());
        let names: Vec<&str> = passed.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["PINTLE_LOG", "PINTLE_TLS_SAN"]);
    }

    #[test]
    fn the_manifest_changes_only_with_what_it_says() {
        let folder = tempfile::tempdir().expect("folder");
        let mut options = ServerOptions::unset().expect("the defaults are good");
        options.data_dir = folder.path().to_owned();
        prepare(&options).expect("written");
        let path = manifest_path(folder.path());
        let modified = || path.metadata().expect("there").modified().expect("known");
        let first = modified();
        prepare(&options).expect("there");
        assert_eq!(modified(), first);
        options.given = vec![String::from("--tls-san=a")];
        prepare(&options).expect("written anew");
        let text = std::fs::read_to_string(&path).expect("there");
        assert!(
            text.contains("--tls-san=a") && text.contains("--in-static-pod"),
            "{text}"
        );
    }
}
