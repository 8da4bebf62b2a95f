//! Settings of the kernel under /proc/sys. Those of the network belong to the namespace of the thread that asks.

use std::io;
use std::path::{Path, PathBuf};

/// A setting, named by its path: `net/ipv4/ip_forward`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysctl {
    /// Its path below /proc/sys. Slashes, because names of interfaces may hold dots.
    pub key: String,
    /// What it is to be.
    pub value: String,
}

/// Why a setting is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error("cannot set {key} to {value}")]
pub struct SysctlError {
    key: String,
    value: String,
    source: io::Error,
}

impl Sysctl {
    /// A setting with a value.
    pub fn new(key: impl Into<String>, value: impl ToString) -> Self {
        Self {
            key: key.into(),
            value: value.to_string(),
        }
    }

    /// Makes it so. What is so already is not written, so that a read-only /proc/sys is no trouble then.
    pub fn apply(&self) -> Result<(), SysctlError> {
        self.write().map_err(|source| SysctlError {
            key: self.key.clone(),
            value: self.value.clone(),
            source,
        })
    }

    fn write(&self) -> io::Result<()> {
        let path = self.path();
        if std::fs::read_to_string(&path)?.trim() == self.value {
            return Ok(());
        }
        std::fs::write(path, &self.value)
    }

    fn path(&self) -> PathBuf {
        Path::new("/proc/sys").join(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Namespace;
    use crate::testing::isolated;

    #[test]
    fn settings_belong_to_a_namespace() {
        isolated("sysctl::tests::settings_belong_to_a_namespace", async || {
            let forward = Sysctl::new("net/ipv4/ip_forward", 1);
            let value = |forward: &Sysctl| std::fs::read_to_string(forward.path()).unwrap();
            let namespace = Namespace::create("one").unwrap();
            let inside = namespace.run(|| {
                forward.apply().unwrap();
                value(&forward)
            });
            assert_eq!(inside.unwrap(), "1\n");
            assert_eq!(value(&forward), "0\n");
        });
    }

    #[test]
    fn what_is_so_is_not_written() {
        let os = Sysctl::new("kernel/ostype", "Linux");
        os.apply().unwrap();
        let error = Sysctl::new("kernel/ostype", "Other").apply().unwrap_err();
        assert_eq!(error.to_string(), "cannot set kernel/ostype to Other");
    }
}
