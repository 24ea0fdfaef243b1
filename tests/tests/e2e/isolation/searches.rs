use dayfly_tests::isolation::attacks::{SEARCH_STORM, SLOW_BASE_SEARCHES};

use super::*;

#[test]
fn searches_of_an_index_that_come_all_at_once_stop_nobody() {
    let attacked = attacked(&SLOW_BASE_SEARCHES);
    attacked.tally.is_only(&["404", "503 overloaded"]);
    attacked.stays_within(128 * MIB);
}

#[test]
fn more_searches_than_a_tenant_may_have_at_once_are_no_others_concern() {
    let attacked = attacked(&SEARCH_STORM);
    attacked.tally.is_only(&["200", "503 overloaded"]);
    attacked.stays_within(256 * MIB);
}
