//! Volumes by claim, as far as they lie on this node: paths of the node, and local volumes.

use std::path::Path;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use super::host_path;
use super::mounted::MountedVolume;
use super::ownership::Ownership;
use super::setup::{Made, Setup};

/// The annotation of a volume whose users must be in a group.
const GROUP_ANNOTATION: &str = "pv.beta.kubernetes.io/gid";

/// Finds the volume a claim is bound to. `owner`: the pod the claim must have been made for.
pub async fn make(
    setup: Setup<'_>,
    name: &str,
    read_only: bool,
    owner: Option<&str>,
) -> Result<Made, String> {
    let namespace = setup.pod.namespace();
    let wrong = |problem: String| format!("error processing PVC {namespace}/{name}: {problem}");
    let claim = setup.objects.claim(namespace, name).await;
    let claim = claim.map_err(|error| wrong(format!("failed to fetch PVC from API server: {error}")))?;
    if let Some(owner) = owner
        && !is_owned_by(&claim, owner)
    {
        return Err(format!(
            "PVC {namespace}/{name} was not created for pod {namespace}/{} (pod is not owner)",
            setup.pod.name()
        ));
    }
    let volume_name = bound_to(&claim).map_err(wrong)?;
    let volume = setup.objects.persistent_volume(volume_name).await;
    let volume = volume.map_err(|error| {
        wrong(format!(
            "failed to fetch PV {volume_name:?} from API server: {error}"
        ))
    })?;
    let path = path(&volume)?;
    // Whole trees are changed only while no container of the pod could turn them into something else.
    if is_local(&volume) && !read_only && setup.is_first {
        let (ownership, at) = (Ownership::of(setup.pod, false), path.clone());
        let only_if_needed = only_on_mismatch(setup);
        let applied = tokio::task::spawn_blocking(move || match only_if_needed && ownership.holds(&at)? {
            true => Ok(()),
            false => ownership.apply(&at),
        });
        let applied: std::io::Result<()> = applied.await.map_err(|error| error.to_string())?;
        applied.map_err(|error| error.to_string())?;
    }
    let annotations = volume.metadata.annotations.as_ref();
    let group = annotations.and_then(|annotations| annotations.get(GROUP_ANNOTATION)?.parse().ok());
    Ok(Made {
        volume: MountedVolume { path, read_only },
        group,
    })
}

fn is_local(volume: &PersistentVolume) -> bool {
    volume.spec.as_ref().is_some_and(|spec| spec.local.is_some())
}

fn only_on_mismatch(setup: Setup<'_>) -> bool {
    let context = setup.pod.spec().security_context.as_ref();
    context.and_then(|context| context.fs_group_change_policy.as_deref()) == Some("OnRootMismatch")
}

fn is_owned_by(claim: &PersistentVolumeClaim, uid: &str) -> bool {
    let mut owners = claim.metadata.owner_references.iter().flatten();
    owners.any(|owner| owner.uid == uid && owner.controller == Some(true))
}

fn bound_to(claim: &PersistentVolumeClaim) -> Result<&str, String> {
    if claim.metadata.deletion_timestamp.is_some() {
        return Err("PVC is being deleted".to_owned());
    }
    let spec = claim.spec.as_ref();
    let volume = spec
        .and_then(|spec| spec.volume_name.as_deref())
        .unwrap_or_default();
    let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
    match volume {
        "" => Err("PVC is not bound".to_owned()),
        _ if phase != Some("Bound") => Err("PVC is not bound".to_owned()),
        _ if is_block(spec.and_then(|spec| spec.volume_mode.as_deref())) => {
            Err("volumes of the mode Block are not supported by this node".to_owned())
        }
        volume => Ok(volume),
    }
}

fn is_block(mode: Option<&str>) -> bool {
    mode == Some("Block")
}

fn path(volume: &PersistentVolume) -> Result<std::path::PathBuf, String> {
    let spec = volume.spec.as_ref().ok_or("the volume has no specification")?;
    if let Some(source) = &spec.host_path {
        return host_path::make(&source.path, source.type_.as_deref());
    }
    if let Some(source) = &spec.local {
        let path = Path::new(&source.path);
        return match path.is_dir() {
            true => Ok(path.to_owned()),
            false => Err(format!("path {:?} does not exist", source.path)),
        };
    }
    let name = volume.metadata.name.as_deref().unwrap_or_default();
    Err(format!(
        "the PersistentVolume {name:?} is of a type that is not supported by this node: only hostPath and local are"
    ))
}
