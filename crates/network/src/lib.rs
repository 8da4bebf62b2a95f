//! Pod network of a node: the CNI plugin, addresses and routes between nodes.
