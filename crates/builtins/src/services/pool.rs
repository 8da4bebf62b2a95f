//! A range of numbers of which some are taken.

use std::collections::HashMap;

/// Numbers from zero up. The lower ones are kept for those who choose: who does not gets one of the others, as long as there
/// are any.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    size: u128,
    kept_for_choice: u128,
    /// By how many each is held: data from elsewhere may give one number to two.
    taken: HashMap<u128, u32>,
}

impl Pool {
    pub fn new(size: u128, kept_for_choice: u128) -> Self {
        Self {
            size,
            kept_for_choice: kept_for_choice.min(size),
            taken: HashMap::new(),
        }
    }

    pub fn is_taken(&self, number: u128) -> bool {
        self.taken.contains_key(&number)
    }

    pub fn free(&self) -> u128 {
        self.size.saturating_sub(self.taken.len() as u128)
    }

    /// Whether the number was free.
    pub fn take(&mut self, number: u128) -> bool {
        let is_free = number < self.size && !self.is_taken(number);
        if is_free {
            self.taken.insert(number, 1);
        }
        is_free
    }

    /// Some free number; none if there is none. Looking begins at a random place, so that a number that was given back is not
    /// soon somebody else's.
    pub fn take_any(&mut self, random: u128) -> Option<u128> {
        let upper = self.first_free(self.kept_for_choice, self.size, random);
        let number = upper.or_else(|| self.first_free(0, self.kept_for_choice, random))?;
        self.taken.insert(number, 1);
        Some(number)
    }

    fn first_free(&self, from: u128, to: u128, random: u128) -> Option<u128> {
        if from == to {
            return None;
        }
        let start = from + random % (to - from);
        (start..to)
            .chain(from..start)
            .find(|number| !self.is_taken(*number))
    }

    /// Holds a number that is known to be in use.
    pub fn hold(&mut self, number: u128) {
        *self.taken.entry(number).or_default() += 1;
    }

    pub fn give_back(&mut self, number: u128) {
        if let Some(holders) = self.taken.get_mut(&number) {
            *holders -= 1;
            if *holders == 0 {
                self.taken.remove(&number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_given_once_and_the_lower_ones_last() {
        let mut pool = Pool::new(10, 3);
        assert!(pool.take(1) && !pool.take(1) && pool.take(7) && !pool.take(10));
        let given: Vec<u128> = std::iter::from_fn(|| pool.take_any(5)).collect();
        assert_eq!(given, [8, 9, 3, 4, 5, 6, 2, 0]);
        pool.give_back(4);
        assert_eq!(pool.take_any(0), Some(4));
        pool.hold(4);
        pool.give_back(4);
        assert!(pool.is_taken(4), "somebody else still holds it");
        pool.give_back(4);
        assert!(!pool.is_taken(4));
    }
}
