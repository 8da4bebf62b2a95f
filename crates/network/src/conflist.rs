//! The network's configuration file: when it is there, the container runtime says that the network is ready.

use std::io;
use std::path::Path;

use ipnet::Ipv4Net;
use serde_json::json;

use crate::config::Config;
use crate::names::{CONFLIST, NETWORK, PLUGIN};

/// The file while it is written.
const NEW: &str = ".10-pintle.conflist.new";

/// The file's text.
pub fn render(config: &Config, pod_cidr: Ipv4Net, mtu: u32) -> String {
    let list = json!({
        // Runtimes that know newer versions take the newest of those below.
        "cniVersion": "1.0.0",
        "cniVersions": ["1.0.0", "1.1.0"],
        "name": NETWORK,
        "plugins": [{
            "type": PLUGIN,
            "capabilities": {"portMappings": true},
            "bridge": config.bridge,
            "subnet": pod_cidr,
            "mtu": mtu,
            "stateDir": config.state_dir,
        }],
    });
    format!("{list:#}\n")
}

/// Writes the file, unless it says the same already: the runtime loads the network anew at each change.
pub fn write(folder: &Path, text: &str) -> io::Result<()> {
    let path = folder.join(CONFLIST);
    if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    // The name does not end as that of a network does: half a file must not be taken for one.
    let new = folder.join(NEW);
    std::fs::write(&new, text)?;
    std::fs::rename(new, path)
}

/// Removes the file, so that no pods are started.
pub fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_file(folder.join(CONFLIST)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::config::example;

    #[test]
    fn the_file_is_written_when_it_says_something_new() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("net.d");
        let path = folder.join(CONFLIST);
        let text = |mtu| render(&example(), "10.42.1.0/24".parse().unwrap(), mtu);
        write(&folder, &text(1500)).unwrap();
        let first = path.metadata().unwrap().ino();
        write(&folder, &text(1500)).unwrap();
        assert_eq!(path.metadata().unwrap().ino(), first);
        write(&folder, &text(1400)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text(1400));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        remove(&folder).unwrap();
        remove(&folder).unwrap();
        assert!(!path.exists());
    }
}
