//! What lies outside the picture, by walking. Layers and filters both read their taps through [`look`].
//!
//! Each mode is a picture of letters: the image `abcd` in the middle, what is read around it left and right.
//!
//! ```
//! use convoke_core::Border;
//! use convoke_reference::border::letters;
//! assert_eq!(letters(Border::Zero, "abcd", 4), "....|abcd|....");
//! assert_eq!(letters(Border::Constant(7.0), "abcd", 4), "iiii|abcd|iiii");
//! assert_eq!(letters(Border::Replicate, "abcd", 4), "aaaa|abcd|dddd");
//! assert_eq!(letters(Border::Reflect, "abcd", 4), "dcba|abcd|dcba");
//! assert_eq!(letters(Border::Reflect101, "abcd", 4), "cdcb|abcd|cbab");
//! assert_eq!(letters(Border::Wrap, "abcd", 4), "abcd|abcd|abcd");
//! // None of them ends where the image is used up.
//! assert_eq!(letters(Border::Reflect, "ab", 7), "bbaabba|ab|baabbaa");
//! assert_eq!(letters(Border::Reflect101, "abc", 7), "bcbabcb|abc|babcbab");
//! assert_eq!(letters(Border::Wrap, "abc", 7), "cabcabc|abc|abcabca");
//! assert_eq!(letters(Border::Reflect101, "a", 3), "aaa|a|aaa");
//! ```

use convoke_core::Border;

/// What a tap finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tap {
    /// The pixel `[y, x]` of the picture.
    Pixel([usize; 2]),
    /// No pixel, but a value.
    Value(f32),
    /// Nothing: the tap does not take part in the sum.
    Absent,
}

/// What a tap at row `y` and column `x` finds, in a picture of `size` `[H, W]`.
///
/// # Panics
/// If the picture is empty.
pub fn look(border: Border, [y, x]: [i64; 2], size: [usize; 2]) -> Tap {
    match (walk(border, y, size[0]), walk(border, x, size[1]), border) {
        (Some(y), Some(x), _) => Tap::Pixel([y, x]),
        (_, _, Border::Constant(value)) => Tap::Value(value),
        _ => Tap::Absent,
    }
}

/// Which of `len` pixels in a line is read at coordinate `at`; `None` for no pixel.
///
/// Somebody stands on the edge pixel that is nearest to `at` and takes as many steps outwards as `at` is away. How
/// they go on at an edge *is* the border mode: they stand still for ever (replicate), jump to the other end (wrap), or
/// turn round, either losing a step over it, so that the edge pixel is seen twice (reflect), or not (reflect101).
///
/// # Panics
/// If `len` is zero.
pub fn walk(border: Border, at: i64, len: usize) -> Option<usize> {
    let last = i64::try_from(len).expect("a picture that fits in memory") - 1;
    assert!(last >= 0, "an empty picture has nothing to read");
    let mut here = at.clamp(0, last);
    let mut direction = if at < 0 { -1 } else { 1 };
    for _ in 0..at.abs_diff(here) {
        let next = here + direction;
        if (0..=last).contains(&next) {
            here = next;
            continue;
        }
        match border {
            Border::Zero | Border::Constant(_) => return None,
            Border::Replicate => {}
            Border::Wrap => here = last - here,
            Border::Reflect => direction = -direction,
            Border::Reflect101 => {
                direction = -direction;
                // An image of one pixel has nowhere to go: its mirror images are itself.
                here = (here + direction).clamp(0, last);
            }
        }
    }
    Some(here as usize)
}

/// The letter picture of a border mode: `reach` letters on each side of `image`, `i` for the constant and `.` for
/// an absent tap.
pub fn letters(border: Border, image: &str, reach: usize) -> String {
    let image: Vec<char> = image.chars().collect();
    let (len, reach) = (image.len() as i64, reach as i64);
    let read = |at| match look(border, [0, at], [1, image.len()]) {
        Tap::Pixel([_, x]) => image[x],
        Tap::Value(_) => 'i',
        Tap::Absent => '.',
    };
    let part = |from: i64, to: i64| (from..to).map(read).collect::<String>();
    [part(-reach, 0), part(0, len), part(len, len + reach)].join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The infinite line of letters, made by repeating what the mode repeats.
    fn repeated(border: Border, len: usize) -> Vec<usize> {
        let there = 0..len;
        match border {
            Border::Wrap => there.collect(),
            // The image and its mirror image.
            Border::Reflect => there.clone().chain(there.rev()).collect(),
            // The image and its mirror image without the two edge pixels.
            _ => there.clone().chain((1..len.max(1) - usize::from(len > 1)).rev()).collect(),
        }
    }

    #[test]
    fn walking_is_reading_a_periodic_line() {
        for border in [Border::Wrap, Border::Reflect, Border::Reflect101] {
            for len in 1..6 {
                let period = repeated(border, len);
                for at in -40_i64..40 {
                    let expected = period[at.rem_euclid(period.len() as i64) as usize];
                    assert_eq!(walk(border, at, len), Some(expected), "{border:?} of {len} at {at}");
                }
            }
        }
        assert_eq!(repeated(Border::Reflect, 3), [0, 1, 2, 2, 1, 0]);
        assert_eq!(repeated(Border::Reflect101, 4), [0, 1, 2, 3, 2, 1]);
        assert_eq!(repeated(Border::Reflect101, 2), [0, 1]);
        assert_eq!(repeated(Border::Reflect101, 1), [0]);
    }

    #[test]
    fn two_directions() {
        assert_eq!(look(Border::Zero, [1, 2], [2, 3]), Tap::Pixel([1, 2]));
        assert_eq!(look(Border::Zero, [2, 2], [2, 3]), Tap::Absent);
        assert_eq!(look(Border::Constant(7.0), [1, -1], [2, 3]), Tap::Value(7.0));
        assert_eq!(look(Border::Replicate, [-5, 9], [2, 3]), Tap::Pixel([0, 2]));
        assert_eq!(look(Border::Reflect, [-2, 3], [2, 3]), Tap::Pixel([1, 2]));
        assert_eq!(look(Border::Reflect101, [-1, 3], [2, 3]), Tap::Pixel([1, 1]));
        assert_eq!(look(Border::Wrap, [-1, 3], [2, 3]), Tap::Pixel([1, 0]));
    }
}
