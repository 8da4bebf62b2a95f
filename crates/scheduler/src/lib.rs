//! Places pods: framework, plugins, queue, snapshot.
