//! Numbers in queries, refused in upstream's words.

use std::num::IntErrorKind;

use meta::{Status, quote};

/// A parameter's number; none if it is absent.
pub fn integer(value: Option<&str>) -> Result<Option<i64>, Status> {
    let Some(text) = value else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|error: std::num::ParseIntError| {
        let why = match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        Status::bad_request(format!("strconv.ParseInt: parsing {}: {why}", quote(text)))
    })
}
