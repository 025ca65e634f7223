//! GLIMMER, an arena in the browser: its rules and its bots, for the program and for tests of both.
//!
//! The program is `main.rs`; the page is in `web/`. This is no library for others: nothing here is documented
//! as an interface.

#[doc(hidden)]
pub mod bot;
#[doc(hidden)]
pub mod events;
#[doc(hidden)]
pub mod game;
#[doc(hidden)]
pub mod map;
#[doc(hidden)]
pub mod rules;
#[doc(hidden)]
pub mod seen;
