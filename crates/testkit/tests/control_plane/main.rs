//! A control plane without nodes, as a user of kubectl sees it.

mod aggregation;
mod backups;
mod bad_input;
mod commands;
mod components;
mod controllers;
mod custom_resources;
mod damage;
mod etcd;
mod etcd_face;
mod fake_kubelet;
mod history;
mod objects;
mod ownership;
mod placement;
mod start;
mod streams;
mod webhooks;
mod workloads;
