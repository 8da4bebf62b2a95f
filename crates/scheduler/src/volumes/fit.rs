//! Which volume of those there are a claim can have.

use std::sync::Arc;

use client::k8s_openapi::api::core::v1::{ObjectReference, PersistentVolume, PersistentVolumeClaim};
use meta::quantity::Quantity;

use crate::selector::labels_match;

const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// The class a claim asks for; none for no class.
pub(crate) fn class_of(claim: &PersistentVolumeClaim) -> Option<&str> {
    let annotations = claim.metadata.annotations.as_ref();
    let spec = claim.spec.as_ref();
    annotations
        .and_then(|all| all.get(CLASS))
        .or_else(|| spec.and_then(|spec| spec.storage_class_name.as_ref()))
        .map(String::as_str)
        .filter(|class| !class.is_empty())
}

fn class_of_volume(volume: &PersistentVolume) -> Option<&str> {
    let annotations = volume.metadata.annotations.as_ref();
    let spec = volume.spec.as_ref();
    annotations
        .and_then(|all| all.get(CLASS))
        .or_else(|| spec.and_then(|spec| spec.storage_class_name.as_ref()))
        .map(String::as_str)
        .filter(|class| !class.is_empty())
}

pub(crate) fn claim_of(volume: &PersistentVolume) -> Option<&ObjectReference> {
    volume.spec.as_ref()?.claim_ref.as_ref()
}

fn is_for(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    claim_of(volume).is_some_and(|reference| {
        let uid = reference.uid.as_deref().unwrap_or("");
        reference.name == claim.metadata.name
            && reference.namespace == claim.metadata.namespace
            && (uid.is_empty() || claim.metadata.uid.as_deref() == Some(uid))
    })
}

fn capacity(volume: &PersistentVolume) -> Quantity {
    let capacity = volume.spec.as_ref().and_then(|spec| spec.capacity.as_ref());
    let storage = capacity.and_then(|capacity| capacity.get("storage"));
    storage.and_then(|text| text.0.parse().ok()).unwrap_or_default()
}

fn asked(claim: &PersistentVolumeClaim) -> Quantity {
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    let storage = requests.and_then(|requests| requests.get("storage"));
    storage.and_then(|text| text.0.parse().ok()).unwrap_or_default()
}

/// Whether a volume is what the claim asks for.
fn fits(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let (Some(offer), Some(wish)) = (&volume.spec, &claim.spec) else {
        return false;
    };
    let mode = |mode: &Option<String>| mode.clone().unwrap_or_else(|| String::from("Filesystem"));
    let offered = offer.access_modes.as_deref().unwrap_or_default();
    let mut wanted = wish.access_modes.iter().flatten();
    let labels = volume.metadata.labels.clone().unwrap_or_default();
    volume.metadata.deletion_timestamp.is_none()
        && asked(claim) <= capacity(volume)
        && class_of(claim) == class_of_volume(volume)
        && mode(&offer.volume_mode) == mode(&wish.volume_mode)
        && wanted.all(|mode| offered.contains(mode))
        && (wish.selector.is_none() || labels_match(wish.selector.as_ref(), &labels))
}

/// The volume a claim is given of those that `may` be had: one that was made for it, or the smallest that is free and fits.
pub(crate) fn best(
    claim: &PersistentVolumeClaim,
    volumes: &[Arc<PersistentVolume>],
    may: impl Fn(&PersistentVolume) -> bool,
) -> Option<Arc<PersistentVolume>> {
    let candidates: Vec<_> = volumes
        .iter()
        .filter(|volume| fits(volume, claim) && may(volume))
        .collect();
    if let Some(made_for_it) = candidates.iter().find(|volume| is_for(volume, claim)) {
        return Some(Arc::clone(made_for_it));
    }
    let is_available = |volume: &PersistentVolume| {
        let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
        claim_of(volume).is_none() && phase == Some("Available")
    };
    candidates
        .into_iter()
        .filter(|volume| is_available(volume))
        .min_by(|a, b| {
            let size = capacity(a).cmp(&capacity(b));
            size.then_with(|| a.metadata.name.cmp(&b.metadata.name))
        })
        .cloned()
}
