//! Nodes on which CPU and memory are used to the same degree are preferred.

use crate::framework::{Cycle, MAX_SCORE, Score};
use crate::node::NodeInfo;

pub(crate) struct BalancedAllocation;

impl Score for BalancedAllocation {
    fn weight(&self) -> i64 {
        1
    }

    fn scores(&self, cycle: Cycle<'_>, fitting: &[&NodeInfo]) -> Option<Vec<i64>> {
        let wanted = &cycle.pod.requests;
        // A pod that asks for nothing balances nothing.
        if wanted.milli_cpu == 0 && wanted.memory == 0 {
            return None;
        }
        let score = |node: &&NodeInfo| {
            let (used, there) = (&node.requested, &node.allocatable);
            let cpu = fraction(used.milli_cpu + wanted.milli_cpu, there.milli_cpu);
            let memory = fraction(used.memory + wanted.memory, there.memory);
            // Of two values, the standard deviation is half their distance.
            let deviation = (cpu - memory).abs() / 2.0;
            ((1.0 - deviation) * MAX_SCORE as f64) as i64
        };
        Some(fitting.iter().map(score).collect())
    }
}

fn fraction(used: i64, there: i64) -> f64 {
    if there == 0 {
        1.0
    } else {
        (used as f64 / there as f64).min(1.0)
    }
}
