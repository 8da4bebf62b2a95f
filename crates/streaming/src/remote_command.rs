//! What exec and attach are about: which streams, and how it ended.

use meta::status::{Cause, Details};
use meta::{Reason, Status};
use serde_json::json;

use crate::spdy::Headers;

/// The header of a SPDY stream that says what it is for.
pub const STREAM_TYPE: &str = "streamtype";

/// The protocols over SPDY in which how a process ended is told by a Status, best first.
pub const SPDY_PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

/// Why a process is said to have failed that ended by itself.
const NON_ZERO_EXIT_CODE: Reason = Reason(std::borrow::Cow::Borrowed("NonZeroExitCode"));
const EXIT_CODE: &str = "ExitCode";

/// Which streams are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What the client types.
    pub stdin: bool,
    /// What the process writes.
    pub stdout: bool,
    /// What the process complains; never beside a terminal.
    pub stderr: bool,
    /// Whether there is a terminal, whose size changes.
    pub tty: bool,
}

/// The headers of a stream of some type.
pub fn stream_headers(stream_type: &str) -> Headers {
    Headers::new([(STREAM_TYPE, stream_type)])
}

/// That all is well.
pub fn success() -> Status {
    let mut status = Status::failure(0, Reason::UNKNOWN, "");
    status.status = "Success".into();
    status
}

/// That a process ended with a code.
pub fn exited(code: i32) -> Status {
    if code == 0 {
        return success();
    }
    let message = format!("command terminated with non-zero exit code: exit status {code}");
    let cause = Cause {
        reason: EXIT_CODE.to_owned(),
        message: code.to_string(),
        ..Cause::default()
    };
    let details = Details {
        causes: vec![cause],
        ..Details::default()
    };
    Status::failure(0, NON_ZERO_EXIT_CODE, message).with_details(details)
}

/// A Status as it travels on the error stream: without its kind, as upstream sends it.
pub fn to_wire(status: &Status) -> Vec<u8> {
    let mut object = serde_json::to_value(status).unwrap_or_default();
    if let Some(map) = object.as_object_mut() {
        map.insert("metadata".to_owned(), json!({}));
    }
    object.to_string().into_bytes()
}

/// What an error stream told. Nothing at all is success; what is no Status is told as it is.
pub fn from_wire(bytes: &[u8]) -> Status {
    if bytes.is_empty() {
        return success();
    }
    match serde_json::from_slice::<Status>(bytes) {
        Ok(status) if !status.status.is_empty() => status,
        _ => Status::internal(format!(
            "error stream protocol error: {:?}",
            String::from_utf8_lossy(bytes)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_as_upstream_tells_them() {
        let wire: serde_json::Value = serde_json::from_slice(&to_wire(&exited(3))).unwrap();
        assert_eq!(
            wire,
            json!({
                "metadata": {},
                "status": "Failure",
                "message": "command terminated with non-zero exit code: exit status 3",
                "reason": "NonZeroExitCode",
                "details": { "causes": [{ "reason": "ExitCode", "message": "3" }] },
            })
        );
        let wire: serde_json::Value = serde_json::from_slice(&to_wire(&exited(0))).unwrap();
        assert_eq!(wire, json!({ "metadata": {}, "status": "Success" }));
    }

    #[test]
    fn ends_are_understood() {
        assert_eq!(from_wire(b""), success());
        assert_eq!(from_wire(&to_wire(&exited(7))), exited(7));
        assert_eq!(from_wire(b"oops").code, 500);
        assert_eq!(from_wire(b"{}").code, 500);
    }
}
