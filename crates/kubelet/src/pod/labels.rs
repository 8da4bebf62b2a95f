//! What is written on sandboxes and containers, so that a later kubelet knows them again. The names are upstream's: a
//! node can change between the two.

use crate::cri::message::StringMap;

/// Keys of labels.
pub mod label {
    pub const POD_NAME: &str = "io.kubernetes.pod.name";
    pub const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
    pub const POD_UID: &str = "io.kubernetes.pod.uid";
    pub const CONTAINER_NAME: &str = "io.kubernetes.container.name";
}

/// Keys of annotations.
pub mod annotation {
    /// On a container: what its specification was.
    pub const CONTAINER_HASH: &str = "io.kubernetes.container.hash";
    /// On a container: how often it was restarted before.
    pub const RESTART_COUNT: &str = "io.kubernetes.container.restartCount";
    pub const TERMINATION_MESSAGE_PATH: &str = "io.kubernetes.container.terminationMessagePath";
    pub const TERMINATION_MESSAGE_POLICY: &str = "io.kubernetes.container.terminationMessagePolicy";
    /// On a container: seconds its pod is given to end.
    pub const POD_GRACE_PERIOD: &str = "io.kubernetes.pod.terminationGracePeriod";

    /// On a pod: where its specification came from, `api` or `file`.
    pub const CONFIG_SOURCE: &str = "kubernetes.io/config.source";
    /// On a pod from a file: what its specification was.
    pub const CONFIG_HASH: &str = "kubernetes.io/config.hash";
    /// On a pod from a file: when it was read.
    pub const CONFIG_SEEN: &str = "kubernetes.io/config.seen";
    /// On a mirror pod: the hash of the pod it mirrors.
    pub const CONFIG_MIRROR: &str = "kubernetes.io/config.mirror";
}

/// Which pod something belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodLabels {
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

impl PodLabels {
    /// Reads them; none if it was not made by a kubelet.
    pub fn read(labels: &StringMap) -> Option<Self> {
        Some(Self {
            namespace: labels.get(label::POD_NAMESPACE)?.clone(),
            name: labels.get(label::POD_NAME)?.clone(),
            uid: labels.get(label::POD_UID)?.clone(),
        })
    }

    /// The labels themselves.
    pub fn write(&self) -> StringMap {
        StringMap::from([
            (label::POD_NAME.to_owned(), self.name.clone()),
            (label::POD_NAMESPACE.to_owned(), self.namespace.clone()),
            (label::POD_UID.to_owned(), self.uid.clone()),
        ])
    }

    /// The selector of everything of one pod.
    pub fn of_uid(uid: &str) -> StringMap {
        StringMap::from([(label::POD_UID.to_owned(), uid.to_owned())])
    }
}

/// What is noted on a container in its annotations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerNote {
    pub hash: String,
    pub restart_count: u32,
    pub termination_message_path: String,
    pub termination_message_policy: String,
    pub grace_period_seconds: Option<i64>,
}

impl ContainerNote {
    /// Reads it; what is missing is empty.
    pub fn read(annotations: &StringMap) -> Self {
        let text = |key: &str| annotations.get(key).cloned().unwrap_or_default();
        Self {
            hash: text(annotation::CONTAINER_HASH),
            restart_count: text(annotation::RESTART_COUNT).parse().unwrap_or(0),
            termination_message_path: text(annotation::TERMINATION_MESSAGE_PATH),
            termination_message_policy: text(annotation::TERMINATION_MESSAGE_POLICY),
            grace_period_seconds: text(annotation::POD_GRACE_PERIOD).parse().ok(),
        }
    }

    /// The annotations themselves.
    pub fn write(&self) -> StringMap {
        let mut annotations = StringMap::from([
            (annotation::CONTAINER_HASH.to_owned(), self.hash.clone()),
            (
                annotation::RESTART_COUNT.to_owned(),
                self.restart_count.to_string(),
            ),
            (
                annotation::TERMINATION_MESSAGE_PATH.to_owned(),
                self.termination_message_path.clone(),
            ),
            (
                annotation::TERMINATION_MESSAGE_POLICY.to_owned(),
                self.termination_message_policy.clone(),
            ),
        ]);
        if let Some(seconds) = self.grace_period_seconds {
            annotations.insert(annotation::POD_GRACE_PERIOD.to_owned(), seconds.to_string());
        }
        annotations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let labels = PodLabels {
            namespace: "default".to_owned(),
            name: "web".to_owned(),
            uid: "1-2".to_owned(),
        };
        assert_eq!(PodLabels::read(&labels.write()), Some(labels));
        assert_eq!(PodLabels::read(&StringMap::new()), None);

        let note = ContainerNote {
            hash: "a1".to_owned(),
            restart_count: 3,
            termination_message_path: "/dev/termination-log".to_owned(),
            termination_message_policy: "File".to_owned(),
            grace_period_seconds: Some(30),
        };
        assert_eq!(ContainerNote::read(&note.write()), note);
    }
}
