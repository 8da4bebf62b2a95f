//! Making and joining a cluster: data directory, certificates, tokens, bootstrap objects.
