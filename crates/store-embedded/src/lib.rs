//! The default state store: durable multi-version store on one disk.
