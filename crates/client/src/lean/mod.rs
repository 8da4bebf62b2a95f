//! Objects as controllers and the scheduler hold them: with what they read, and nothing else.
//!
//! There are many pods, and a whole typed one is four times as large as its JSON. These types are decoded straight from the
//! JSON, what they do not know is skipped, and what is the same in many objects (the containers of a set's pods, their labels,
//! their owner) is held once ([`Shared`]).
//!
//! Such an object cannot be written back: whoever changes one sends a patch.

mod labels;
mod metadata;
mod pod;
mod shared;

pub use labels::Labels;
pub use metadata::Metadata;
pub use pod::{
    Container, ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodCondition, PodSpec,
    PodStatus, PodTemplate, Volume,
};
pub use shared::Shared;
