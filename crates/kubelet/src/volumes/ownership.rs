//! Whom the files of a volume belong to.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;

use crate::pod::PodToRun;

const READ: u32 = 0o440;
const READ_AND_WRITE: u32 = 0o660;
const ENTER: u32 = 0o110;
/// What is made in such a folder belongs to the folder's group.
const SET_GROUP: u32 = 0o2000;

/// The group a pod's volumes belong to, if it names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    group: Option<u32>,
    mask: u32,
}

impl Ownership {
    /// `read_only`: whether the pod cannot write to the volume.
    pub fn of(pod: &PodToRun, read_only: bool) -> Self {
        let context = pod.spec().security_context.as_ref();
        Self {
            group: context
                .and_then(|context| context.fs_group)
                .and_then(|group| u32::try_from(group).ok()),
            mask: if read_only { READ } else { READ_AND_WRITE },
        }
    }

    /// Gives a folder and all in it to the group.
    pub fn apply(self, path: &Path) -> io::Result<()> {
        if self.group.is_none() {
            return Ok(());
        }
        self.apply_to(path)?;
        if !fs::symlink_metadata(path)?.is_dir() {
            return Ok(());
        }
        for entry in fs::read_dir(path)? {
            self.apply(&entry?.path())?;
        }
        Ok(())
    }

    /// Whether a file belongs to the group, if there is one.
    pub fn is_owner(self, path: &Path) -> io::Result<bool> {
        match self.group {
            Some(group) => Ok(fs::symlink_metadata(path)?.gid() == group),
            None => Ok(true),
        }
    }

    /// Whether a folder is the group's already.
    pub fn holds(self, folder: &Path) -> io::Result<bool> {
        let Some(group) = self.group else { return Ok(true) };
        let metadata = fs::symlink_metadata(folder)?;
        let mask = self.mask | ENTER | SET_GROUP;
        Ok(metadata.gid() == group && metadata.mode() & mask == mask)
    }

    /// Gives one file to the group.
    pub fn apply_to(self, path: &Path) -> io::Result<()> {
        let Some(group) = self.group else { return Ok(()) };
        let metadata = fs::symlink_metadata(path)?;
        if metadata.gid() != group {
            lchown(path, None, Some(group))?;
        }
        if metadata.is_symlink() {
            return Ok(());
        }
        let mask = match metadata.is_dir() {
            true => self.mask | ENTER | SET_GROUP,
            false => self.mask,
        };
        fs::set_permissions(path, fs::Permissions::from_mode(metadata.mode() & 0o7777 | mask))
    }
}

/// The user all containers run as; none if they differ, or if one does not say.
pub fn common_user(pod: &PodToRun) -> Option<i64> {
    let of_pod = pod
        .spec()
        .security_context
        .as_ref()
        .and_then(|context| context.run_as_user);
    let mut users = pod.members().iter().map(|member| {
        let context = member.container.security_context.as_ref();
        context.and_then(|context| context.run_as_user).or(of_pod)
    });
    let first = users.next()??;
    users.all(|user| user == Some(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn pod(spec: Value) -> PodToRun {
        let object = json!({ "metadata": {}, "spec": spec });
        PodToRun::new(Arc::new(serde_json::from_value(object).unwrap()))
    }

    #[test]
    fn one_user_for_all() {
        let user = |context: Value, containers: Value| {
            common_user(&pod(
                json!({ "securityContext": context, "containers": containers }),
            ))
        };
        let with = |user: i64| json!({ "name": "c", "securityContext": { "runAsUser": user } });
        assert_eq!(user(json!({}), json!([{ "name": "c" }])), None);
        assert_eq!(user(json!({ "runAsUser": 5 }), json!([{ "name": "c" }])), Some(5));
        assert_eq!(user(json!({}), json!([with(6), with(6)])), Some(6));
        assert_eq!(
            user(json!({ "runAsUser": 5 }), json!([{ "name": "c" }, with(6)])),
            None
        );
        assert_eq!(user(json!({}), json!([with(6), { "name": "c" }])), None);
    }

    #[test]
    fn the_group_may_use_what_is_its() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/f");
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("link")).unwrap();
        // The group of this process' own files, so that the test needs no privilege.
        let group = fs::metadata(&file).unwrap().gid();
        let pod = pod(json!({ "securityContext": { "fsGroup": group }, "containers": [] }));
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        Ownership::of(&pod, true).apply(folder.path()).unwrap();
        assert_eq!(mode(&file), 0o640);
        let writable = Ownership::of(&pod, false);
        assert!(!writable.holds(folder.path()).unwrap());
        writable.apply(folder.path()).unwrap();
        assert!(writable.holds(folder.path()).unwrap());
        assert_eq!(mode(&file), 0o660);
        assert_eq!(mode(file.parent().unwrap()) & 0o2770, 0o2770);
    }
}
