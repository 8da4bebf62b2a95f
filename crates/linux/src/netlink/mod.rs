//! Links, addresses, routes and neighbours, by netlink.
//!
//! A [`Netlink`] belongs to the namespace it was opened in, wherever it is used later.

mod address;
mod changes;
mod link;
mod neighbour;
mod route;

use std::io;
use std::sync::Arc;

use futures::{Stream, TryStreamExt};
use rtnetlink::Handle;
use tokio::task::AbortHandle;

use crate::{Namespace, NamespaceError};

pub use address::Address;
pub use changes::Changes;
pub use link::{Bridge, BridgePort, Link, LinkKind, Mac, TunnelEnd, Veth, Vxlan};
pub use neighbour::Neighbour;
pub use route::{Route, RouteKind};

#[cfg(test)]
mod tests;

/// A netlink connection to one network namespace. Clones share it.
#[derive(Clone, Debug)]
pub struct Netlink {
    handle: Handle,
    _connection: Arc<Connection>,
}

/// The task that moves messages; it ends with the last user.
#[derive(Debug)]
pub(crate) struct Connection(AbortHandle);

impl Connection {
    pub(crate) fn start(connection: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(connection).abort_handle())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// There is no connection.
    #[error("cannot open a netlink socket")]
    Open(#[source] io::Error),
    /// The namespace could not be entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// The kernel refused.
    #[error("cannot {operation}")]
    Refused {
        /// What was asked for.
        operation: String,
        /// Its errno.
        source: io::Error,
    },
    /// The kernel's answer is not understood, or the connection has ended.
    #[error("cannot {operation}: {message}")]
    Broken {
        /// What was asked for.
        operation: String,
        /// What is wrong.
        message: String,
    },
}

impl NetlinkError {
    /// Whether the kernel says that it is not there.
    pub fn is_missing(&self) -> bool {
        use nix::errno::Errno;
        const MISSING: [Errno; 4] = [Errno::ENODEV, Errno::ENOENT, Errno::ESRCH, Errno::EADDRNOTAVAIL];
        self.errno().is_some_and(|errno| MISSING.contains(&errno))
    }

    /// Whether the kernel says that it is there already.
    pub fn is_present(&self) -> bool {
        self.errno() == Some(nix::errno::Errno::EEXIST)
    }

    fn errno(&self) -> Option<nix::errno::Errno> {
        match self {
            Self::Refused { source, .. } => source.raw_os_error().map(nix::errno::Errno::from_raw),
            _ => None,
        }
    }
}

impl Netlink {
    /// A connection to the calling thread's namespace. Inside a tokio runtime only.
    pub fn open() -> Result<Self, NetlinkError> {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(NetlinkError::Open)?;
        Ok(Self {
            handle,
            _connection: Arc::new(Connection::start(connection)),
        })
    }

    /// A connection to that namespace. Inside a tokio runtime only.
    pub fn open_in(namespace: &Namespace) -> Result<Self, NetlinkError> {
        let runtime = tokio::runtime::Handle::current();
        namespace.run(move || {
            let _inside = runtime.enter();
            Self::open()
        })?
    }
}

/// Names the operation in what the library says.
fn explain(operation: impl FnOnce() -> String) -> impl FnOnce(rtnetlink::Error) -> NetlinkError {
    move |error| {
        let operation = operation();
        match error {
            rtnetlink::Error::NetlinkError(message) => NetlinkError::Refused {
                operation,
                source: message.to_io(),
            },
            other => NetlinkError::Broken {
                operation,
                message: other.to_string(),
            },
        }
    }
}

/// Collects what a dump gives.
async fn collect<M, T>(
    what: &str,
    dump: impl Stream<Item = Result<M, rtnetlink::Error>>,
    read: impl Fn(M) -> Option<T>,
) -> Result<Vec<T>, NetlinkError> {
    let messages: Vec<M> = dump
        .try_collect()
        .await
        .map_err(explain(|| format!("list {what}")))?;
    Ok(messages.into_iter().filter_map(read).collect())
}
