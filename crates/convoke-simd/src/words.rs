//! Memory of one type of numbers lent as that of another: scratch is `f32`, and some kernels keep `f64` in it.

/// As many `f64` as lie in a slice of `f32`, aligned: half its length, less at most one. What they are is garbage, and what
/// is written to them is garbage to the slice.
///
/// ```
/// let mut memory = [0.0_f32; 9];
/// let numbers = convoke_simd::as_f64_mut(&mut memory);
/// assert!(numbers.len() >= 4);
/// numbers[3] = 0.1;
/// assert_eq!(numbers[3], 0.1);
/// ```
pub fn as_f64_mut(memory: &mut [f32]) -> &mut [f64] {
    // SAFETY: any bits are a value of either type, and neither has anything to drop.
    let (_, numbers, _) = unsafe { memory.align_to_mut::<f64>() };
    numbers
}
