//! The contract of the ports, as tests that run on every backend.
//!
//! A backend is a function `backend::name() -> (Store, guard)`; one line
//! `store_battery!(name);` runs everything here on it.

pub(crate) mod audit;
pub(crate) mod changes;
pub(crate) mod history;
pub(crate) mod idempotency;
pub(crate) mod keys;
pub(crate) mod last_good;
pub(crate) mod pollers;
pub(crate) mod rules;
pub(crate) mod snapshots;
pub(crate) mod sources;
pub(crate) mod whitelist;

/// Expands to one test a contract, named `<backend>::<port>::<case>`.
macro_rules! store_battery {
    ($backend:ident) => {
        mod $backend {
            crate::battery::store_battery!(@port $backend, history: [
                gives_no_points_before_the_first_score,
                reconstructs_one_point_a_cycle_newest_first,
                pages_without_gap_or_overlap,
                refuses_a_cycle_that_does_not_follow_and_keeps_nothing_of_it,
                refuses_an_as_that_occurs_twice_and_keeps_nothing_of_it,
                refuses_a_score_above_100,
                knows_the_last_cycle_and_the_last_scores,
                pruning_an_empty_history_does_nothing,
                pruning_keeps_every_remaining_point,
                pruning_keeps_the_last_cycle_whatever_its_age,
                a_clock_far_ahead_is_believed_after_a_day_of_cycles,
                pruning_reaches_the_end_of_a_long_table,
                agrees_with_a_naive_model_through_writes_and_pruning,
            ]);
            crate::battery::store_battery!(@port $backend, keys: [
                a_created_key_verifies_and_shows_its_facts,
                a_bound_key_admits_clients_of_its_networks,
                lists_keys_oldest_first_without_secrets,
                a_revoked_key_is_refused_and_stays_listed,
                revoking_what_is_not_there_changes_nothing,
                an_expired_key_is_refused,
                a_key_keeps_all_its_scopes_and_its_rate_class,
                a_rotated_key_and_its_successor_both_work_until_the_end,
                a_successor_is_like_the_key_that_it_replaces,
                rotation_never_puts_an_end_off,
                a_key_that_opens_nothing_is_not_rotated,
                a_key_is_rotated_once_and_its_successor_again,
                a_rotation_is_one_entry_of_the_audit_log,
                keys_differ_from_each_other,
            ]);
            crate::battery::store_battery!(@port $backend, whitelist: [
                put_then_list_gives_entries_ascending,
                a_second_put_replaces_the_entry,
                remove_says_whether_it_was_there,
                takes_any_text_and_the_largest_as,
            ]);
            crate::battery::store_battery!(@port $backend, sources: [
                an_unknown_source_has_no_state,
                a_state_reads_back_whole_and_is_replaced_whole,
                lists_states_by_name,
                refuses_a_count_that_no_disk_holds,
            ]);
            crate::battery::store_battery!(@port $backend, snapshots: [
                there_is_none_before_the_first,
                the_last_saved_comes_back,
                an_empty_snapshot_comes_back,
                saves_at_the_same_time_leave_one_whole_snapshot,
            ]);
            crate::battery::store_battery!(@port $backend, rules: [
                an_organisation_is_there_from_its_first_write_on,
                a_document_reads_back_whole_and_is_replaced_whole,
                the_same_id_of_two_kinds_is_two_documents,
                a_write_on_an_old_version_changes_nothing,
                writes_at_once_make_one_version_each,
                a_write_is_one_entry_of_the_audit_log,
                history_names_who_did_what_newest_first,
                every_kept_version_reads_as_it_was,
                versions_of_the_last_day_are_kept_however_many,
                what_a_stage_waits_for_is_kept_while_it_waits,
                a_writer_that_knows_no_stage_forgets_nothing_for_its_age,
                an_answer_is_written_with_its_write_or_not_at_all,
            ]);
            crate::battery::store_battery!(@port $backend, idempotency: [
                an_answer_is_found_for_a_day_by_its_organisation,
                the_first_answer_stays_until_its_day_is_over,
            ]);
            crate::battery::store_battery!(@port $backend, pollers: [
                polls_of_an_address_add_up,
                an_address_that_was_bound_once_stays_so,
                who_was_away_for_a_week_is_forgotten,
                addresses_of_an_organisation_are_bounded,
            ]);
            crate::battery::store_battery!(@port $backend, last_good: [
                a_body_comes_back_under_its_name_only,
                a_body_is_replaced_whole,
            ]);
            crate::battery::store_battery!(@port $backend, audit: [
                an_empty_log_is_intact,
                every_write_leaves_one_sealed_entry,
                writes_that_change_nothing_leave_no_entry,
                pages_by_number,
                a_log_longer_than_a_page_is_intact,
            ]);
            crate::battery::store_battery!(@port $backend, changes: [
                moves_with_every_write_to_keys_rules_and_whitelist,
                history_sources_and_snapshots_do_not_move_it,
                reading_does_not_move_it,
            ]);
        }
    };
    (@port $backend:ident, $port:ident: [$($case:ident,)+]) => {
        mod $port {
            $(
                #[tokio::test]
                async fn $case() {
                    let (store, _guard) = crate::backend::$backend().await;
                    crate::battery::$port::$case(store).await;
                }
            )+
        }
    };
}
pub(crate) use store_battery;
