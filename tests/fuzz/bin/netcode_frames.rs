//! Fuzzes `ringside_fuzz::targets::netcode_frames`, where it says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringside_fuzz::targets::netcode_frames::run(data));
