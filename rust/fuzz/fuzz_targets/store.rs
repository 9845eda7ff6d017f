//! libFuzzer's way into the target `store`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lh_fuzz::store(bytes));
