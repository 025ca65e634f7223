//! Why sessions ended and requests were refused, counted.
//!
//! Promises: every end of a session and every refusal counts once, under a name that does not change:
//! those of `docs/close-reasons.md`, and `http.STATUS` for refusals before there is a session.
//! A count costs a lock that nobody holds for long, at the end of a session and never in between.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use http::StatusCode;

/// Counts by name. The names are the program's own, so their number is bounded.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<BTreeMap<&'static str, u64>>);

impl Counts {
    pub(crate) fn count(&self, name: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(name).or_default() += 1;
    }

    /// Counts an answer, if it is a refusal.
    pub(crate) fn count_answer(&self, status: StatusCode) {
        let name = match status.as_u16() {
            ..400 | 404 => return,
            400 => "http.400",
            403 => "http.403",
            405 => "http.405",
            408 => "http.408",
            413 => "http.413",
            414 => "http.414",
            426 => "http.426",
            429 => "http.429",
            431 => "http.431",
            503 => "http.503",
            _ => "http.other",
        };
        self.count(name);
    }

    /// Counts a connection that ended with an error below HTTP's answers.
    pub(crate) fn count_failure(&self, error: &hyper::Error) {
        if error.is_timeout() {
            self.count("http.HeadTimeout");
        } else if error.is_parse_too_large() {
            self.count("http.HeadTooLarge");
        } else if error.is_parse() {
            self.count("http.BadHead");
        }
    }

    pub(crate) fn all(&self) -> BTreeMap<&'static str, u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
