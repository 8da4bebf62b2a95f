//! Reading queries: what is none is dropped, what is broken is told so.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::DNSClass;

use crate::response;

const HEADER_BYTES: usize = 12;

/// A query that can be answered.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: u16,
    pub(crate) query: Query,
    pub(crate) recursion_desired: bool,
    pub(crate) checking_disabled: bool,
    pub(crate) edns: Option<Edns>,
}

/// What is to be done with what a client sent.
#[derive(Debug)]
pub(crate) enum Received {
    Request(Request),
    /// Nothing can be looked up, but the client is owed this.
    Reply(Vec<u8>),
    /// It is no query: an answer to it might be answered in turn.
    Nothing,
}

/// Reads what a client sent.
pub(crate) fn read(bytes: &[u8]) -> Received {
    let Some(header) = bytes.get(..HEADER_BYTES) else {
        return Received::Nothing;
    };
    let id = u16::from_be_bytes([header[0], header[1]]);
    let is_response = header[2] & 0x80 != 0;
    if is_response {
        return Received::Nothing;
    }
    let op_code = (header[2] >> 3) & 0x0f;
    if op_code != 0 {
        return Received::Reply(error(id, OpCode::from_u8(op_code), ResponseCode::NotImp));
    }
    let questions = u16::from_be_bytes([header[4], header[5]]);
    if questions != 1 {
        return Received::Reply(error(id, OpCode::Query, ResponseCode::FormErr));
    }
    match Message::from_vec(bytes) {
        Ok(message) => of_message(message),
        Err(_) => Received::Reply(error(id, OpCode::Query, ResponseCode::FormErr)),
    }
}

fn error(id: u16, op_code: OpCode, code: ResponseCode) -> Vec<u8> {
    let mut message = Message::error_msg(id, op_code, code);
    message.metadata.message_type = MessageType::Response;
    response::encode(message, response::SMALLEST)
}

fn of_message(mut message: Message) -> Received {
    let metadata = message.metadata;
    let Some(query) = message.queries.pop() else {
        return Received::Reply(error(metadata.id, OpCode::Query, ResponseCode::FormErr));
    };
    let request = Request {
        id: metadata.id,
        recursion_desired: metadata.recursion_desired,
        checking_disabled: metadata.checking_disabled,
        edns: message.edns,
        query,
    };
    let refusal = match (&request.edns, request.query.query_class()) {
        (Some(edns), _) if edns.version() > 0 => ResponseCode::BADVERS,
        (_, DNSClass::IN) => return Received::Request(request),
        _ => ResponseCode::Refused,
    };
    Received::Reply(response::failure(&request, refusal, response::limit(&request)))
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::{Name, RecordType};
    use proptest::prelude::*;

    use super::*;

    fn query() -> Message {
        let mut message = Message::new(7, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(Name::from_ascii("web.").unwrap(), RecordType::A));
        message
    }

    /// The code, as a number: some numbers have two names.
    fn refused_with(bytes: &[u8]) -> u16 {
        match read(bytes) {
            Received::Reply(reply) => {
                let message = Message::from_vec(&reply).unwrap();
                assert_eq!(message.metadata.id, 7);
                assert_eq!(message.metadata.message_type, MessageType::Response);
                message.metadata.response_code.into()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn good_queries_are_read() {
        let Received::Request(request) = read(&query().to_vec().unwrap()) else {
            panic!("it is a query");
        };
        assert_eq!((request.id, request.recursion_desired), (7, true));
        assert_eq!(request.query.query_type(), RecordType::A);
    }

    #[test]
    fn bad_queries_are_refused() {
        let mut two = query();
        two.add_query(two.queries[0].clone());
        assert_eq!(
            refused_with(&two.to_vec().unwrap()),
            u16::from(ResponseCode::FormErr)
        );
        let whole = query().to_vec().unwrap();
        assert_eq!(
            refused_with(&whole[..whole.len() - 1]),
            u16::from(ResponseCode::FormErr)
        );
        let mut many = whole.clone();
        many[4..6].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(refused_with(&many), u16::from(ResponseCode::FormErr));
        let mut update = whole.clone();
        update[2] |= 5 << 3;
        assert_eq!(refused_with(&update), u16::from(ResponseCode::NotImp));
        let mut chaos = query();
        chaos.queries[0].set_query_class(DNSClass::CH);
        assert_eq!(
            refused_with(&chaos.to_vec().unwrap()),
            u16::from(ResponseCode::Refused)
        );
        let mut newer = query();
        let mut edns = Edns::new();
        edns.set_version(1);
        newer.set_edns(edns);
        assert_eq!(
            refused_with(&newer.to_vec().unwrap()),
            u16::from(ResponseCode::BADVERS)
        );
    }

    #[test]
    fn what_is_no_query_is_dropped() {
        assert!(matches!(read(&[]), Received::Nothing));
        assert!(matches!(read(&[0; 11]), Received::Nothing));
        let mut answer = query().to_vec().unwrap();
        answer[2] |= 0x80;
        assert!(matches!(read(&answer), Received::Nothing));
    }

    proptest! {
        #[test]
        fn anything_may_come(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            read(&bytes);
        }

        #[test]
        fn bent_queries_do_no_harm(at in 0usize..22, value: u8, end in 0usize..23) {
            let mut bytes = query().to_vec().unwrap();
            let length = bytes.len();
            bytes[at % length] = value;
            bytes.truncate(end.max(1));
            read(&bytes);
        }
    }
}
