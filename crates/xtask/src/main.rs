//! Development chores: generate tables, check the structure.

fn main() {}
