//! Service proxy: Services and EndpointSlices to nftables.
