//! Parts of slices that are there because all lengths were checked before: what kernels and the walks around them use in place of
//! an index.
//!
//! The compiler cannot know what a plan has checked, and an index that it cannot prove is a way to panic, with code behind it that a
//! microcontroller has no room for and safety cases no use for. Here a part that is not there is none, or shorter, and whoever asked
//! stops early. It cannot happen; in debug builds it is still a panic, so that tests see it.

/// `len` elements from `at` on.
#[inline(always)]
pub(crate) fn part<T>(data: &[T], at: usize, len: usize) -> Option<&[T]> {
    let part = match data.get(at..) {
        Some(rest) => rest.get(..len),
        None => None,
    };
    debug_assert!(part.is_some(), "a slice ends before a part of it");
    part
}

/// The same to write to.
#[inline(always)]
pub(crate) fn part_mut<T>(data: &mut [T], at: usize, len: usize) -> Option<&mut [T]> {
    let part = match data.get_mut(at..) {
        Some(rest) => rest.get_mut(..len),
        None => None,
    };
    debug_assert!(part.is_some(), "a slice ends before a part of it");
    part
}

/// Everything from `at` on.
#[inline(always)]
pub(crate) fn rest<T>(data: &[T], at: usize) -> Option<&[T]> {
    let rest = data.get(at..);
    debug_assert!(rest.is_some(), "a slice ends before a part of it");
    rest
}

/// The same to write to.
#[inline(always)]
pub(crate) fn rest_mut<T>(data: &mut [T], at: usize) -> Option<&mut [T]> {
    let rest = data.get_mut(at..);
    debug_assert!(rest.is_some(), "a slice ends before a part of it");
    rest
}

/// The first `at` elements, which are there, and the others.
#[inline(always)]
pub(crate) fn split<T>(data: &[T], at: usize) -> (&[T], &[T]) {
    debug_assert!(at <= data.len(), "a slice ends before a part of it");
    data.split_at(at.min(data.len()))
}

/// The same to write to.
#[inline(always)]
pub(crate) fn split_mut<T>(data: &mut [T], at: usize) -> (&mut [T], &mut [T]) {
    debug_assert!(at <= data.len(), "a slice ends before a part of it");
    let at = at.min(data.len());
    data.split_at_mut(at)
}
