//! Network namespaces: named ones, and work inside one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};

/// Where named namespaces are, for `ip netns` too.
const NAMED: &str = "/run/netns";

/// The namespace of the thread that looks.
const OWN: &str = "/proc/thread-self/ns/net";

/// A network namespace, held open: it lives at least as long as this.
#[derive(Clone, Debug)]
pub struct Namespace {
    file: Arc<File>,
    path: PathBuf,
}

/// Why a namespace cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// The file does not open.
    #[error("cannot open the network namespace {path}")]
    Open {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is a file, but no namespace is mounted on it.
    #[error("{path} is not a network namespace")]
    NotOne {
        /// Its path.
        path: PathBuf,
    },
    /// It cannot be made.
    #[error("cannot make the network namespace {path}")]
    Create {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be removed.
    #[error("cannot remove the network namespace {path}")]
    Remove {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be entered.
    #[error("cannot enter the network namespace {path}")]
    Enter {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Namespace {
    /// The calling thread's own.
    pub fn current() -> Result<Self, NamespaceError> {
        Self::open(Path::new(OWN))
    }

    /// The one mounted at a path.
    pub fn open(path: &Path) -> Result<Self, NamespaceError> {
        let error = |source| NamespaceError::Open {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(error)?;
        let system = fstatfs(&file).map_err(|errno| error(errno.into()))?;
        if system.filesystem_type() != NSFS_MAGIC {
            return Err(NamespaceError::NotOne {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            file: Arc::new(file),
            path: path.to_owned(),
        })
    }

    /// Makes a named one, as `ip netns add` does. It stays until it is removed.
    pub fn create(name: &str) -> Result<Self, NamespaceError> {
        let path = named(name);
        Self::make(&path).map_err(|source| NamespaceError::Create {
            path: path.clone(),
            source,
        })?;
        Self::open(&path)
    }

    fn make(path: &Path) -> io::Result<()> {
        share_folder()?;
        File::create_new(path)?;
        // The thread's own namespace is new; the mount keeps it when the thread has ended.
        let mounted = on_thread(|| -> io::Result<()> {
            unshare(CloneFlags::CLONE_NEWNET)?;
            mount(Some(OWN), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
            Ok(())
        })?;
        if mounted.is_err() {
            let _ = std::fs::remove_file(path);
        }
        mounted
    }

    /// Removes a name. The namespace itself goes when nothing is in it and nobody holds it open. It is no error if the
    /// name is not there.
    pub fn remove(name: &str) -> Result<(), NamespaceError> {
        let path = named(name);
        // A file without a mount is what a crash leaves between the two.
        let _ = umount2(&path, MntFlags::MNT_DETACH);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(NamespaceError::Remove { path, source })
            }
            _ => Ok(()),
        }
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, as the kernel wants it named.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Does something inside, on a thread of its own, and waits for it. What is started there (threads, processes)
    /// stays inside.
    pub fn run<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
        on_thread(|| {
            self.enter()?;
            Ok(inside())
        })
        .map_err(|source| self.entering(source))?
        .map_err(|source| self.entering(source))
    }

    /// The same without blocking the caller's thread.
    pub async fn run_async<T: Send + 'static>(
        &self,
        inside: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NamespaceError> {
        let namespace = self.clone();
        let outcome = tokio::task::spawn_blocking(move || namespace.run(inside)).await;
        match outcome {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => Err(self.entering(io::Error::other(error))),
        }
    }

    fn enter(&self) -> io::Result<()> {
        Ok(setns(&*self.file, CloneFlags::CLONE_NEWNET)?)
    }

    fn entering(&self, source: io::Error) -> NamespaceError {
        NamespaceError::Enter {
            path: self.path.clone(),
            source,
        }
    }
}

fn named(name: &str) -> PathBuf {
    Path::new(NAMED).join(name)
}

/// Namespaces mounted in the folder must be seen in every mount namespace, and be removable from each.
fn share_folder() -> io::Result<()> {
    std::fs::create_dir_all(NAMED)?;
    let share = || {
        mount(
            None::<&str>,
            NAMED,
            None::<&str>,
            MsFlags::MS_SHARED | MsFlags::MS_REC,
            None::<&str>,
        )
    };
    if share().is_err() {
        // Not a mount yet.
        mount(
            Some(NAMED),
            NAMED,
            None::<&str>,
            MsFlags::MS_BIND | MsFlags::MS_REC,
            None::<&str>,
        )?;
        share()?;
    }
    Ok(())
}

/// A thread that changes namespace must never serve anything else after: so each use has its own.
fn on_thread<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("netns".to_owned())
            .spawn_scoped(scope, work)?;
        Ok(thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::isolated;

    #[test]
    fn a_namespace_is_made_entered_and_removed() {
        isolated(
            "namespace::tests::a_namespace_is_made_entered_and_removed",
            async || {
                let own = std::fs::read_link(OWN).unwrap();
                let namespace = Namespace::create("one").unwrap();
                let inside = namespace
                    .run_async(|| std::fs::read_link(OWN).unwrap())
                    .await
                    .unwrap();
                assert_ne!(inside, own);
                assert_eq!(std::fs::read_link(OWN).unwrap(), own);
                assert!(matches!(
                    Namespace::create("one"),
                    Err(NamespaceError::Create { .. })
                ));
                Namespace::remove("one").unwrap();
                Namespace::remove("one").unwrap();
                assert!(!named("one").exists());
            },
        );
    }

    #[test]
    fn only_a_namespace_can_be_opened() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(
            Namespace::open(file.path()),
            Err(NamespaceError::NotOne { .. })
        ));
        assert!(matches!(
            Namespace::open(Path::new("/run/netns/none-such")),
            Err(NamespaceError::Open { .. })
        ));
    }
}
