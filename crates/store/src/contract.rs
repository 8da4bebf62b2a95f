//! What every backend has to show: named checks that run against any [`StateStore`], and a comparison with
//! the reference model.
//!
//! A backend's test file needs two lines, and a store that is empty and that nobody else writes to for each
//! check:
//!
//! ```
//! async fn fresh() -> std::sync::Arc<dyn store::StateStore> {
//!     std::sync::Arc::new(store::MemoryStore::new())
//! }
//! store::contract_suite!(fresh);
//! # fn main() {}
//! ```
//!
//! Checks wait for states with a generous timeout and never for a time to pass; none assumes at which
//! revision a fresh store stands.

pub mod compaction;
pub mod concurrency;
pub mod expiry;
pub mod guarantees;
pub mod harness;
pub mod history;
pub mod key_values;
pub mod linearizability;
pub mod load;
pub mod model;
pub mod ranges;
pub mod recording;
pub mod revisions;
pub mod snapshots;
pub mod timeline;
pub mod transactions;
pub mod watch_history;
pub mod watch_record;
pub mod watches;

/// Makes a test of every check of the contract. Takes the name of an `async fn() -> Arc<dyn StateStore>` that
/// gives an empty store.
#[macro_export]
macro_rules! contract_suite {
    ($fresh:ident) => {
        mod reading {
            use super::$fresh;
            $crate::reading_checks! { $fresh }
        }
        $crate::contract_checks! { $fresh;
            revisions {
                a_transaction_takes_one_revision
                a_transaction_without_operations_takes_none
                deleting_an_absent_key_takes_none
                a_conflict_takes_none
                the_latest_revision_is_that_of_the_last_commit
            }
            transactions {
                create_needs_absence
                update_needs_the_revision
                update_of_an_absent_key_conflicts
                delete_needs_the_revision
                a_revision_that_never_was_conflicts
                absence_holds_again_after_a_deletion
                all_preconditions_must_hold
                a_conflict_answers_in_the_order_of_the_preconditions
                a_conflict_answers_nothing_for_an_absent_key
                a_precondition_may_name_an_unchanged_key
                a_range_is_quiet_since_its_last_put
                a_put_in_a_range_is_noticed
                a_deletion_in_a_range_is_noticed_by_its_key
                any_range_may_have_to_be_quiet
                one_of_many_has_a_range_to_itself
                preconditions_alone_are_judged
                preconditions_may_contradict_each_other
                without_preconditions_it_always_succeeds
                puts_and_deletes_go_together
                an_absent_key_does_not_hinder_the_rest
                a_key_changed_twice_is_invalid
                an_empty_key_is_invalid
                many_operations_are_one_revision
            }
            compaction {
                the_compacted_revision_is_told
                older_revisions_cannot_be_read
                the_compacted_revision_can_be_read
                values_put_long_before_stay
                deleted_keys_stay_deleted
                a_key_deleted_later_is_still_read
                what_is_compacted_cannot_be_compacted
                the_future_cannot_be_compacted
                the_current_revision_can_be_compacted
                the_counter_goes_on
                a_key_recreated_after_it_is_right
                again_and_again_under_writes
            }
            watch_history {
                a_fresh_store_is_watched_to_its_present
                a_compacted_start_is_refused
                the_compacted_revision_can_be_watched_from
                a_deletion_at_the_compacted_revision_is_seen
                compaction_spares_a_watch_that_kept_up
                a_watch_whose_place_is_compacted_ends
            }
            expiry {
                an_expired_key_is_gone_in_a_revision_of_its_own
                keys_due_together_go_in_revisions_of_their_own
                a_put_with_a_longer_time_prolongs_it
            }
            snapshots {
                a_snapshot_is_everything_in_order
                a_snapshot_leaves_deleted_keys_out
                a_snapshot_knows_revisions_and_versions
                a_snapshot_knows_times_to_live
                writes_do_not_change_a_snapshot
                compaction_does_not_change_a_snapshot
                a_fresh_store_has_an_empty_snapshot
            }
        }
    };
}

