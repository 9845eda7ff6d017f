//! libFuzzer's way into the target `wf_spec`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lh_fuzz::wf_spec(bytes));
