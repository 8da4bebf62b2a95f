//! The one place where this crate asks what time it is.

/// Now.
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Now, in seconds since the epoch.
pub fn now_seconds() -> i64 {
    now().as_second()
}
