//! The plugins' place: links to pintle's program, which knows by its name what it is to be.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::names::{LOOPBACK_PLUGIN, PLUGIN};

/// Makes the links in the folder where the runtime looks for plugins. Other plugins of the same name give way: the folder
/// should be pintle's own.
pub fn install(bin_dir: &Path, program: &Path) -> io::Result<()> {
    std::fs::create_dir_all(bin_dir)?;
    for name in [PLUGIN, LOOPBACK_PLUGIN] {
        link(bin_dir, name, program)?;
    }
    Ok(())
}

/// Never without a plugin in between: a runtime may be calling it.
fn link(bin_dir: &Path, name: &str, program: &Path) -> io::Result<()> {
    let path = bin_dir.join(name);
    if std::fs::read_link(&path).is_ok_and(|target| target == program) {
        return Ok(());
    }
    let new = new_name(bin_dir, name);
    let _ = std::fs::remove_file(&new);
    symlink(program, &new)?;
    std::fs::rename(new, path)
}

fn new_name(bin_dir: &Path, name: &str) -> PathBuf {
    bin_dir.join(format!(".{name}.new"))
}

/// Removes the links. Files that are no links, and the folder if it holds anything else, stay.
pub fn uninstall(bin_dir: &Path) -> io::Result<()> {
    for name in [PLUGIN, LOOPBACK_PLUGIN] {
        let path = bin_dir.join(name);
        if path.is_symlink() {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_follow_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        for program in ["/one/pintle", "/one/pintle", "/two/pintle"] {
            install(&bin, Path::new(program)).unwrap();
            for name in [PLUGIN, LOOPBACK_PLUGIN] {
                assert_eq!(std::fs::read_link(bin.join(name)).unwrap(), Path::new(program));
            }
        }
        assert_eq!(std::fs::read_dir(&bin).unwrap().count(), 2);
        std::fs::write(bin.join("other"), "").unwrap();
        uninstall(&bin).unwrap();
        uninstall(&bin).unwrap();
        assert_eq!(std::fs::read_dir(&bin).unwrap().count(), 1);
    }
}
