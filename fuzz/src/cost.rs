//! What reading may cost: heap and processor time, in proportion to the input.
//!
//! Both are counted for the thread that asks, so that checks can run side by side.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    time::Duration,
};

use nix::time::{ClockId, clock_gettime};

use super::Check;

/// Most heap that an input may take at any moment, in bytes: this, and so much for each of its own.
const HEAP: isize = 4 << 20;
/// See [`HEAP`].
const HEAP_PER_BYTE: isize = 2048;

/// Most processor time that an input may take: this, and so much for each of its bytes. Instrumentation and assertions make a
/// program some ten times slower, which is allowed for.
const TIME: Duration = Duration::from_millis(500);
/// See [`TIME`].
const TIME_PER_BYTE: Duration = Duration::from_micros(10);

/// The system's allocator, counted.
pub struct Heap;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    // What a thread frees after the end of its locals is counted by nobody.
    let _ = LIVE.try_with(|live| {
        live.set(live.get().wrapping_add(change));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps what `alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as above; the memory came from the system's allocator.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// Heap that this thread has taken and not given back, in bytes; only differences mean something.
pub fn heap() -> isize {
    LIVE.get()
}

/// Runs a check, and holds it to what its input may cost.
pub fn run(check: Check, bytes: &[u8]) {
    let length = bytes.len();
    let per_byte = u32::try_from(length).unwrap_or(u32::MAX);
    let (most_heap, most_time) = (HEAP + HEAP_PER_BYTE * length.cast_signed(), TIME + TIME_PER_BYTE * per_byte);

    let before = heap();
    PEAK.set(before);
    let first = timed(check, bytes);
    let peak = PEAK.get() - before;
    assert!(peak <= most_heap, "{peak} bytes of heap for an input of {length}");

    // What else the machine did then is told from what the reader does by asking again.
    // Under tests the machine does other things as well: there nothing depends on time.
    if !cfg!(test) && first > most_time {
        let least = [first, timed(check, bytes), timed(check, bytes)].into_iter().min().unwrap_or(first);
        assert!(least <= most_time, "{least:?} for an input of {length} bytes");
    }
}

fn timed(check: Check, bytes: &[u8]) -> Duration {
    let begun = processor_time();
    check(bytes);
    processor_time().saturating_sub(begun)
}

/// What this thread has used of the processor.
pub fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
