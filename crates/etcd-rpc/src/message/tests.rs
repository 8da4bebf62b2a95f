//! Messages against the bytes that Go's etcd writes for them.

use bytes::Bytes;
use prost::Message;

use super::*;

fn check<M: Message + Default + PartialEq + std::fmt::Debug>(message: &M, bytes: &[u8]) {
    assert_eq!(
        message.encode_to_vec().escape_ascii().to_string(),
        bytes.escape_ascii().to_string()
    );
    assert_eq!(M::decode(bytes).expect("the bytes are a message"), *message);
}

#[test]
fn a_range_of_a_prefix() {
    let request = RangeRequest {
        key: Bytes::from_static(b"/a/"),
        range_end: Bytes::from_static(b"/a0"),
        limit: 500,
        revision: 7,
        keys_only: true,
        ..RangeRequest::default()
    };
    check(&request, b"\x0a\x03/a/\x12\x03/a0\x18\xf4\x03\x20\x07\x40\x01");
}

#[test]
fn a_range_answer() {
    let response = RangeResponse {
        header: Some(ResponseHeader {
            cluster_id: 1,
            member_id: 2,
            revision: 300,
            raft_term: 4,
        }),
        kvs: vec![KeyValue {
            key: Bytes::from_static(b"k"),
            create_revision: 2,
            mod_revision: 3,
            version: 2,
            value: Bytes::from_static(b"v"),
            lease: 9,
        }],
        more: true,
        count: 5,
    };
    check(
        &response,
        b"\x0a\x09\x08\x01\x10\x02\x18\xac\x02\x20\x04\x12\x0e\x0a\x01k\x10\x02\x18\x03\x20\x02\x2a\x01v\x30\x09\x18\x01\x20\x05",
    );
}

#[test]
fn what_a_kubernetes_api_server_sends_to_create() {
    let key = Bytes::from_static(b"k");
    let put = PutRequest {
        key: key.clone(),
        value: Bytes::from_static(b"v"),
        lease: 3,
        ..PutRequest::default()
    };
    let range = RangeRequest {
        key: key.clone(),
        ..RangeRequest::default()
    };
    let request = TxnRequest {
        compare: vec![Compare::mod_revision_is(key, 0)],
        success: vec![Request::Put(put).into()],
        failure: vec![Request::Range(range).into()],
    };
    // The union's member is written although it is zero: that is what makes it the one that is set.
    check(
        &request,
        b"\x0a\x07\x10\x02\x1a\x01k\x30\x00\x12\x0a\x12\x08\x0a\x01k\x12\x01v\x18\x03\x1a\x05\x0a\x03\x0a\x01k",
    );
}

#[test]
fn a_comparison_of_a_range() {
    let compare = Compare {
        result: CompareResult::NotEqual.into(),
        target: CompareTarget::Lease.into(),
        key: Bytes::from_static(b"a"),
        target_union: Some(TargetUnion::Lease(1)),
        range_end: Bytes::from_static(b"b"),
    };
    check(&compare, b"\x08\x03\x10\x04\x1a\x01a\x40\x01\x82\x04\x01b");
}

#[test]
fn a_watch_and_its_progress() {
    let create = WatchCreateRequest {
        key: Bytes::from_static(b"a"),
        range_end: Bytes::from_static(b"b"),
        start_revision: 5,
        progress_notify: true,
        filters: vec![FilterType::NoDelete.into()],
        prev_kv: true,
        watch_id: 6,
        fragment: true,
    };
    check(
        &WatchRequest::from(WatchRequestUnion::Create(create)),
        b"\x0a\x13\x0a\x01a\x12\x01b\x18\x05\x20\x01\x2a\x01\x01\x30\x01\x38\x06\x40\x01",
    );
    let progress = WatchRequestUnion::Progress(WatchProgressRequest {});
    check(&WatchRequest::from(progress), b"\x1a\x00");
    let mark = WatchResponse {
        header: Some(ResponseHeader {
            revision: 8,
            ..ResponseHeader::default()
        }),
        watch_id: -1,
        ..WatchResponse::default()
    };
    check(
        &mark,
        b"\x0a\x02\x18\x08\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    );
}

#[test]
fn a_watch_event() {
    let response = WatchResponse {
        compact_revision: 3,
        cancel_reason: "no".to_owned(),
        canceled: true,
        events: vec![Event {
            r#type: EventType::Delete.into(),
            kv: Some(KeyValue {
                key: Bytes::from_static(b"k"),
                mod_revision: 4,
                ..KeyValue::default()
            }),
            prev_kv: None,
        }],
        ..WatchResponse::default()
    };
    check(
        &response,
        b"\x20\x01\x28\x03\x32\x02no\x5a\x09\x08\x01\x12\x05\x0a\x01k\x18\x04",
    );
}

#[test]
fn leases_and_members() {
    check(&LeaseGrantRequest { ttl: 60, id: 7 }, b"\x08\x3c\x10\x07");
    let alive = LeaseTimeToLiveResponse {
        header: None,
        id: 7,
        ttl: -1,
        granted_ttl: 60,
        keys: vec![Bytes::from_static(b"k")],
    };
    check(
        &alive,
        b"\x10\x07\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x20\x3c\x2a\x01k",
    );
    let members = MemberListResponse {
        header: None,
        members: vec![Member {
            id: 1,
            name: "m".to_owned(),
            peer_urls: vec!["p".to_owned()],
            client_urls: vec!["c".to_owned()],
            is_learner: true,
        }],
    };
    check(&members, b"\x12\x0d\x08\x01\x12\x01m\x1a\x01p\x22\x01c\x28\x01");
}

#[test]
fn a_password_is_not_printed() {
    let request = AuthenticateRequest {
        name: "root".to_owned(),
        password: "secret".to_owned(),
    };
    assert_eq!(
        format!("{request:?}"),
        r#"AuthenticateRequest { name: "root", .. }"#
    );
    check(&request, b"\x0a\x04root\x12\x06secret");
}
