//! Pods of manifest files: a folder is followed, each file in it is a pod.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use inotify::{Inotify, WatchMask};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{PodSink, manifest};

/// A file beyond this is no manifest; the API takes no larger objects either.
const MAX_FILE_BYTES: u64 = 3 << 20;
/// The pause before a folder that vanished is made and followed anew.
const RETRY: Duration = Duration::from_secs(2);

/// A folder of manifests and the node they are for.
#[derive(Clone, Debug)]
pub struct StaticPods {
    /// The folder; made if missing.
    pub folder: PathBuf,
    /// The node's name.
    pub node_name: String,
}

/// Follows the folder until the token fires. `synced` is set once what was there at the start is known.
pub async fn follow_files(
    pods: StaticPods,
    sink: Arc<dyn PodSink>,
    synced: watch::Sender<bool>,
    shutdown: CancellationToken,
) {
    let mut folder = Folder {
        pods,
        sink,
        known: BTreeMap::new(),
    };
    let follow = async {
        loop {
            if let Err(error) = folder.follow(&synced).await {
                tracing::error!(folder = %folder.pods.folder.display(), %error, "manifests cannot be followed");
                // Who waits for all pods to be known must not wait for a disk that is broken.
                synced.send_replace(true);
            }
            tokio::time::sleep(RETRY).await;
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = follow => {}
    }
}

struct Folder {
    pods: StaticPods,
    sink: Arc<dyn PodSink>,
    known: BTreeMap<PathBuf, Known>,
}

/// A file as it was last read.
struct Known {
    text: Vec<u8>,
    /// None if the text is no pod.
    pod: Option<Arc<Pod>>,
}

impl Folder {
    /// Reads the folder, and again after each change, until the folder is gone.
    async fn follow(&mut self, synced: &watch::Sender<bool>) -> io::Result<()> {
        let folder = self.pods.folder.clone();
        std::fs::create_dir_all(&folder)?;
        let inotify = Inotify::init()?;
        let changes = WatchMask::CLOSE_WRITE
            | WatchMask::MOVED_TO
            | WatchMask::MOVED_FROM
            | WatchMask::DELETE
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR;
        inotify.watches().add(&folder, changes)?;
        let mut events = inotify.into_event_stream([0; 4096])?;
        loop {
            self.read()?;
            synced.send_replace(true);
            if events.next().await.transpose()?.is_none() || !folder.is_dir() {
                return Ok(());
            }
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let files = manifests(&self.pods.folder)?;
        let gone: Vec<PathBuf> = self
            .known
            .keys()
            .filter(|path| !files.contains(path))
            .cloned()
            .collect();
        for path in gone {
            if let Some(Known { pod: Some(pod), .. }) = self.known.remove(&path) {
                self.sink.gone(&pod);
            }
        }
        for path in files {
            match read_file(&path) {
                Ok(text) => self.take(path, text),
                // It may have gone in between; the event of that comes.
                Err(error) => tracing::warn!(path = %path.display(), %error, "manifest cannot be read"),
            }
        }
        Ok(())
    }

    fn take(&mut self, path: PathBuf, text: Vec<u8>) {
        if self.known.get(&path).is_some_and(|known| known.text == text) {
            return;
        }
        let before = self.known.remove(&path).and_then(|known| known.pod);
        let pod = match manifest::read(&self.pods.node_name, &path, &text, Timestamp::now()) {
            Ok(pod) => Some(Arc::new(pod)),
            Err(error) => {
                // What ran so far goes on: half a file is no wish to end a pod.
                tracing::error!(path = %path.display(), %error, "manifest is not taken");
                before.clone()
            }
        };
        if let Some(before) = &before
            && pod
                .as_ref()
                .is_some_and(|pod| pod.metadata.uid != before.metadata.uid)
        {
            self.sink.gone(before);
        }
        if let Some(pod) = &pod {
            self.sink.set(pod.clone());
        }
        self.known.insert(path, Known { text, pod });
    }
}

/// The files of a folder, in order of name. Names that begin with a dot are not read: editors write such.
fn manifests(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."))
        })
        .collect();
    paths.sort();
    Ok(paths)
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    if path.metadata()?.len() > MAX_FILE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    std::fs::read(path)
}

