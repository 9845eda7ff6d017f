//! libFuzzer's way into the target `key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lh_fuzz::key(bytes));
