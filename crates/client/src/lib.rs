//! An API client over any transport: requests, typed access, informers, work queues, leader election, events.
