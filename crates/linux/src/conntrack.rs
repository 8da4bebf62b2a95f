//! Flows of datagrams that the kernel tracks: rules that rewrite addresses see only the first packet of each.
//!
//! The format is that of `linux/netfilter/nfnetlink_conntrack.h`.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};

use futures::StreamExt;
use rtnetlink::packet_core::{
    DefaultNla, Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader,
    NetlinkMessage, NetlinkPayload, NetlinkSerializable, NlasIterator,
};
use rtnetlink::proto::ConnectionHandle;
use rtnetlink::proto::sys::{SocketAddr as NetlinkAddress, protocols::NETLINK_NETFILTER};

use crate::netlink::Connection;

/// The subsystem in the high byte, the message in the low one.
const GET: u16 = 0x0101;
const DELETE: u16 = 0x0102;
/// Family, version and resource, before the attributes.
const HEADER_BYTES: usize = 4;

/// `AF_INET` and `AF_INET6`.
const FAMILIES: [u8; 2] = [2, 10];

const NESTED: u16 = 0x8000;
const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const ID: u16 = 12;
const ZONE: u16 = 18;
const TUPLE_ADDRESSES: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;
const IPV4_SOURCE: u16 = 1;
const IPV4_DESTINATION: u16 = 2;
const IPV6_SOURCE: u16 = 3;
const IPV6_DESTINATION: u16 = 4;
const PROTOCOL_NUMBER: u16 = 1;
const SOURCE_PORT: u16 = 2;
const DESTINATION_PORT: u16 = 3;
const UDP: u8 = 17;

/// The flows of one network namespace.
#[derive(Debug)]
pub struct Conntrack {
    handle: ConnectionHandle<Message>,
    _connection: Connection,
}

/// A flow of UDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Where its sender sends to.
    pub destination: SocketAddr,
    /// Who answers: where the kernel sends it.
    pub answered_by: SocketAddr,
    family: u8,
    /// What tells the kernel which one: attributes as they came.
    identity: Vec<DefaultNla>,
}

/// Why flows cannot be seen or ended.
#[derive(Debug, thiserror::Error)]
#[error("the kernel's connection tracking")]
pub struct ConntrackError(#[from] io::Error);

impl Conntrack {
    /// Those of the calling thread's namespace. Inside a tokio runtime only.
    pub fn open() -> Result<Self, ConntrackError> {
        let (connection, handle, _) = rtnetlink::proto::new_connection(NETLINK_NETFILTER)?;
        Ok(Self {
            handle,
            _connection: Connection::start(connection),
        })
    }

    /// All flows of UDP.
    pub async fn udp_flows(&self) -> Result<Vec<Flow>, ConntrackError> {
        let mut flows = Vec::new();
        for family in FAMILIES {
            let messages = self.request(GET, NLM_F_DUMP, family, &[]).await?;
            flows.extend(messages.iter().filter_map(|message| flow(&message.body)));
        }
        Ok(flows)
    }

    /// Forgets a flow: its next packet is a first one. It is no error if it has ended already.
    pub async fn delete(&self, flow: &Flow) -> Result<(), ConntrackError> {
        let outcome = self.request(DELETE, NLM_F_ACK, flow.family, &flow.identity).await;
        match outcome {
            Err(ConntrackError(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    async fn request(
        &self,
        kind: u16,
        flags: u16,
        family: u8,
        attributes: &[DefaultNla],
    ) -> Result<Vec<Message>, ConntrackError> {
        let mut body = vec![family, 0, 0, 0];
        body.resize(HEADER_BYTES + attributes.buffer_len(), 0);
        attributes.emit(&mut body[HEADER_BYTES..]);
        let mut request = NetlinkMessage::new(NetlinkHeader::default(), Message { kind, body }.into());
        request.header.flags = NLM_F_REQUEST | flags;
        request.finalize();
        let mut answers = self
            .handle
            .clone()
            .request(request, NetlinkAddress::new(0, 0))
            .map_err(io::Error::other)?;
        let mut messages = Vec::new();
        while let Some(answer) = answers.next().await {
            match answer.payload {
                NetlinkPayload::InnerMessage(message) => messages.push(message),
                NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io().into()),
                _ => {}
            }
        }
        Ok(messages)
    }
}

/// A message with its content as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Message {
    kind: u16,
    body: Vec<u8>,
}

impl From<Message> for NetlinkPayload<Message> {
    fn from(message: Message) -> Self {
        Self::InnerMessage(message)
    }
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.body.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.body);
    }
}

impl NetlinkDeserializable for Message {
    type Error = Infallible;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
        Ok(Self {
            kind: header.message_type,
            body: payload.to_vec(),
        })
    }
}

