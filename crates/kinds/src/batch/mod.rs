//! The group of batch work.

pub mod cron_job;
pub mod job;
pub mod schedule;
