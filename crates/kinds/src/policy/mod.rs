//! The group of policies.

pub mod pod_disruption_budget;
