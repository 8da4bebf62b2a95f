//! Nodes that have a pod's images already are preferred, more so the larger the images are.

use std::collections::HashMap;

use crate::framework::{Cycle, MAX_SCORE, Score};
use crate::node::NodeInfo;

pub(crate) struct ImageLocality;

/// Images that come to less than this, bytes, are not worth a preference.
const MIN_BYTES: i64 = 23 << 20;
/// Images of a container that come to more than this, bytes, count no further.
const MAX_BYTES_PER_CONTAINER: i64 = 1000 << 20;

impl Score for ImageLocality {
    fn weight(&self) -> i64 {
        1
    }

    fn scores(&self, cycle: Cycle<'_>, fitting: &[&NodeInfo]) -> Option<Vec<i64>> {
        let spec = cycle.pod.spec();
        let containers = || {
            spec.containers
                .iter()
                .chain(spec.init_containers.iter().flatten())
        };
        let wanted: Vec<String> = containers()
            .filter_map(|c| c.image.as_deref())
            .map(with_tag)
            .collect();
        let max = MAX_BYTES_PER_CONTAINER * spec.containers.len() as i64;
        let sizes: Vec<_> = cycle.nodes.iter().map(|node| image_sizes(node)).collect();
        let total = sizes.len().max(1) as i64;
        let spread = |image: &String| {
            sizes
                .iter()
                .filter(|images| images.contains_key(image.as_str()))
                .count() as i64
        };
        // An image that is on few nodes counts less, or all pods that use it would crowd there.
        let spreads: Vec<i64> = wanted.iter().map(spread).collect();
        let score = |node: &&NodeInfo| {
            let images = image_sizes(node);
            let here = wanted.iter().zip(&spreads);
            let bytes: i64 = here
                .filter_map(|(image, spread)| Some(images.get(image.as_str())? * spread / total))
                .sum();
            let bytes = bytes.clamp(MIN_BYTES, max.max(MIN_BYTES));
            MAX_SCORE * (bytes - MIN_BYTES) / (max - MIN_BYTES).max(1)
        };
        Some(fitting.iter().map(score).collect())
    }
}

fn image_sizes(node: &NodeInfo) -> HashMap<&str, i64> {
    let images = node
        .node
        .status
        .as_ref()
        .and_then(|status| status.images.as_deref())
        .unwrap_or_default();
    images
        .iter()
        .flat_map(|image| {
            let names = image.names.iter().flatten();
            names.map(|name| (name.as_str(), image.size_bytes.unwrap_or(0)))
        })
        .collect()
}

/// An image name without tag or digest means `latest`.
fn with_tag(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains(':') || last.contains('@') {
        image.to_owned()
    } else {
        format!("{image}:latest")
    }
}
