use dayfly_tests::isolation::attacks::{
    SLOW_BODIES, SLOW_BODIES_OF_TWO, SLOW_READERS, SLOW_UPLOADS,
};

use super::*;

#[test]
fn bodies_that_stop_in_the_middle_leave_instances_to_others() {
    let attacked = attacked(&SLOW_BODIES);
    attacked.tally.is_only(&["open", "503 overloaded"]);
    attacked.stays_within(256 * MIB);
}

#[test]
fn two_tenants_with_slow_bodies_leave_instances_to_others_too() {
    let attacked = attacked(&SLOW_BODIES_OF_TWO);
    attacked.tally.is_only(&["open", "503 overloaded"]);
    attacked.stays_within(384 * MIB);
}

#[test]
fn answers_that_are_taken_slowly_are_not_held_whole() {
    let attacked = attacked(&SLOW_READERS);
    attacked.tally.is_only(&["200"]);
    // Of sixteen readers of 8 MB.
    attacked.stays_within(96 * MIB);
}

#[test]
fn uploads_that_storage_does_not_take_wait_outside() {
    let attacked = attacked(&SLOW_UPLOADS);
    attacked.tally.is_only(&["open", "503"]);
    // Six writers with two parts of 5 MiB each, and the instances that feed them.
    attacked.stays_within(128 * MIB);
}
