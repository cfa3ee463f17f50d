#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketry::fuzzing::dns_resolution::property(data));
