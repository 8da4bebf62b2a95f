//! Messages of the kernel's connection tracking: just what listing and deleting flows of datagrams needs.
//!
//! The format is that of `linux/netfilter/nfnetlink_conntrack.h`; addresses and ports are in the network's byte order.

use std::net::{IpAddr, SocketAddr};

use crate::family::Family;
use crate::netlink::{Attributes, Messages, NESTED, NETFILTER_HEADER_BYTES, Received, message, u32_at};

const ERROR: u16 = 2;
const DONE: u16 = 3;

/// The subsystem in the high byte, the message in the low one.
const CONNTRACK_GET: u16 = 0x0101;
const CONNTRACK_DELETE: u16 = 0x0102;

const FLAG_REQUEST: u16 = 0x1;
const FLAG_ACKNOWLEDGE: u16 = 0x4;
const FLAG_DUMP: u16 = 0x300;

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

/// A flow of datagrams the kernel knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Where its sender sends to.
    pub(crate) destination: SocketAddr,
    /// Who answers: where the kernel sends it.
    pub(crate) answered_by: SocketAddr,
    family: Family,
    /// What tells the kernel which one: attributes as they came.
    identity: Vec<(u16, Vec<u8>)>,
}

/// What a message from the kernel says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Flow(Flow),
    /// A flow of something else than datagrams.
    Other,
    /// The end of a list, or an acknowledgement.
    Done,
    /// An error number.
    Failed(i32),
}

/// Asks for all flows of a family.
pub(crate) fn list_request(family: Family, sequence: u32) -> Vec<u8> {
    message(CONNTRACK_GET, FLAG_REQUEST | FLAG_DUMP, family, sequence, &[])
}

/// Asks to delete a flow.
pub(crate) fn delete_request(flow: &Flow, sequence: u32) -> Vec<u8> {
    let flags = FLAG_REQUEST | FLAG_ACKNOWLEDGE;
    message(CONNTRACK_DELETE, flags, flow.family, sequence, &flow.identity)
}

/// The messages of one datagram from the kernel, with their sequence numbers.
pub(crate) fn parse(bytes: &[u8]) -> Vec<(u32, Answer)> {
    Messages(bytes)
        .filter_map(|message| Some((message.sequence, answer(&message)?)))
        .collect()
}

fn answer(message: &Received<'_>) -> Option<Answer> {
    match message.kind {
        DONE => Some(Answer::Done),
        ERROR => match u32_at(message.body, 0)?.cast_signed() {
            0 => Some(Answer::Done),
            code => Some(Answer::Failed(-code)),
        },
        kind if kind >> 8 == CONNTRACK_GET >> 8 => {
            Some(flow(message.body).map_or(Answer::Other, Answer::Flow))
        }
        _ => None,
    }
}

fn flow(body: &[u8]) -> Option<Flow> {
    let (mut destination, mut answered_by) = (None, None);
    let mut identity = Vec::new();
    for (kind, value) in Attributes(body.get(NETFILTER_HEADER_BYTES..)?) {
        match kind {
            TUPLE_ORIGINAL => {
                destination = Some(tuple(value)?.1);
                identity.push((kind | NESTED, value.to_vec()));
            }
            TUPLE_REPLY => answered_by = Some(tuple(value)?.0),
            ID | ZONE => identity.push((kind, value.to_vec())),
            _ => {}
        }
    }
    let destination = destination?;
    Some(Flow {
        destination,
        answered_by: answered_by?,
        family: Family::of(destination.ip()),
        identity,
    })
}

/// Source and destination; none for what is no datagram.
fn tuple(bytes: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let (mut source, mut destination) = (None, None);
    let (mut source_port, mut destination_port) = (None, None);
    for (kind, value) in Attributes(bytes) {
        for (inner, value) in Attributes(value) {
            match (kind, inner) {
                (TUPLE_ADDRESSES, IPV4_SOURCE | IPV6_SOURCE) => source = address(value),
                (TUPLE_ADDRESSES, IPV4_DESTINATION | IPV6_DESTINATION) => destination = address(value),
                (TUPLE_PROTOCOL, PROTOCOL_NUMBER) if value != [UDP] => return None,
                (TUPLE_PROTOCOL, SOURCE_PORT) => source_port = port(value),
                (TUPLE_PROTOCOL, DESTINATION_PORT) => destination_port = port(value),
                _ => {}
            }
        }
    }
    Some((
        SocketAddr::new(source?, source_port?),
        SocketAddr::new(destination?, destination_port?),
    ))
}

fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => <[u8; 4]>::try_from(value).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(value).ok().map(IpAddr::from),
        _ => None,
    }
}

fn port(value: &[u8]) -> Option<u16> {
    value.try_into().ok().map(u16::from_be_bytes)
}

#[cfg(test)]
impl Flow {
    pub(crate) fn for_test(destination: SocketAddr, answered_by: SocketAddr) -> Self {
        Self {
            destination,
            answered_by,
            family: Family::of(destination.ip()),
            identity: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn tuple_bytes(source: ([u8; 4], u16), destination: ([u8; 4], u16), protocol: u8) -> Vec<u8> {
        let addresses = [
            attribute(IPV4_SOURCE, &source.0),
            attribute(IPV4_DESTINATION, &destination.0),
        ]
        .concat();
        let ports = [
            attribute(PROTOCOL_NUMBER, &[protocol]),
            attribute(SOURCE_PORT, &source.1.to_be_bytes()),
            attribute(DESTINATION_PORT, &destination.1.to_be_bytes()),
        ]
        .concat();
        [
            attribute(TUPLE_ADDRESSES | NESTED, &addresses),
            attribute(TUPLE_PROTOCOL | NESTED, &ports),
        ]
        .concat()
    }

    fn flow_message(protocol: u8) -> Vec<u8> {
        let client = ([10, 42, 0, 9], 40000);
        let service = ([10, 43, 0, 10], 53);
        let endpoint = ([10, 42, 0, 2], 5353);
        let attributes = vec![
            (TUPLE_ORIGINAL | NESTED, tuple_bytes(client, service, protocol)),
            (TUPLE_REPLY | NESTED, tuple_bytes(endpoint, client, protocol)),
            (3, vec![0, 0, 1, 0x8e]),
            (ID, vec![1, 2, 3, 4]),
        ];
        message(0x0100, 2, Family::V4, 7, &attributes)
    }

    #[test]
    fn a_flow_is_read_and_can_be_named_to_the_kernel() {
        let answers = parse(&flow_message(UDP));
        let [(7, Answer::Flow(flow))] = answers.as_slice() else {
            panic!("{answers:?}");
        };
        assert_eq!(flow.destination, "10.43.0.10:53".parse().unwrap());
        assert_eq!(flow.answered_by, "10.42.0.2:5353".parse().unwrap());
        let request = delete_request(flow, 8);
        assert_eq!(u32_at(&request, 0), u32::try_from(request.len()).ok());
        let kinds: Vec<u16> = Attributes(&request[20..]).map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [TUPLE_ORIGINAL, ID]);
    }

    #[test]
    fn other_messages_are_told_apart() {
        assert_eq!(parse(&flow_message(6)), [(7, Answer::Other)]);
        let mut error = message(ERROR, 0, Family::V4, 9, &[]);
        error[16..20].copy_from_slice(&(-2i32).to_ne_bytes());
        assert_eq!(parse(&error), [(9, Answer::Failed(2))]);
        error[16..20].copy_from_slice(&[0; 4]);
        assert_eq!(parse(&error), [(9, Answer::Done)]);
        let two = [error.clone(), error].concat();
        assert_eq!(parse(&two).len(), 2);
    }

    #[test]
    fn broken_messages_do_no_harm() {
        let whole = flow_message(UDP);
        for end in 0..whole.len() {
            parse(&whole[..end]);
            let mut cut = whole[..end].to_vec();
            if end >= 4 {
                cut[..4].copy_from_slice(&u32::try_from(end).unwrap().to_ne_bytes());
            }
            parse(&cut);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 3, 255] {
                let mut bent = whole.clone();
                bent[at] = value;
                parse(&bent);
            }
        }
    }
}
