//! From C's pointers to Rust's references: the one place that decides whether a pointer will do.

use core::mem::{MaybeUninit, needs_drop};
use core::{ptr, slice};

use crate::status::Status;

/// A place in memory, to see whether two overlap.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    start: usize,
    bytes: usize,
}

impl Place {
    fn new<T>(pointer: *const T, len: usize) -> Self {
        Self { start: pointer.addr(), bytes: len * size_of::<T>() }
    }

    fn overlaps(&self, other: &Place) -> bool {
        self.bytes > 0
            && other.bytes > 0
            && self.start < other.start + other.bytes
            && other.start < self.start + self.bytes
    }
}

/// That nothing which is written overlaps with anything else.
pub(crate) fn apart<const W: usize, const R: usize>(
    written: [Place; W],
    read: [Place; R],
) -> Result<(), Status> {
    for (i, place) in written.iter().enumerate() {
        if written.iter().skip(i + 1).chain(&read).any(|other| place.overlaps(other)) {
            return Err(Status::Overlap);
        }
    }
    Ok(())
}

/// Whether a pointer may be one to `len` elements.
fn check<T>(pointer: *const T, len: usize) -> Result<Place, Status> {
    if pointer.is_null() {
        return Err(Status::Null);
    }
    if !pointer.is_aligned() {
        return Err(Status::Misaligned);
    }
    match len.checked_mul(size_of::<T>()) {
        Some(bytes) if bytes <= isize::MAX as usize && pointer.addr().checked_add(bytes).is_some() => {
            Ok(Place::new(pointer, len))
        }
        _ => Err(Status::Length),
    }
}

/// Elements to read; null is allowed where there are none.
#[derive(Clone, Copy)]
pub(crate) struct Input<T> {
    pointer: *const T,
    len: usize,
    pub(crate) place: Place,
}

impl<T> Input<T> {
    pub(crate) fn new(pointer: *const T, len: usize) -> Result<Self, Status> {
        let pointer = if pointer.is_null() && len == 0 { ptr::dangling() } else { pointer };
        Ok(Self { pointer, len, place: check(pointer, len)? })
    }

    /// The elements.
    ///
    /// # Safety
    /// The pointer given points to as many initialised elements, which nobody writes to as long as `'a`.
    pub(crate) unsafe fn get<'a>(self) -> &'a [T] {
        // SAFETY: not null, aligned and no longer than `isize::MAX` bytes: `check`. The rest is the caller's promise.
        unsafe { slice::from_raw_parts(self.pointer, self.len) }
    }
}

/// Elements to write; null is allowed where there are none.
#[derive(Clone, Copy)]
pub(crate) struct Output<T> {
    pointer: *mut T,
    len: usize,
    pub(crate) place: Place,
}

impl<T> Output<T> {
    pub(crate) fn new(pointer: *mut T, len: usize) -> Result<Self, Status> {
        let pointer = if pointer.is_null() && len == 0 { ptr::dangling_mut() } else { pointer };
        Ok(Self { pointer, len, place: check(pointer, len)? })
    }

    /// The elements.
    ///
    /// # Safety
    /// The pointer given points to as many initialised elements, which nobody else reads or writes as long as `'a`.
    pub(crate) unsafe fn get<'a>(self) -> &'a mut [T] {
        // SAFETY: as for `Input::get`.
        unsafe { slice::from_raw_parts_mut(self.pointer, self.len) }
    }
}

/// What a plain struct of C says.
///
/// # Safety
/// The pointer is null or points to an initialised `T`, which nobody writes to meanwhile.
pub(crate) unsafe fn read<T: Copy>(pointer: *const T) -> Result<T, Status> {
    check(pointer, 1)?;
    // SAFETY: not null and aligned: `check`. The rest is the caller's promise.
    Ok(unsafe { *pointer })
}

/// Something of Rust in memory of C: a plan, or a stream.
#[repr(C)]
pub(crate) struct Made<T> {
    /// [`TAG`] if it has been made. Memory that has not is some other number, most likely.
    tag: u64,
    value: MaybeUninit<T>,
}

/// What stands before something that has been made.
const TAG: u64 = 0x434F_4E56_4F4B_4531;

/// Makes it in the memory.
///
/// # Safety
/// The pointer is null or points to as much memory as a `Made<T>`, which nobody else reads or writes meanwhile.
pub(crate) unsafe fn make<T>(pointer: *mut Made<T>, value: T) -> Result<(), Status> {
    const { assert!(!needs_drop::<T>(), "C forgets it without a word") };
    check(pointer.cast_const(), 1)?;
    // SAFETY: not null and aligned: `check`. The rest is the caller's promise. What was there has nothing to drop.
    unsafe { pointer.write(Made { tag: TAG, value: MaybeUninit::new(value) }) };
    Ok(())
}

/// What has been made in the memory.
///
/// # Safety
/// The pointer is null or points to memory that `make` has filled, or to initialised memory without its tag. Nobody writes to it
/// as long as `'a`.
pub(crate) unsafe fn made<'a, T>(pointer: *const Made<T>) -> Result<&'a T, Status> {
    check(pointer, 1)?;
    // SAFETY: not null and aligned: `check`. A number of any bits is a number.
    if unsafe { (&raw const (*pointer).tag).read() } != TAG {
        return Err(Status::NotMade);
    }
    // SAFETY: with its tag, it has been filled by `make`.
    Ok(unsafe { (*pointer).value.assume_init_ref() })
}

/// The same to be changed.
///
/// # Safety
/// As for [`made`], and nobody reads it either.
pub(crate) unsafe fn made_mut<'a, T>(pointer: *mut Made<T>) -> Result<&'a mut T, Status> {
    // SAFETY: the same promise.
    unsafe { made(pointer.cast_const())? };
    // SAFETY: it has been made, and the caller promises that there is no other reference.
    Ok(unsafe { (*pointer).value.assume_init_mut() })
}

/// Takes it away: the memory is then as if it had never been made.
///
/// # Safety
/// As for [`make`].
pub(crate) unsafe fn unmake<T>(pointer: *mut Made<T>) -> Result<(), Status> {
    check(pointer.cast_const(), 1)?;
    // SAFETY: not null and aligned: `check`. The rest is the caller's promise.
    unsafe { (&raw mut (*pointer).tag).write(0) };
    Ok(())
}
