//! Memory whose size is known when compiling and that is lent once: how firmware keeps what a program on a computer
//! would allocate.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// `N` elements in a `static`.
pub struct Buffer<T, const N: usize> {
    elements: UnsafeCell<[T; N]>,
    taken: AtomicBool,
}

// SAFETY: the elements are reached by `take` alone, which gives them to one caller.
unsafe impl<T: Send, const N: usize> Sync for Buffer<T, N> {}

impl<T: Copy, const N: usize> Buffer<T, N> {
    /// All of them `value`.
    pub const fn new(value: T) -> Self {
        Self { elements: UnsafeCell::new([value; N]), taken: AtomicBool::new(false) }
    }

    /// The elements, for the first who asks; nothing for the others.
    pub fn take(&'static self) -> &'static mut [T] {
        if self.taken.swap(true, Ordering::AcqRel) {
            return &mut [];
        }
        // SAFETY: nobody else has been here, nor will be.
        unsafe { &mut *self.elements.get() }
    }
}
