//! The built-in kinds: a folder per API group, a room per kind.
