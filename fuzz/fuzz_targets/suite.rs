#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| siprig_fuzz::run(siprig_fuzz::rig_files::suite, bytes));
