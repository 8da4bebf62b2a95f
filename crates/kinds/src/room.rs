//! What makes a room: a type that holds a descriptor and answers for its kind.

/// Declares the type of a room. Its `Strategy` is written beside it.
macro_rules! room {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(pub resource::Descriptor);

        impl resource::Kind for $name {
            fn descriptor(&self) -> &resource::Descriptor {
                &self.0
            }
        }
    };
}

pub(crate) use room;

/// What belongs to the endpoints of a kind with a status: who writes the object does not own its status, and the reverse.
pub fn status_apart(subresource: &str) -> &'static [&'static str] {
    match subresource {
        "" => &["status"],
        "status" => &["spec"],
        _ => &[],
    }
}
