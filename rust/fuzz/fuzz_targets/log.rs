//! libFuzzer's way into the target `log`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lh_fuzz::log(bytes));
