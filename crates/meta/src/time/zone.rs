//! Time zones by the names of the IANA database, which is compiled in: the same on every machine, also on one without
//! `/usr/share/zoneinfo`, as upstream's components carry theirs.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of that name, written exactly as the database writes it: `Europe/Berlin`, `UTC`.
pub fn zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    // The library forgives other capitals, Kubernetes does not.
    let zone = ZONES.get(name).ok()?;
    (zone.iana_name() == Some(name)).then_some(zone)
}

#[cfg(test)]
mod tests {
    use super::zone;

    #[test]
    fn zones_are_known_by_their_exact_names() {
        for name in ["UTC", "Etc/UTC", "Europe/Berlin", "US/Pacific", "EST5EDT"] {
            assert!(zone(name).is_some(), "{name}");
        }
        for name in ["", "europe/berlin", "Mars/Base", "../UTC", "Local"] {
            assert!(zone(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_zone_knows_its_summer() {
        let berlin = zone("Europe/Berlin").expect("a zone");
        let hour = |time: &str| berlin.to_datetime(time.parse().expect("a time")).hour();
        assert_eq!(hour("2026-01-15T12:00:00Z"), 13);
        assert_eq!(hour("2026-07-15T12:00:00Z"), 14);
    }
}
