//! libFuzzer, with one of the targets.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: dayfly_fuzz::choose(dayfly_fuzz::TARGETS),
    |input: &[u8]| dayfly_fuzz::run_chosen(input)
);
