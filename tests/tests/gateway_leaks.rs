//! Leaks: of thousands of clients that come and go, no memory stays with the process.
//!
//! Measured as the system sees it, with the allocator's slack; `gateway_heap.rs` counts what is alive, to the byte.

#[path = "gateway_leaks/crowd.rs"]
mod crowd;

use ringside_tests::bystander::resident;

/// Clients after which the allocator's own pages have found their number.
const WARM_UP: u64 = 20_000;

#[test]
fn nothing_stays_of_clients_that_come_and_go() {
    let (before, after) = crowd::before_and_after(WARM_UP, resident);
    println!("{before} B resident before them, {after} B after");
    assert!(
        after * 100 <= before * 105,
        "{before} B resident before, {after} B after"
    );
}
