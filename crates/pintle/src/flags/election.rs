//! The flags with which components elect a leader. The controllers and the scheduler have the same.

use super::{Served, Value};
use crate::settings::ElectionSettings;

/// Settings with an election.
pub trait Elects {
    /// The election.
    fn election(&mut self) -> &mut ElectionSettings;
}

/// The flags.
pub const fn flags<S: Elects>() -> &'static [Served<S>] {
    &[
        ("leader-elect", |s, v| {
            s.election().enabled = v.bool();
            Ok(())
        }),
        ("leader-elect-lease-duration", |s, v| {
            s.election().lease_duration = v.duration();
            Ok(())
        }),
        ("leader-elect-renew-deadline", |s, v| {
            s.election().renew_deadline = v.duration();
            Ok(())
        }),
        ("leader-elect-retry-period", |s, v| {
            s.election().retry_period = v.duration();
            Ok(())
        }),
        ("leader-elect-resource-lock", |_, v| only_leases(v)),
        ("leader-elect-resource-name", |s, v| {
            s.election().name = v.text().to_owned();
            Ok(())
        }),
        ("leader-elect-resource-namespace", |s, v| {
            s.election().namespace = v.text().to_owned();
            Ok(())
        }),
    ]
}

fn only_leases(value: &Value<'_>) -> Result<(), String> {
    match value.text() {
        "leases" => Ok(()),
        _ => Err(String::from("the only lock there is, is \"leases\"")),
    }
}

/// The times must leave the leader room to renew; said in upstream's words.
pub fn check(election: &ElectionSettings) -> Result<(), String> {
    if election.lease_duration <= election.renew_deadline {
        Err(String::from("leaseDuration must be greater than renewDeadline"))
    } else if election.renew_deadline <= election.retry_period {
        Err(String::from("renewDeadline must be greater than retryPeriod"))
    } else if election.retry_period.is_zero() {
        Err(String::from("retryPeriod must be greater than zero"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_times_leave_room_to_renew() {
        for (lease, deadline, retry, is_good) in [
            (15, 10, 2, true),
            (10, 10, 2, false),
            (15, 2, 2, false),
            (15, 10, 0, false),
        ] {
            let election = ElectionSettings {
                lease_duration: Duration::from_secs(lease),
                renew_deadline: Duration::from_secs(deadline),
                retry_period: Duration::from_secs(retry),
                ..ElectionSettings::of("x")
            };
            assert_eq!(check(&election).is_ok(), is_good, "{lease} {deadline} {retry}");
        }
    }
}
