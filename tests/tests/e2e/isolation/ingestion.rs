use dayfly_tests::isolation::attacks::{FILE_BATCHES, LARGE_FILES, PATHOLOGICAL_FILES};

use super::*;

#[test]
fn many_attachments_at_once_do_not_hold_others_up() {
    let attacked = attacked(&FILE_BATCHES);
    // The other tenant's were completed long before.
    attacked.tally.is_only(&["200", "in_progress"]);
    assert_eq!(attacked.tally.count("in_progress"), 1);
    attacked.stays_within(128 * MIB);
}

#[test]
fn a_small_file_does_not_wait_for_large_ones() {
    let attacked = attacked(&LARGE_FILES);
    // They were at work all the time.
    attacked.tally.is_only(&["in_progress"]);
    attacked.stays_within(128 * MIB);
}

#[test]
fn a_small_file_does_not_wait_for_what_a_splitter_takes_minutes_for() {
    let attacked = attacked(&PATHOLOGICAL_FILES);
    attacked.tally.is_only(&["in_progress", "completed"]);
    attacked.stays_within(128 * MIB);
}
