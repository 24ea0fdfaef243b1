use dayfly_tests::isolation::attacks::ONE_PEER;

use super::*;

#[test]
fn connections_of_one_address_leave_places_to_others() {
    let attacked = attacked(&ONE_PEER);
    attacked.tally.is_only(&["open", "closed"]);
    assert_eq!(attacked.tally.count("open"), 2_048, "{}", attacked.tally);
    attacked.stays_within(64 * MIB);
}