/// Nothing for what is no datagram.
fn flow(body: &[u8]) -> Option<Flow> {
    let (mut destination, mut answered_by) = (None, None);
    let mut identity = Vec::new();
    for (kind, value) in attributes(body.get(HEADER_BYTES..)?) {
        match kind {
            TUPLE_ORIGINAL => {
                destination = Some(tuple(value)?.1);
                identity.push(DefaultNla::new(kind | NESTED, value.to_vec()));
            }
            TUPLE_REPLY => answered_by = Some(tuple(value)?.0),
            ID | ZONE => identity.push(DefaultNla::new(kind, value.to_vec())),
            _ => {}
        }
    }
    Some(Flow {
        destination: destination?,
        answered_by: answered_by?,
        family: *body.first()?,
        identity,
    })
}

/// Source and destination.
fn tuple(bytes: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let (mut source, mut destination) = (None, None);
    let (mut source_port, mut destination_port) = (None, None);
    for (part, value) in attributes(bytes) {
        for (kind, value) in attributes(value) {
            match (part, kind) {
                (TUPLE_ADDRESSES, IPV4_SOURCE | IPV6_SOURCE) => source = address(value),
                (TUPLE_ADDRESSES, IPV4_DESTINATION | IPV6_DESTINATION) => destination = address(value),
                (TUPLE_PROTOCOL, PROTOCOL_NUMBER) if value != [UDP] => return None,
                (TUPLE_PROTOCOL, SOURCE_PORT) => source_port = port(value),
                (TUPLE_PROTOCOL, DESTINATION_PORT) => destination_port = port(value),
                _ => {}
            }
        }
    }
    let source = SocketAddr::new(source?, source_port?);
    Some((source, SocketAddr::new(destination?, destination_port?)))
}

/// Kinds, without flags, and values; up to the first that is broken.
fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(bytes).map_while(|attribute| {
        let attribute = attribute.ok()?;
        let (kind, length) = (attribute.kind(), usize::from(attribute.length()));
        Some((kind, attribute.into_inner().get(4..length)?))
    })
}

fn address(value: &[u8]) -> Option<IpAddr> {
    match *value {
        [a, b, c, d] => Some([a, b, c, d].into()),
        ref bytes => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

fn port(value: &[u8]) -> Option<u16> {
    value.try_into().ok().map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::nft::Nft;
    use crate::testing::isolated;

    #[test]
    fn flows_are_seen_and_forgotten() {
        isolated("conntrack::tests::flows_are_seen_and_forgotten", async || {
            crate::testing::loopback_up().await;
            // Flows are tracked where a rule asks for it, and this one sends them elsewhere.
            let rules = "table ip t {
                chain o { type nat hook output priority -100; udp dport 1000 dnat to 127.0.0.1:2000; }
            }\n";
            Nft::default().load(rules).await.unwrap();
            let conntrack = Conntrack::open().unwrap();
            assert_eq!(conntrack.udp_flows().await.unwrap(), []);

            let socket = UdpSocket::bind("127.0.0.1:3000").unwrap();
            let _server = UdpSocket::bind("127.0.0.1:2000").unwrap();
            socket.send_to(b"x", "127.0.0.1:1000").unwrap();
            let flows = conntrack.udp_flows().await.unwrap();
            let [flow] = flows.as_slice() else {
                panic!("{flows:?}")
            };
            assert_eq!(flow.destination, "127.0.0.1:1000".parse().unwrap());
            assert_eq!(flow.answered_by, "127.0.0.1:2000".parse().unwrap());

            for _ in 0..2 {
                conntrack.delete(flow).await.unwrap();
            }
            assert_eq!(conntrack.udp_flows().await.unwrap(), []);
        });
    }
}
