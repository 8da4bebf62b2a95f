//! Talking to the kernel's connection tracking. Calls block, briefly.

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

use super::message::{self, Answer, Flow};
use crate::family::Family;

/// The kernel's datagrams are smaller.
const BUFFER_BYTES: usize = 64 << 10;
/// The kernel answers at once; if it does not, something is wrong.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// "No such file or directory": the flow ended by itself.
const NO_ENTRY: i32 = 2;

pub(super) struct NetlinkSocket {
    socket: OwnedFd,
    sequence: Cell<u32>,
}

impl NetlinkSocket {
    pub(super) fn open() -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(netlink::NETFILTER),
        )?;
        set_socket_timeout(&socket, Timeout::Recv, Some(TIME_LIMIT))?;
        Ok(Self {
            socket,
            sequence: Cell::new(0),
        })
    }

    /// Calls `take` with each flow of datagrams of a family.
    pub(super) fn for_each_flow(&self, family: Family, mut take: impl FnMut(Flow)) -> io::Result<()> {
        let sequence = self.next_sequence();
        self.exchange(&message::list_request(family, sequence), sequence, &mut take)
    }

    /// Deletes a flow; one that ended by itself is no failure.
    pub(super) fn delete(&self, flow: &Flow) -> io::Result<()> {
        let sequence = self.next_sequence();
        let request = message::delete_request(flow, sequence);
        match self.exchange(&request, sequence, &mut |_| {}) {
            Err(error) if error.raw_os_error() == Some(NO_ENTRY) => Ok(()),
            result => result,
        }
    }

    fn next_sequence(&self) -> u32 {
        self.sequence.set(self.sequence.get().wrapping_add(1));
        self.sequence.get()
    }

    fn exchange(&self, request: &[u8], sequence: u32, take: &mut dyn FnMut(Flow)) -> io::Result<()> {
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&self.socket, request, SendFlags::empty(), &kernel)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let (length, _) = recv(&self.socket, &mut buffer[..], RecvFlags::empty())?;
            for (_, answer) in message::parse(&buffer[..length])
                .into_iter()
                .filter(|(of, _)| *of == sequence)
            {
                match answer {
                    Answer::Flow(flow) => take(flow),
                    Answer::Other => {}
                    Answer::Done => return Ok(()),
                    Answer::Failed(code) => return Err(io::Error::from_raw_os_error(code)),
                }
            }
        }
    }
}
