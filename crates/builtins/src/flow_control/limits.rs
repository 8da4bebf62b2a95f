//! How many seats each priority level has, as its configuration and those of all others say.

use serde::Deserialize;

/// What a priority level is configured as (the `spec` of a PriorityLevelConfiguration).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LevelSpec {
    #[serde(rename = "type")]
    kind: String,
    limited: Limited,
    exempt: Shares,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Limited {
    #[serde(flatten)]
    shares: Shares,
    borrowing_limit_percent: Option<u32>,
    limit_response: LimitResponse,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Shares {
    nominal_concurrency_shares: Option<u32>,
    lendable_percent: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct LimitResponse {
    queuing: Option<Queuing>,
}

/// The queues behind the seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Queuing {
    /// How many there are.
    pub(super) queues: u32,
    /// How many of them a flow may use.
    pub(super) hand_size: u32,
    /// How many requests wait in one.
    pub(super) queue_length_limit: u32,
}

impl Default for Queuing {
    fn default() -> Self {
        Self {
            queues: 64,
            hand_size: 8,
            queue_length_limit: 50,
        }
    }
}

/// Seats of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Its share of all there are.
    pub(super) nominal: u32,
    /// What it does not lend to others.
    pub(super) lower: u32,
    /// What it has at most, with what it borrows.
    pub(super) upper: u32,
}

impl Limits {
    /// What others may borrow.
    pub(super) fn lendable(self) -> u32 {
        self.nominal - self.lower
    }
}

/// Shares where a configuration has none.
const DEFAULT_SHARES: u32 = 30;

impl LevelSpec {
    /// Whether its requests are never held up.
    pub(super) fn is_exempt(&self) -> bool {
        self.kind == "Exempt"
    }

    /// The queues, where requests wait at all.
    pub(super) fn queuing(&self) -> Option<Queuing> {
        self.limited.limit_response.queuing
    }

    fn shares(&self) -> (u32, u32) {
        let (shares, default) = match self.is_exempt() {
            true => (&self.exempt, 0),
            false => (&self.limited.shares, DEFAULT_SHARES),
        };
        (
            shares.nominal_concurrency_shares.unwrap_or(default),
            shares.lendable_percent.unwrap_or(0),
        )
    }
}

/// The limits of levels among which `total` seats are divided, in their order.
pub(super) fn limits(total: u32, specs: &[&LevelSpec]) -> Vec<Limits> {
    let sum: u64 = specs.iter().map(|spec| u64::from(spec.shares().0)).sum();
    let of = |spec: &&LevelSpec| {
        let (shares, lendable_percent) = spec.shares();
        let nominal = (u64::from(total) * u64::from(shares)).div_ceil(sum.max(1));
        let nominal = u32::try_from(nominal).unwrap_or(u32::MAX);
        let borrowed = match spec.limited.borrowing_limit_percent {
            Some(percent) if !spec.is_exempt() => part(nominal, percent),
            _ => total,
        };
        Limits {
            nominal,
            lower: nominal - part(nominal, lendable_percent).min(nominal),
            upper: nominal.saturating_add(borrowed),
        }
    };
    specs.iter().map(of).collect()
}

/// So many percent, halves up.
fn part(of: u32, percent: u32) -> u32 {
    let part = (u64::from(of) * u64::from(percent) + 50) / 100;
    u32::try_from(part).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn limited(shares: u32, lendable: u32, borrowing: Option<u32>) -> LevelSpec {
        let spec = json!({"type": "Limited", "limited": {
            "nominalConcurrencyShares": shares, "lendablePercent": lendable, "borrowingLimitPercent": borrowing,
            "limitResponse": {"type": "Queue", "queuing": {"queues": 128, "handSize": 6}},
        }});
        LevelSpec::deserialize(spec).expect("a spec")
    }

    #[test]
    fn seats_are_divided_as_upstream_divides_them() {
        let exempt =
            json!({"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}});
        let exempt = LevelSpec::deserialize(exempt).expect("a spec");
        // What upstream's bootstrap objects say, and its metrics of them with 600 seats in all.
        let table = [
            (exempt, (0, 0, 600)),
            (limited(5, 0, None), (13, 13, 613)),
            (limited(20, 50, None), (49, 24, 649)),
            (limited(10, 0, None), (25, 25, 625)),
            (limited(40, 25, None), (98, 73, 698)),
            (limited(30, 33, None), (74, 50, 674)),
            (limited(40, 50, None), (98, 49, 698)),
            (limited(100, 90, None), (245, 24, 845)),
        ];
        let specs: Vec<&LevelSpec> = table.iter().map(|(spec, _)| spec).collect();
        let found: Vec<_> = limits(600, &specs)
            .iter()
            .map(|limits| (limits.nominal, limits.lower, limits.upper))
            .collect();
        let expected: Vec<_> = table.iter().map(|(_, expected)| *expected).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_level_may_be_kept_from_borrowing() {
        let (some, none) = (limited(30, 100, Some(50)), limited(30, 0, Some(0)));
        let found = limits(35, &[&some, &none]);
        assert_eq!((found[0].lower, found[0].nominal, found[0].upper), (0, 18, 27));
        assert_eq!((found[1].lower, found[1].nominal, found[1].upper), (18, 18, 18));
        assert_eq!(limits(35, &[&limited(0, 0, None)])[0].nominal, 0);
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let spec = LevelSpec::deserialize(
            json!({"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}}),
        );
        let spec = spec.expect("a spec");
        assert_eq!(
            (spec.shares(), spec.queuing(), spec.is_exempt()),
            ((30, 0), None, false)
        );
        assert_eq!(
            limited(1, 0, None).queuing().map(|q| q.queue_length_limit),
            Some(50)
        );
    }
}
