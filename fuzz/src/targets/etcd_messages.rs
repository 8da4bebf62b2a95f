//! Messages of etcd's protocol, as clients send them and as servers answer.

use etcd_rpc::message as m;
use prost::Message;

use super::Target;

/// The first byte says which message the rest is read as. What can be read is written again and reads the same.
pub const MESSAGES: Target = Target {
    name: "etcd-messages",
    run,
    seeds,
};

/// Does something with a message type, chosen by its number.
macro_rules! messages {
    ($number:expr, $bytes:expr; $($message:ident)*) => {
        let readers: &[fn(&[u8])] = &[$(again::<m::$message>),*];
        readers[usize::from($number) % readers.len()]($bytes)
    };
}

fn run(data: &[u8]) {
    let Some((&number, bytes)) = data.split_first() else {
        return;
    };
    messages!(number, bytes;
        RangeRequest RangeResponse PutRequest PutResponse DeleteRangeRequest DeleteRangeResponse TxnRequest TxnResponse
        CompactionRequest WatchRequest WatchResponse LeaseGrantRequest LeaseGrantResponse LeaseKeepAliveRequest
        SnapshotResponse StatusResponse HashKvResponse AlarmRequest MemberListResponse
    );
}

fn again<M: Message + Default + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(message) = M::decode(bytes) else { return };
    let written = message.encode_to_vec();
    assert_eq!(written.len(), message.encoded_len());
    let read = M::decode(&written[..]).expect("it was written just now");
    assert!(read == message, "{message:?} is read back as {read:?}");
}

fn seeds() -> Vec<Vec<u8>> {
    let range = m::RangeRequest {
        key: b"/registry/pods/".to_vec().into(),
        range_end: b"/registry/pods0".to_vec().into(),
        limit: 500,
        ..m::RangeRequest::default()
    };
    let put = m::PutRequest {
        key: b"k".to_vec().into(),
        value: b"v".to_vec().into(),
        lease: 7,
        ..m::PutRequest::default()
    };
    let with = |number: u8, bytes: Vec<u8>| [vec![number], bytes].concat();
    let mut seeds = vec![with(0, range.encode_to_vec()), with(2, put.encode_to_vec())];
    seeds.extend((0..19).map(|number| vec![number, 8, 1, 18, 2, b'a', b'b']));
    seeds
}
