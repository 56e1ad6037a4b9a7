//! Parts of slices that are there because all lengths were checked before: what kernels and the walks around them use in place of
//! an index.
//!
//! The compiler cannot know what a plan has checked, and an index that it cannot prove is a way to panic, with code behind it that a
//! microcontroller has no room for. There a part that is not there is none, and whoever asked stops early.
//!
//! It cannot happen, and where there are vectors it is a panic, as for any index: a loop that may end early keeps its sums as they
//! were and as they are, which are too many for the registers; it took up to twice the time. Tests run there, and would see it.

/// Whether what is missing is none, and not a panic: where the machine has one lane.
const NO_PANIC: bool = cfg!(all(target_arch = "arm", target_os = "none"));

/// `len` elements from `at` on.
#[inline(always)]
pub(crate) fn part<T>(data: &[T], at: usize, len: usize) -> Option<&[T]> {
    if NO_PANIC { data.get(at..)?.get(..len) } else { Some(&data[at..][..len]) }
}

/// The same to write to.
#[inline(always)]
pub(crate) fn part_mut<T>(data: &mut [T], at: usize, len: usize) -> Option<&mut [T]> {
    if NO_PANIC { data.get_mut(at..)?.get_mut(..len) } else { Some(&mut data[at..][..len]) }
}

/// Everything from `at` on.
#[inline(always)]
pub(crate) fn rest<T>(data: &[T], at: usize) -> Option<&[T]> {
    if NO_PANIC { data.get(at..) } else { Some(&data[at..]) }
}

/// The same to write to.
#[inline(always)]
pub(crate) fn rest_mut<T>(data: &mut [T], at: usize) -> Option<&mut [T]> {
    if NO_PANIC { data.get_mut(at..) } else { Some(&mut data[at..]) }
}

/// The element at `at`.
#[inline(always)]
pub(crate) fn item<T>(data: &[T], at: usize) -> Option<&T> {
    if NO_PANIC { data.get(at) } else { Some(&data[at]) }
}

/// The first `at` elements, and the others.
#[inline(always)]
pub(crate) fn split<T>(data: &[T], at: usize) -> (&[T], &[T]) {
    data.split_at(if NO_PANIC { at.min(data.len()) } else { at })
}

/// The same to write to.
#[inline(always)]
pub(crate) fn split_mut<T>(data: &mut [T], at: usize) -> (&mut [T], &mut [T]) {
    let len = data.len();
    data.split_at_mut(if NO_PANIC { at.min(len) } else { at })
}
