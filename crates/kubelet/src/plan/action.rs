//! What a plan asks for.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Something to be done. All actions of a plan may be done at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Set up the pod's volumes.
    MountVolumes,
    CreateSandbox {
        attempt: u32,
    },
    StopSandbox {
        id: String,
    },
    RemoveSandbox {
        id: String,
    },
    /// Pull the image if needed, make a container and start it.
    StartContainer {
        name: String,
        restart_count: u32,
        /// When the run before it ended.
        previous_end: Option<Timestamp>,
    },
    /// Give up starting a container, because the pod is to stop.
    CancelStart {
        name: String,
    },
    /// Run the hook and stop.
    StopContainer {
        name: String,
        id: String,
        /// When it is killed if it has not ended.
        deadline: Timestamp,
        why: StopReason,
    },
    RemoveContainer {
        id: String,
    },
    /// Give running containers the amounts they are granted: those first that get less.
    Resize {
        names_and_ids: Vec<(String, String)>,
    },
}

/// Why a container is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The pod is to stop.
    PodStops,
    LivenessFailed,
    StartupFailed,
    /// It was made from another specification.
    Changed,
    /// It has other amounts than it is granted, and cannot be given them while it runs.
    Resized,
    /// The runtime lost track of it.
    Lost,
}

impl StopReason {
    /// Whether the kubelet stops it to start it again.
    pub fn starts_again(self) -> bool {
        match self {
            Self::PodStops => false,
            Self::LivenessFailed | Self::StartupFailed | Self::Changed | Self::Resized | Self::Lost => true,
        }
    }
}

/// What to do now, and what to say about what is not done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub actions: Vec<Action>,
    /// When to plan again even if nothing happens.
    pub wake_at: Option<Timestamp>,
    /// Containers that wait for their next restart, by name.
    pub waiting: BTreeMap<String, Waiting>,
    /// Nothing runs any more, and nothing will: the pod is over.
    pub over: bool,
    /// Containers have other amounts than they are granted.
    pub resizing: bool,
}

/// Why a container does not run, as its status says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub reason: String,
    pub message: String,
}

impl Plan {
    pub fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Plans again at this moment, if not earlier.
    pub fn wake_at(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}
