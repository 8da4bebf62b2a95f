//! Answers, cut to what the client can take.

use hickory_proto::op::{Edns, Message, Metadata, OpCode, ResponseCode};

use crate::request::Request;

/// What every client can take in a datagram.
pub(crate) const SMALLEST: usize = 512;
/// Larger datagrams may come in pieces, and pieces get lost.
const LARGEST_DATAGRAM: u16 = 1232;
/// Bytes of a record with a name that was there before and no data.
const SMALLEST_RECORD: usize = 12;
/// What a client can take over TCP.
pub(crate) const OVER_TCP: usize = u16::MAX as usize;

/// What the client can take in a datagram.
pub(crate) fn limit(request: &Request) -> usize {
    match &request.edns {
        None => SMALLEST,
        Some(edns) => usize::from(edns.max_payload().clamp(512, LARGEST_DATAGRAM)),
    }
}

/// An answer to a request, without any record.
pub(crate) fn to(request: &Request, code: ResponseCode) -> Message {
    let mut message = Message::response(request.id, OpCode::Query);
    let metadata: &mut Metadata = &mut message.metadata;
    metadata.recursion_desired = request.recursion_desired;
    metadata.checking_disabled = request.checking_disabled;
    metadata.recursion_available = true;
    metadata.response_code = code;
    message.add_query(request.query.clone());
    if let Some(edns) = &request.edns {
        message.set_edns(own_edns(edns));
    }
    message
}

/// What we can take.
fn own_edns(asked: &Edns) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(LARGEST_DATAGRAM);
    edns.set_dnssec_ok(asked.flags().dnssec_ok);
    edns
}

/// An answer that says just that it cannot be answered.
pub(crate) fn failure(request: &Request, code: ResponseCode, limit: usize) -> Vec<u8> {
    encode(to(request, code), limit)
}

/// The bytes of a message, at most so many. What does not fit is left out: first what nobody asked for; if answers have
/// to go, the message says so, and the client asks again over TCP.
pub(crate) fn encode(mut message: Message, limit: usize) -> Vec<u8> {
    let mut bytes = raw(&message);
    if bytes.len() <= limit {
        return bytes;
    }
    message.additionals.clear();
    bytes = raw(&message);
    if bytes.len() > limit {
        message.metadata.truncation = true;
        message.authorities.clear();
        bytes = longest(&mut message, limit);
    }
    bytes
}

/// The message with as many answers as fit.
fn longest(message: &mut Message, limit: usize) -> Vec<u8> {
    let answers = std::mem::take(&mut message.answers);
    let mut longest = raw(message);
    let (mut fitting, mut too_many) = (0, answers.len().min(limit / SMALLEST_RECORD) + 1);
    while fitting + 1 < too_many {
        let count = usize::midpoint(fitting, too_many);
        message.answers = answers[..count].to_vec();
        let bytes = raw(message);
        if bytes.len() <= limit {
            (fitting, longest) = (count, bytes);
        } else {
            too_many = count;
        }
    }
    longest
}

/// A message whose parts cannot be encoded is one without them: its client is told that it failed.
fn raw(message: &Message) -> Vec<u8> {
    message.to_vec().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot encode an answer");
        let metadata = message.metadata;
        let bare = Message::error_msg(metadata.id, metadata.op_code, ResponseCode::ServFail);
        bare.to_vec().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_proto::op::Query;
    use hickory_proto::rr::{Name, RData, Record, RecordType};

    use super::*;

    fn request(payload: Option<u16>) -> Request {
        Request {
            id: 9,
            query: Query::query(
                Name::from_ascii("db.a.svc.cluster.local.").unwrap(),
                RecordType::A,
            ),
            recursion_desired: true,
            checking_disabled: false,
            edns: payload.map(|payload| {
                let mut edns = Edns::new();
                edns.set_max_payload(payload);
                edns
            }),
        }
    }

    /// An answer of so many addresses.
    fn answer(request: &Request, count: u32) -> Message {
        let mut message = to(request, ResponseCode::NoError);
        for index in 0..count {
            let address = Ipv4Addr::from(0x0a2a_0000 + index);
            message.add_answer(Record::from_rdata(
                request.query.name().clone(),
                30,
                RData::from(address),
            ));
        }
        message
    }

    #[track_caller]
    fn check(payload: Option<u16>, count: u32, expected_limit: usize, is_cut: bool) {
        let request = request(payload);
        assert_eq!(limit(&request), expected_limit);
        let bytes = encode(answer(&request, count), limit(&request));
        assert!(bytes.len() <= expected_limit, "{}", bytes.len());
        let message = Message::from_vec(&bytes).unwrap();
        assert_eq!(message.metadata.truncation, is_cut);
        assert_eq!(message.edns.is_some(), payload.is_some());
        let got = u32::try_from(message.answers.len()).unwrap();
        assert_eq!(got < count, is_cut);
        // One more, of 16 bytes, would not fit.
        assert!(!is_cut || bytes.len() + 16 > expected_limit, "{}", bytes.len());
    }

    #[test]
    fn answers_fit() {
        check(None, 5, 512, false);
        check(None, 100, 512, true);
        check(Some(4096), 60, 1232, false);
        check(Some(4096), 1000, 1232, true);
        check(Some(100), 100, 512, true);
        let whole = encode(answer(&request(None), 1000), OVER_TCP);
        assert_eq!(Message::from_vec(&whole).unwrap().answers.len(), 1000);
    }

    #[test]
    fn what_nobody_asked_for_goes_first() {
        let request = request(None);
        let mut message = answer(&request, 20);
        message.additionals = answer(&request, 20).answers;
        let message = Message::from_vec(&encode(message, 512)).unwrap();
        assert_eq!(
            (
                message.answers.len(),
                message.additionals.len(),
                message.metadata.truncation
            ),
            (20, 0, false)
        );
    }
}
