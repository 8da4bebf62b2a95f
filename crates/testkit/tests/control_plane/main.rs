//! A control plane without nodes, as a user of kubectl sees it.

mod bad_input;
mod commands;
mod components;
mod controllers;
mod objects;
mod ownership;
mod start;
mod workloads;
