//! Leaks on the heap: what is alive when thousands of clients have come and gone is what was alive before.
//!
//! Counted by an allocator that knows of every block, so that neither fragmentation nor what an allocator keeps can hide a
//! leak or feign one. Leaves out: the process's resident memory (`gateway_leaks.rs`).

#[path = "gateway_leaks/crowd.rs"]
mod crowd;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// What may differ: a table that doubled because more of them met at once than before. Of 5,000 clients it is less than any
/// of them could leave behind: 13 B of each.
const TABLES_MAX: usize = 64 * 1024;

#[test]
fn nothing_stays_on_the_heap_of_clients_that_come_and_go() {
    let _counting = dhat::Profiler::builder().testing().build();
    let (before, after) = crowd::before_and_after(0, || dhat::HeapStats::get().curr_bytes);
    println!("{before} B alive before them, {after} B after");
    assert!(
        after <= before + TABLES_MAX,
        "{before} B alive before, {after} B after"
    );
}
