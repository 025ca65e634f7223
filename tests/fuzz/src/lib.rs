//! The bodies of the fuzz targets, apart from the fuzzer: each takes bytes and panics when
//! something that must hold does not. So an ordinary test can replay a corpus.
#![forbid(unsafe_code)]

pub mod targets;
