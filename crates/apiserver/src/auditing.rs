//! What requests tell the audit.

use std::net::IpAddr;
use std::sync::Arc;

use audit::{Asked, Auditor, ObjectReference, Record, Stage};
use auth::Attributes;
use http::HeaderMap;
use http::header::USER_AGENT;
use jiff::Timestamp;
use meta::Status;
use meta::name::parse_ip;
use registry::audit::Trail;
use serde_json::Value;

use crate::call::{Call, Response};
use crate::filters::{Selection, attributes};
use crate::respond::status;

/// Begins to write about a call, if the policy wants it. Where `is_known` is false, nobody was authenticated.
pub(crate) fn begin(auditor: &Arc<Auditor>, call: &Call, is_known: bool) -> Option<Arc<Record>> {
    let selection = Selection::default();
    let attributes = attributes(call, &selection);
    auditor.begin(&attributes, is_known, || asked(call, &attributes, is_known))
}

/// Refuses a call before it is known who asks: all that is written of it is the answer.
pub(crate) async fn refuse(auditor: Option<&Arc<Auditor>>, call: &mut Call, refusal: &Status) -> Response {
    call.audit = auditor.and_then(|auditor| begin(auditor, call, false));
    let response = status(call, refusal);
    if let Some(record) = call.audit.take() {
        record.code(response.status().as_u16());
        record.at(Stage::ResponseStarted).await;
        record.settle();
    }
    response
}

fn asked(call: &Call, attributes: &Attributes<'_>, is_known: bool) -> Asked {
    let info = &call.info;
    let object = info.is_resource().then(|| ObjectReference {
        resource: info.resource().to_owned(),
        namespace: info.namespace().to_owned(),
        name: info.authorized_name().to_owned(),
        api_group: info.group().to_owned(),
        api_version: info.version().to_owned(),
        subresource: info.subresource().to_owned(),
        ..ObjectReference::default()
    });
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    Asked {
        id: text(call.header("audit-id")),
        uri: text(call.head.uri.path_and_query().map(|uri| uri.as_str())),
        verb: attributes.verb.to_owned(),
        user: is_known.then(|| Arc::clone(&call.user)),
        source_ips: source_ips(
            &call.head.headers,
            call.peer.as_ref().map(|peer| peer.address.ip()),
        ),
        user_agent: text(call.header(USER_AGENT)),
        object,
        received: Timestamp::now()
            .checked_sub(call.received.elapsed())
            .unwrap_or_default(),
    }
}

/// Where a request comes from, as far as headers tell, and the other end of its connection.
fn source_ips(headers: &HeaderMap, remote: Option<IpAddr>) -> Vec<String> {
    let header = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let forwarded = header("x-forwarded-for").split(',');
    let mut found: Vec<IpAddr> = forwarded.filter_map(|text| parse_ip(text.trim())).collect();
    if let Some(real) = parse_ip(header("x-real-ip")).filter(|real| !found.contains(real)) {
        found.push(real);
    }
    let remote = remote.map(|remote| remote.to_canonical());
    found.extend(remote.filter(|remote| found.last() != Some(remote)));
    found.iter().map(ToString::to_string).collect()
}

/// What is told of a write, in the record of its request.
#[derive(Debug)]
pub(crate) struct RecordTrail(Arc<Record>);

impl Trail for RecordTrail {
    fn note(&self, key: String, text: String) {
        self.0.annotate(key, text);
    }

    fn refers_to(&self, metadata: &Value) {
        self.0.refers_to(metadata);
    }

    fn takes_objects(&self) -> bool {
        self.0.takes_request()
    }

    fn brought(&self, json: &[u8]) {
        self.0.request(json);
    }
}

impl Call {
    /// Where those who work on the call leave their notes.
    pub(crate) fn trail(&self) -> registry::Audit {
        match &self.audit {
            Some(record) => registry::Audit::of(Arc::new(RecordTrail(Arc::clone(record)))),
            None => registry::Audit::default(),
        }
    }

    /// What is answered, in JSON that is made only if it is to be written.
    pub(crate) fn answered<B: AsRef<[u8]>>(&self, json: impl FnOnce() -> B) {
        if let Some(record) = self.audit.as_ref().filter(|record| record.takes_response()) {
            record.response(json().as_ref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::call;

    #[test]
    fn sources_are_told_the_nearest_last() {
        for (forwarded, real, remote, expected) in [
            ("", "", "10.0.0.1", &["10.0.0.1"][..]),
            (
                "1.2.3.4, x, 5.6.7.8",
                "9.9.9.9",
                "10.0.0.1",
                &["1.2.3.4", "5.6.7.8", "9.9.9.9", "10.0.0.1"],
            ),
            ("1.2.3.4", "1.2.3.4", "1.2.3.4", &["1.2.3.4"]),
            ("", "nobody", "::ffff:10.0.0.1", &["10.0.0.1"]),
        ] {
            let call = call("GET", "/", &[("x-forwarded-for", forwarded), ("x-real-ip", real)]);
            let remote = remote.parse().expect("an address");
            assert_eq!(source_ips(&call.head.headers, Some(remote)), expected);
        }
        assert!(
            source_ips(&HeaderMap::new(), None).is_empty(),
            "a component of this process"
        );
    }
}
