use dayfly_tests::isolation::attacks::{HEADER_BOMBS, SMUGGLING};

use super::*;

#[test]
fn heads_that_are_too_large_are_refused_and_not_kept() {
    let attacked = attacked(&HEADER_BOMBS);
    attacked.tally.is_only(&["431", "414", "closed"]);
    attacked.stays_within(64 * MIB);
}

#[test]
fn a_request_whose_length_is_ambiguous_never_gets_two_answers() {
    let attacked = attacked(&SMUGGLING);
    attacked.tally.is_only(&["400", "401", "closed"]);
    attacked.stays_within(64 * MIB);
}
