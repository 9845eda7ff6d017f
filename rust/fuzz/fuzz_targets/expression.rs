//! libFuzzer's way into the target `expression`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lh_fuzz::expression(bytes));
