#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketry::fuzzing::machine_files::property(data));
