//! Word that our table is gone: somebody who loads rules of their own may begin with a clean sheet.

use std::io;

use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use tokio::net::UdpSocket;

use crate::family::TABLE;
use crate::netlink::{Attributes, Messages, NETFILTER_HEADER_BYTES};

/// The group of all changes of rules, as a bit: it is the seventh.
const GROUP: u32 = 1 << 6;
/// nftables in the high byte, "a table was deleted" in the low one.
const TABLE_DELETED: u16 = 0x0a02;
const TABLE_NAME: u16 = 1;
/// The kernel's datagrams are smaller.
const BUFFER_BYTES: usize = 64 << 10;

/// Word that our table is gone.
pub(crate) struct TableWatch {
    /// A netlink socket: receiving from it is the same as from any socket of datagrams, and of those this is the one that
    /// can be waited for.
    socket: UdpSocket,
}

impl TableWatch {
    /// Hears of everything from now on.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            Some(netlink::NETFILTER),
        )?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUP))?;
        Ok(Self {
            socket: UdpSocket::from_std(socket.into())?,
        })
    }

    /// Waits until one of our tables was deleted, be it by ourselves, or until so much happened that this is not known.
    pub(crate) async fn deleted(&self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match self.socket.recv(&mut buffer).await {
                Ok(length) if says_deleted(&buffer[..length]) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) => {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn says_deleted(bytes: &[u8]) -> bool {
    Messages(bytes)
        .filter(|message| message.kind == TABLE_DELETED)
        .filter_map(|message| message.body.get(NETFILTER_HEADER_BYTES..))
        .flat_map(Attributes)
        .any(|(kind, value)| kind == TABLE_NAME && value.strip_suffix(&[0]) == Some(TABLE.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message;

    #[test]
    fn only_the_end_of_our_table_counts() {
        let says = |kind: u16, name: &[u8]| {
            let other = message(TABLE_DELETED, &[(2, name)]);
            let this = message(kind, &[(TABLE_NAME, name)]);
            says_deleted(&[other, this].concat())
        };
        assert!(says(TABLE_DELETED, b"pintle-proxy\0"));
        assert!(!says(TABLE_DELETED, b"other\0"));
        assert!(!says(TABLE_DELETED - 2, b"pintle-proxy\0"));
        // What is cut or bent says nothing, and does no harm.
        let whole = message(TABLE_DELETED, &[(TABLE_NAME, b"pintle-proxy\0")]);
        for end in 0..whole.len() {
            assert!(!says_deleted(&whole[..end]));
        }
        for at in 0..whole.len() {
            for value in [0, 1, 3, 255] {
                let mut bent = whole.clone();
                bent[at] = value;
                says_deleted(&bent);
            }
        }
    }
}
