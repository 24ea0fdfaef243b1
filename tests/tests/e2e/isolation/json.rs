use dayfly_tests::isolation::attacks::{ATTRIBUTE_BOMBS, DEEP_JSON, MANY_STORES};

use super::*;

#[test]
fn json_that_nests_without_end_is_refused() {
    let attacked = attacked(&DEEP_JSON);
    attacked.tally.is_only(&["400"]);
    attacked.stays_within(256 * MIB);
}

#[test]
fn attributes_beyond_all_bounds_are_refused() {
    let attacked = attacked(&ATTRIBUTE_BOMBS);
    // Who is refused before all is sent may learn of it by the connection's end alone.
    attacked.tally.is_only(&["400", "413", "closed"]);
    attacked.stays_within(256 * MIB);
}

#[test]
fn stores_without_end_are_their_owners_alone() {
    let attacked = attacked(&MANY_STORES);
    attacked.tally.is_only(&["200", "429", "503 overloaded"]);
    attacked.stays_within(256 * MIB);
}
