//! How large messages may be.

/// The largest messages that are read and written, in bytes. What is larger fails with `RESOURCE_EXHAUSTED` or
/// `OUT_OF_RANGE` on the side that notices it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageLimits {
    /// The largest message that is read.
    pub decode: usize,
    /// The largest message that is written.
    pub encode: usize,
}

/// The largest request an etcd of the usual configuration takes: 1.5 MiB and some room for the envelope.
const USUAL_REQUEST: usize = (3 << 19) + (512 << 10);

impl MessageLimits {
    /// What a client of etcd allows: answers of any size, as etcd's own clients do, and requests of at most 2 MiB.
    pub const CLIENT: Self = Self {
        decode: i32::MAX as usize,
        encode: USUAL_REQUEST,
    };

    /// What an etcd of the usual configuration allows: requests of at most 2 MiB, answers of any size.
    pub const SERVER: Self = Self {
        decode: USUAL_REQUEST,
        encode: i32::MAX as usize,
    };
}
