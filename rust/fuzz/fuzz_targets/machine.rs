//! libFuzzer's way into the target `machine`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lh_fuzz::machine(bytes));
