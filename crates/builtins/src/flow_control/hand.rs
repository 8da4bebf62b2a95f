//! Which queues a flow may use: a few of many, drawn by what the flow is. That two flows have all of theirs in common is unlikely,
//! so a flow that fills its queues leaves others room (shuffle sharding).

use super::limits::Queuing;

/// The queues of a flow, by its hash: as many different ones as a hand has.
pub(super) fn hand(flow: u64, queuing: Queuing) -> Vec<u32> {
    let mut rest = flow;
    let mut dealt: Vec<u32> = Vec::new();
    for place in 0..queuing.hand_size.min(queuing.queues) {
        let left = u64::from(queuing.queues - place);
        // Smaller than a number of queues.
        let mut card = u32::try_from(rest % left).unwrap_or_default();
        rest /= left;
        // The card's place among those that are left is its number once those that are dealt are passed over.
        let mut at = 0;
        while at < dealt.len() && card >= dealt[at] {
            card += 1;
            at += 1;
        }
        dealt.insert(at, card);
    }
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(queues: u32, hand_size: u32) -> Queuing {
        Queuing {
            queues,
            hand_size,
            queue_length_limit: 1,
        }
    }

    #[test]
    fn hands_are_of_different_queues() {
        for (flow, queues, hand_size, expected) in [
            (0, 4, 2, &[0, 1][..]),
            (3, 4, 1, &[3]),
            (1 + 4, 4, 2, &[1, 2]),
            (1, 4, 2, &[0, 1]),
            (u64::MAX, 1, 1, &[0]),
            (7, 3, 3, &[0, 1, 2]),
            (7, 2, 9, &[0, 1]),
        ] {
            assert_eq!(
                hand(flow, of(queues, hand_size)),
                expected,
                "{flow} {queues} {hand_size}"
            );
        }
    }

    #[test]
    fn hands_are_spread() {
        let mut uses = [0_u32; 16];
        let flows = (0..4_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for queue in flows.flat_map(|flow| hand(flow, of(16, 4))) {
            uses[queue as usize] += 1;
        }
        assert!(
            uses.iter().all(|&count| (800..1_200).contains(&count)),
            "{uses:?}"
        );
    }
}
