//! The pods' network: bridge, cables, routes, rules, those of Services too.

use network::{DEFAULT_BRIDGE, Traces};

use super::Place;

/// Removes it, if the data directory's node had one. Gives what could not be removed.
pub(super) async fn remove(place: &Place) -> Vec<String> {
    let traces = traces(place);
    if !traces.state_dir.exists() {
        // Then what there is, is another's.
        return Vec::new();
    }
    let mut left = Vec::new();
    if let Err(error) = network::cleanup(&traces).await {
        left.push(format!(
            "the pods' network is not all gone: {}",
            client::controller::Chain(&error)
        ));
    }
    if let Err(error) = proxy::cleanup().await {
        left.push(format!(
            "the rules of Services are still there: {}",
            client::controller::Chain(&error)
        ));
    }
    left
}

fn traces(place: &Place) -> Traces {
    Traces {
        bridge: DEFAULT_BRIDGE.to_owned(),
        cni_conf_dir: place.agent.join("cni/net.d"),
        cni_bin_dir: place.agent.join("cni/bin"),
        state_dir: place.agent.join("network"),
        nft: linux::Nft::default(),
    }
}
