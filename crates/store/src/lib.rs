//! The state store port: trait, revisions, events, the contract suite and the in-memory reference model.
