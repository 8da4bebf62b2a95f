//! Requests that wait for a seat, in queues that are served in turns.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::hand::hand;
use super::limits::Queuing;

/// The queues of a level. Each request counts as much as any other: a queue's turn comes as often as that of any other in which
/// something waits, however long it is.
#[derive(Debug)]
pub(super) struct Queues<W> {
    queuing: Queuing,
    /// Those in which something waits or whose turn is not over, by number.
    queues: BTreeMap<u32, Queue<W>>,
    /// Those in which something waits, by turn.
    turns: BTreeSet<(u64, u32)>,
    /// The turn of what was taken out last.
    turn: u64,
    next_place: u64,
}

#[derive(Debug)]
struct Queue<W> {
    /// When it is next.
    turn: u64,
    waiting: VecDeque<(u64, W)>,
}

/// Where something waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    queue: u32,
    number: u64,
}

impl<W> Queues<W> {
    /// Queues in which nothing waits.
    pub(super) fn new(queuing: Queuing) -> Self {
        Self {
            queuing,
            queues: BTreeMap::new(),
            turns: BTreeSet::new(),
            turn: 0,
            next_place: 0,
        }
    }

    /// Puts something at the end of the shortest queue of a flow; none if that is full.
    pub(super) fn push(&mut self, flow: u64, waiter: W) -> Option<Place> {
        let length = |number: &u32| self.queues.get(number).map_or(0, |queue| queue.waiting.len());
        let number = hand(flow, self.queuing).into_iter().min_by_key(length)?;
        if length(&number) >= self.queuing.queue_length_limit as usize {
            return None;
        }
        let turn = self.turn;
        let queue = self.queues.entry(number).or_insert_with(|| Queue {
            turn,
            waiting: VecDeque::new(),
        });
        if queue.waiting.is_empty() {
            queue.turn = queue.turn.max(turn);
            self.turns.insert((queue.turn, number));
        }
        let place = Place {
            queue: number,
            number: self.next_place,
        };
        self.next_place += 1;
        queue.waiting.push_back((place.number, waiter));
        Some(place)
    }

    /// Takes out what is next.
    pub(super) fn pop(&mut self) -> Option<W> {
        let (turn, number) = self.turns.pop_first()?;
        self.turn = turn;
        let queue = self.queues.get_mut(&number)?;
        let (_, waiter) = queue.waiting.pop_front()?;
        queue.turn = turn + 1;
        if !queue.waiting.is_empty() {
            self.turns.insert((queue.turn, number));
        }
        self.forget_past();
        Some(waiter)
    }

    /// Takes out what waits at a place; none if it was taken out already.
    pub(super) fn remove(&mut self, place: Place) -> Option<W> {
        let queue = self.queues.get_mut(&place.queue)?;
        let at = queue
            .waiting
            .iter()
            .position(|(number, _)| *number == place.number)?;
        let (_, waiter) = queue.waiting.remove(at)?;
        if queue.waiting.is_empty() {
            self.turns.remove(&(queue.turn, place.queue));
        }
        self.forget_past();
        Some(waiter)
    }

    /// Forgets all queues if nothing waits: who comes next is first anyway.
    fn forget_past(&mut self) {
        if self.turns.is_empty() {
            self.queues.clear();
            self.turn = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queues that flows have for themselves.
    fn queues(queue_length_limit: u32) -> Queues<&'static str> {
        Queues::new(Queuing {
            queues: 8,
            hand_size: 1,
            queue_length_limit,
        })
    }

    fn all(queues: &mut Queues<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queues.pop()).collect()
    }

    #[test]
    fn a_long_queue_is_served_as_often_as_a_short_one() {
        let mut queues = queues(5);
        for (flow, waiter) in [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1"), (3, "c1"), (2, "b2")] {
            assert!(queues.push(flow, waiter).is_some());
        }
        assert_eq!(queues.pop(), Some("a1"));
        // Who comes later does not come before those who wait for the same turn.
        queues.push(4, "d1");
        assert_eq!(all(&mut queues), ["b1", "c1", "d1", "a2", "b2", "a3"]);
    }

    #[test]
    fn a_full_queue_takes_no_more_and_others_do() {
        let mut queues = queues(1);
        assert!(queues.push(1, "a").is_some());
        assert_eq!(queues.push(1, "b"), None);
        assert!(queues.push(2, "c").is_some());
        assert_eq!(all(&mut queues), ["a", "c"]);
        assert!(queues.push(1, "b").is_some());
    }

    #[test]
    fn the_shortest_queue_of_a_hand_is_taken() {
        let mut queues = Queues::new(Queuing {
            queues: 2,
            hand_size: 2,
            queue_length_limit: 2,
        });
        assert_eq!((0..6).filter(|n| queues.push(0, *n).is_some()).count(), 4);
        assert_eq!(
            std::iter::from_fn(|| queues.pop()).collect::<Vec<_>>(),
            [0, 1, 2, 3]
        );
    }

    #[test]
    fn who_leaves_is_not_served() {
        let mut queues = queues(5);
        let first = queues.push(1, "a").expect("a place");
        let second = queues.push(1, "b").expect("a place");
        assert_eq!(queues.remove(first), Some("a"));
        assert_eq!(queues.remove(first), None);
        assert_eq!(queues.pop(), Some("b"));
        assert_eq!(queues.remove(second), None);
        assert_eq!((queues.pop(), queues.queues.len()), (None, 0));
    }
}
