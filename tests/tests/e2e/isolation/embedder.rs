use dayfly_tests::isolation::attacks::{EMBEDDING_STORM, FORTY_IDLE_BODIES, UNREAD_ANSWERS};

use super::*;

#[test]
fn connections_that_send_nothing_stop_no_embedding() {
    let attacked = attacked(&FORTY_IDLE_BODIES);
    attacked.tally.is_only(&["open"]);
    attacked.stays_within(64 * MIB);
}

#[test]
fn answers_that_nobody_reads_are_no_others_concern() {
    let attacked = attacked(&UNREAD_ANSWERS);
    attacked.tally.is_only(&["200", "503 overloaded", "open"]);
    attacked.stays_within(96 * MIB);
}

#[test]
fn long_texts_leave_the_embedder_to_others() {
    let attacked = attacked(&EMBEDDING_STORM);
    attacked.tally.is_only(&["200", "503 overloaded"]);
    attacked.stays_within(96 * MIB);
}
