//! What lies outside the picture. One vocabulary for filters and for layers.

/// What an operation reads where its window hangs over the edge of the image `abcd`.
///
/// Every mode is correct for windows larger than the image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Border {
    /// Nothing: the tap is absent. (Differs from `Constant(0.0)` only for infinite or NaN weights, which an
    /// absent tap does not spread.)
    #[default]
    Zero,
    /// `iiii|abcd|iiii`: the same value everywhere outside.
    Constant(f32),
    /// `aaaa|abcd|dddd`: the nearest edge value.
    Replicate,
    /// `dcba|abcd|dcba`: mirrored at the edge, the edge value twice. (NumPy calls this `symmetric`.)
    Reflect,
    /// `dcb|abcd|cba`: mirrored at the edge value, which stands once. (NumPy and PyTorch
    /// call this `reflect`, SciPy `mirror`.)
    Reflect101,
    /// `abcd|abcd|abcd`: the image repeats.
    Wrap,
}

impl Border {
    /// The index in `0..len` that is read for coordinate `at`, or `None` where no image value is read (outside,
    /// for [`Zero`](Border::Zero) and [`Constant`](Border::Constant)).
    ///
    /// `len` must be at least 1 and at most `isize::MAX / 2`.
    ///
    /// ```
    /// use convoke_core::Border;
    /// let read = |border: Border| -> Vec<usize> { (-4..8).filter_map(|at| border.index(at, 4)).collect() };
    /// assert_eq!(read(Border::Replicate), [0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 3, 3]);
    /// assert_eq!(read(Border::Reflect), [3, 2, 1, 0, 0, 1, 2, 3, 3, 2, 1, 0]);
    /// assert_eq!(read(Border::Reflect101), [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]);
    /// assert_eq!(read(Border::Wrap), [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
    /// assert_eq!(read(Border::Zero), [0, 1, 2, 3]);
    /// ```
    #[inline(always)]
    pub const fn index(self, at: isize, len: usize) -> Option<usize> {
        let n = len as isize;
        if 0 <= at && at < n {
            return Some(at as usize);
        }
        match self {
            Border::Zero | Border::Constant(_) => None,
            Border::Replicate => Some(if at < 0 { 0 } else { len - 1 }),
            // Most masks reach no further than one picture's length; there a subtraction does, where a remainder
            // costs as much as all taps of a small mask.
            Border::Reflect => {
                // The picture and its mirror image repeat together, with period 2n.
                let at = if -n <= at && at < 2 * n { at } else { wrapped(at, 2 * n) };
                let at = if at < 0 { -1 - at } else { at };
                Some(if at < n { at } else { 2 * n - 1 - at } as usize)
            }
            Border::Reflect101 => {
                if n == 1 {
                    return Some(0);
                }
                let period = 2 * n - 2;
                let at = if -n < at && at <= period { at } else { wrapped(at, period) };
                let at = if at < 0 { -at } else { at };
                Some(if at < n { at } else { period - at } as usize)
            }
            Border::Wrap if -n <= at && at < 0 => Some((at + n) as usize),
            Border::Wrap if n <= at && at < 2 * n => Some((at - n) as usize),
            Border::Wrap => Some(wrapped(at, n) as usize),
        }
    }

    /// The value of coordinates that have no index: the constant, or 0.
    pub const fn outside(self) -> f32 {
        if let Border::Constant(value) = self { value } else { 0.0 }
    }
}

/// The remainder of a coordinate; 0 for a period of 0, which no image has.
const fn wrapped(at: isize, period: isize) -> isize {
    match at.checked_rem_euclid(period) {
        Some(at) => at,
        None => 0,
    }
}
