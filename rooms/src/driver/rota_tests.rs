//! Schedules on simulated time.
