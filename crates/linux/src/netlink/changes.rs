//! Word of changes that others make.

use futures::StreamExt;
use futures::channel::mpsc::UnboundedReceiver;
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::NetlinkMessage;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::SocketAddr;

use super::{Connection, NetlinkError};

const GROUPS: [MulticastGroup; 5] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv6Route,
];

/// Tells when interfaces, addresses or routes of a namespace may have changed.
#[derive(Debug)]
pub struct Changes {
    messages: UnboundedReceiver<(NetlinkMessage<RouteNetlinkMessage>, SocketAddr)>,
    _connection: Connection,
}

impl Changes {
    /// Listens in the calling thread's namespace. Inside a tokio runtime only.
    pub fn open() -> Result<Self, NetlinkError> {
        let (connection, _, messages) =
            rtnetlink::new_multicast_connection(&GROUPS).map_err(NetlinkError::Open)?;
        Ok(Self {
            messages,
            _connection: Connection::start(connection),
        })
    }

    /// Waits for a change; those that came meanwhile count as one. What the kernel could not tell for want of room
    /// counts as a change too. Never returns if the connection has ended.
    pub async fn changed(&mut self) {
        if self.messages.next().await.is_none() {
            std::future::pending::<()>().await;
        }
        while let Ok(_another) = self.messages.try_recv() {}
    }
}