#[cfg(test)]
pub mod tests {
    use parking_lot::Mutex;
    use tokio::time::timeout;

    use super::*;

    /// Notes what it is told.
    #[derive(Default)]
    pub struct Recorder {
        notes: Mutex<Vec<String>>,
        changed: tokio::sync::Notify,
    }

    impl Recorder {
        fn note(&self, note: String) {
            self.notes.lock().push(note);
            self.changed.notify_one();
        }

        pub fn take(&self) -> Vec<String> {
            std::mem::take(&mut self.notes.lock())
        }

        async fn next(&self) -> Vec<String> {
            loop {
                let notes = self.take();
                if !notes.is_empty() {
                    return notes;
                }
                timeout(Duration::from_secs(20), self.changed.notified())
                    .await
                    .unwrap();
            }
        }
    }

    fn words(verb: &str, pod: &Pod) -> String {
        let name = pod.metadata.name.clone().unwrap();
        let uid = pod.metadata.uid.clone().unwrap();
        format!("{verb} {name} {}", &uid[..uid.len().min(4)])
    }

    impl PodSink for Recorder {
        fn set(&self, pod: Arc<Pod>) {
            self.note(words("set", &pod));
        }

        fn gone(&self, pod: &Pod) {
            self.note(words("gone", pod));
        }

        fn mirror_changed(&self, namespace: &str, name: &str) {
            self.note(format!("mirror {namespace}/{name}"));
        }
    }

    fn write(folder: &Path, name: &str, image: &str) {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, uid: {image}}}\nspec: {{containers: [{{name: c, image: {image}}}]}}\n"
        );
        std::fs::write(folder.join(name), text).unwrap();
    }

    #[tokio::test]
    async fn files_are_pods_as_they_come_change_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let manifests = folder.path().join("manifests");
        std::fs::create_dir(&manifests).unwrap();
        write(&manifests, "a.yaml", "aaaa");
        write(&manifests, ".hidden.yaml", "hhhh");
        let recorder = Arc::new(Recorder::default());
        let shutdown = CancellationToken::new();
        let (synced, mut is_synced) = watch::channel(false);
        let pods = StaticPods {
            folder: manifests.clone(),
            node_name: "n".to_owned(),
        };
        let task = tokio::spawn(follow_files(pods, recorder.clone(), synced, shutdown.clone()));
        is_synced.wait_for(|synced| *synced).await.unwrap();
        assert_eq!(recorder.take(), ["set web-n aaaa"]);

        write(&manifests, "b.yaml", "bbbb");
        assert_eq!(recorder.next().await, ["set web-n bbbb"]);
        write(&manifests, ".new", "cccc");
        std::fs::rename(manifests.join(".new"), manifests.join("a.yaml")).unwrap();
        assert_eq!(recorder.next().await, ["gone web-n aaaa", "set web-n cccc"]);
        std::fs::remove_file(manifests.join("b.yaml")).unwrap();
        assert_eq!(recorder.next().await, ["gone web-n bbbb"]);

        shutdown.cancel();
        task.await.unwrap();
    }

    #[test]
    fn a_broken_file_does_not_end_what_runs() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Arc::new(Recorder::default());
        let mut files = Folder {
            pods: StaticPods {
                folder: folder.path().to_owned(),
                node_name: "n".to_owned(),
            },
            sink: recorder.clone(),
            known: BTreeMap::new(),
        };
        write(folder.path(), "a.yaml", "aaaa");
        files.read().unwrap();
        std::fs::write(folder.path().join("a.yaml"), "kind: [").unwrap();
        files.read().unwrap();
        files.read().unwrap();
        assert_eq!(recorder.take(), ["set web-n aaaa", "set web-n aaaa"]);
        std::fs::remove_file(folder.path().join("a.yaml")).unwrap();
        files.read().unwrap();
        assert_eq!(recorder.take(), ["gone web-n aaaa"]);
    }
}
