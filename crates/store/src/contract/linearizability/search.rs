//! The search for an order.

use std::collections::HashSet;
use std::fmt;

use super::model::{Held, State, Step};
use super::partition::{Part, Timed};

/// More than so many tries say that the history is too entangled to be judged.
const MAX_TRIES: usize = 500_000;

/// There is no order.
#[derive(Clone, Debug)]
pub struct Stuck {
    message: String,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Which operations have their place in the order.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Placed(Vec<u64>);

impl Placed {
    fn contains(&self, operation: usize) -> bool {
        self.0[operation / 64] >> (operation % 64) & 1 == 1
    }

    fn with(&self, operation: usize) -> Self {
        let mut more = self.clone();
        more.0[operation / 64] |= 1 << (operation % 64);
        more
    }
}

/// A beginning of an order, and how it may go on.
struct Node {
    state: State,
    placed: Placed,
    /// What may come next, the best guess last.
    next: Vec<usize>,
    /// How many answered operations are in it.
    answered: usize,
}

/// Finds an order of the operations of a part.
pub(super) fn search(part: &Part<'_>) -> Result<(), Stuck> {
    let order = Order::new(&part.operations);
    let goal = order.by_end.len();
    let placed = Placed(vec![0; part.operations.len().div_ceil(64)]);
    let mut path = vec![order.node(part.initial.clone(), placed, 0)];
    let mut tried = HashSet::new();
    let mut furthest: (usize, Option<(State, Vec<usize>)>) = (0, None);
    while let Some(node) = path.last_mut() {
        if node.answered == goal {
            return Ok(());
        }
        if furthest.1.is_none() || node.answered > furthest.0 {
            furthest = (node.answered, Some((node.state.clone(), node.next.clone())));
        }
        let Some(operation) = node.next.pop() else {
            path.pop();
            continue;
        };
        let timed = &part.operations[operation];
        let Some(state) = timed.step.apply(&node.state) else {
            continue;
        };
        let placed = node.placed.with(operation);
        if !tried.insert((placed.clone(), state.clone())) {
            continue;
        }
        if tried.len() > MAX_TRIES {
            let message = format!("no answer after {MAX_TRIES} tries: the history is too entangled");
            return Err(Stuck { message });
        }
        let answered = node.answered + usize::from(timed.ended.is_some());
        let next = order.node(state, placed, answered);
        path.push(next);
    }
    Err(stuck(part, goal, furthest.0, furthest.1))
}

/// The operations in the order of time.
struct Order<'a> {
    operations: &'a [Timed<'a>],
    by_begin: Vec<usize>,
    /// Those that were answered.
    by_end: Vec<usize>,
}

impl<'a> Order<'a> {
    fn new(operations: &'a [Timed<'a>]) -> Self {
        let mut by_begin: Vec<usize> = (0..operations.len()).collect();
        by_begin.sort_by_key(|&operation| operations[operation].begun);
        let answered = by_begin.iter().copied();
        let mut by_end: Vec<usize> = answered
            .filter(|&operation| operations[operation].ended.is_some())
            .collect();
        by_end.sort_by_key(|&operation| operations[operation].ended);
        Self {
            operations,
            by_begin,
            by_end,
        }
    }

    /// What may come next: all that began before the first answer that is still to be placed.
    fn node(&self, state: State, placed: Placed, answered: usize) -> Node {
        let first_end = self.by_end.iter().find(|&&operation| !placed.contains(operation));
        let horizon = first_end.and_then(|&operation| self.operations[operation].ended);
        let candidates = self.by_begin.iter().copied();
        let mut next: Vec<usize> = candidates
            .take_while(|&operation| {
                horizon.is_some_and(|horizon| self.operations[operation].begun < horizon)
            })
            .filter(|&operation| !placed.contains(operation))
            .collect();
        // Answers name revisions, and in most histories those are the order: changes first, then what has seen them.
        next.sort_by_key(|&operation| {
            let timed = &self.operations[operation];
            let is_read = !matches!(timed.step, Step::Changed { .. });
            std::cmp::Reverse((timed.revision, is_read, timed.ended.unwrap_or(u64::MAX)))
        });
        Node {
            state,
            placed,
            next,
            answered,
        }
    }
}

fn stuck(part: &Part<'_>, goal: usize, reached: usize, place: Option<(State, Vec<usize>)>) -> Stuck {
    let mut message = format!("no order explains the answers: {reached} of {goal} can be explained at most");
    if let Some((state, candidates)) = place {
        let held = part.keys.iter().zip(&state);
        message += &format!("\nthen the store holds {}", describe(held));
        for operation in candidates {
            let operation = part.operations[operation].recorded;
            message += &format!("\nand this cannot come next: {operation:?}");
        }
    }
    Stuck { message }
}

fn describe<'a>(held: impl Iterator<Item = (&'a crate::Key, &'a Option<Held>)>) -> String {
    let held = held.map(|(key, held)| match held {
        Some(held) => format!("{key}={}@{}", held.value.escape_ascii(), held.mod_revision),
        None => format!("no {key}"),
    });
    held.collect::<Vec<_>>().join(", ")
}