/// Makes a test of the checks that a cache over a store passes too: what is said of reads and watches.
#[macro_export]
macro_rules! reading_checks {
    ($fresh:ident) => {
        $crate::contract_checks! { $fresh;
            revisions {
                a_fresh_store_is_empty
                every_change_takes_the_next_revision
                all_keys_share_one_counter
                an_equal_value_takes_one
                an_answered_commit_is_current
            }
            key_values {
                the_first_put_creates
                later_puts_count_versions
                a_deleted_key_starts_over
                values_are_any_bytes
                keys_are_any_bytes
                a_large_value_comes_back
                a_key_is_not_its_prefix
                get_finds_nothing_for_an_absent_key
            }
            ranges {
                a_prefix_ends_before_its_sibling
                a_prefix_of_the_last_byte_has_no_end
                between_excludes_its_end
                an_open_range_goes_to_the_last_key
                a_single_key_is_a_range
                a_backward_range_is_empty
                keys_come_in_the_order_of_their_bytes
                a_limit_says_whether_there_is_more
                a_limit_of_all_keys_leaves_no_more
                a_limit_of_zero_only_counts
                pages_at_one_revision_fit_together
                keys_only_leaves_values_out
                count_only_leaves_keys_out
                deleted_keys_are_not_in_it
                the_answer_names_the_revision_read
                thousands_of_keys_come_back
            }
            history {
                a_key_is_read_as_it_was
                a_key_is_absent_before_it_is_created
                a_deleted_key_is_read_before_its_deletion
                a_recreated_key_keeps_both_lives
                a_range_is_read_as_it_was
                an_older_range_counts_what_was_there
                the_current_revision_can_be_named
                the_future_cannot_be_read
            }
            watches {
                a_new_key_is_a_create
                a_put_again_is_not_a_create
                a_deletion_is_seen
                a_created_after_deleted_key_is_a_create
                previous_values_come_when_asked_for
                previous_values_stay_away_otherwise
                only_later_changes_without_a_start
                only_the_range_is_seen
                a_single_key_can_be_watched
                everything_can_be_watched
                a_transaction_is_one_batch_in_the_order_of_keys
                changes_that_were_none_are_not_seen
                revisions_come_in_order_without_gap
                two_watches_see_the_same
                a_dropped_watch_harms_nobody
                a_progress_mark_comes_when_asked_for
                a_progress_mark_covers_changes_elsewhere
                a_progress_mark_never_overtakes_events
            }
            watch_history {
                a_watch_starts_in_the_past
                a_watch_starts_with_its_start
                a_watch_waits_for_the_future
                the_past_has_previous_values
                a_place_can_be_resumed
                a_slow_watch_catches_up
                a_range_and_a_watch_fit_together
            }
            expiry {
                a_key_goes_when_its_time_is_over
                a_key_does_not_go_before
                a_put_without_a_time_takes_it_away
                a_deletion_takes_the_time_away
                an_expired_key_is_still_in_history
                an_expired_key_can_be_created_again
            }
            concurrency {
                one_of_many_creates_wins
                no_update_is_lost
                own_writes_are_read
                no_transaction_is_seen_in_part
                concurrent_commits_take_all_revisions
                watches_follow_concurrent_writers
                what_comes_together_stands_alone
            }
            guarantees {
                operations_are_linearizable_and_watches_tell_them
                they_are_so_again_and_again
                many_clients_on_few_keys_are_linearizable
            }
        }
    };
}

/// Makes a test of some checks of the contract, for what keeps a part of it only: `contract_checks! { fresh; ranges {
/// a_single_key_is_a_range } }`.
#[macro_export]
macro_rules! contract_checks {
    ($fresh:ident; $($module:ident { $($check:ident)* })*) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                $crate::contract::$module::$check(super::$fresh().await).await;
            })*
        })*
    };
}
