//! The definitions: the weighted sum at one pixel, convolution, correlation. Everything else in Convoke is these
//! sums with sizes, borders and channels around them.
//!
//! A picture is a function on all of the plane's integer points `(x, y)`, `x` to the right and `y` down, that is zero
//! outside some rectangle. A mask is a picture too, drawn around the point `(0, 0)`. With a mask `f` and a picture
//! `g`,
//!
//! ```text
//! convolution   (f * g)(x, y) = sum over i, j of  f(i, j) g(x - i, y - j)
//! correlation   (f ⋆ g)(x, y) = sum over i, j of  f(i, j) g(x + i, y + j)
//! ```
//!
//! One sign is all the difference, and it turns the mask by 180 degrees. Textbooks define the first and then draw the
//! second: a mask laid on the picture as it stands, products summed, the window slid on. Image tools and neural
//! networks compute the second and call it convolution. Take the mask with a single 1 to the right of its centre:
//!
//! ```
//! use convoke_reference::definition::{Picture, convolve, correlate};
//!
//! let picture = Picture::new([0, 0], &[&[1.0, 2.0, 3.0]]);
//! let mask = Picture::centred(&[&[0.0, 0.0, 0.0], &[0.0, 0.0, 1.0], &[0.0, 0.0, 0.0]]);
//! assert_eq!(mask.at(1, 0), 1.0);
//!
//! // Correlation reads one to the right, so the picture moves one to the *left* ...
//! assert_eq!(correlate(&mask, &picture).row(0, -2..4), [0.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
//! // ... and convolution reads one to the left, so the picture moves one to the *right*.
//! assert_eq!(convolve(&mask, &picture).row(0, -2..4), [0.0, 0.0, 0.0, 1.0, 2.0, 3.0]);
//! // The picture itself, for comparison, on the same stretch of the plane.
//! assert_eq!(picture.row(0, -2..4), [0.0, 0.0, 1.0, 2.0, 3.0, 0.0]);
//!
//! // Convolving is correlating with the mask turned by 180 degrees.
//! let mask = Picture::centred(&[&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], &[7.0, 8.0, 9.0]]);
//! assert_eq!(convolve(&mask, &picture), correlate(&mask.flipped(), &picture));
//! assert_ne!(convolve(&mask, &picture), correlate(&mask, &picture));
//! ```

use std::ops::Range;

/// A function on the plane's integer points that is zero outside a rectangle.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    left: i64,
    top: i64,
    width: i64,
    height: i64,
    values: Vec<f64>,
}

impl Picture {
    /// The picture with these rows, whose first value lies at `[left, top]`.
    ///
    /// # Panics
    /// If there is no value, or the rows differ in length.
    pub fn new([left, top]: [i64; 2], rows: &[&[f64]]) -> Self {
        let width = rows.first().map_or(0, |row| row.len());
        assert!(width > 0, "a picture needs a value");
        assert!(rows.iter().all(|row| row.len() == width), "rows of a picture are equally long");
        Self { left, top, width: width as i64, height: rows.len() as i64, values: rows.concat() }
    }

    /// The mask with these rows, whose central value lies at `(0, 0)`.
    ///
    /// # Panics
    /// As [`new`](Self::new), and if a side is even: it would have no centre.
    pub fn centred(rows: &[&[f64]]) -> Self {
        let mut mask = Self::new([0, 0], rows);
        assert!(mask.width % 2 == 1 && mask.height % 2 == 1, "a mask with a centre has odd sides");
        (mask.left, mask.top) = (-(mask.width / 2), -(mask.height / 2));
        mask
    }

    /// The value at `(x, y)`: zero outside the rectangle.
    pub fn at(&self, x: i64, y: i64) -> f64 {
        let (column, row) = (x - self.left, y - self.top);
        let inside = (0..self.width).contains(&column) && (0..self.height).contains(&row);
        if inside { self.values[(row * self.width + column) as usize] } else { 0.0 }
    }

    /// The values of row `y` for all `x` in `columns`.
    pub fn row(&self, y: i64, columns: Range<i64>) -> Vec<f64> {
        columns.map(|x| self.at(x, y)).collect()
    }

    /// The picture turned by 180 degrees about `(0, 0)`: its value at `(x, y)` is this one's at `(-x, -y)`.
    pub fn flipped(&self) -> Self {
        let [left, top] = [1 - self.left - self.width, 1 - self.top - self.height];
        Self::tabulate([left, top], [self.width, self.height], |x, y| self.at(-x, -y))
    }

    /// The picture with `value(x, y)` everywhere in a rectangle.
    fn tabulate([left, top]: [i64; 2], [width, height]: [i64; 2], value: impl Fn(i64, i64) -> f64) -> Self {
        let rows = top..top + height;
        let values = rows.flat_map(|y| (left..left + width).map(move |x| (x, y))).map(|(x, y)| value(x, y));
        Self { left, top, width, height, values: values.collect() }
    }
}

/// A linear spatial filter at one pixel: each weight of the mask times the picture's value under it, summed. This is
/// `(mask ⋆ picture)(x, y)`.
///
/// ```
/// use convoke_reference::definition::{Picture, weighted_sum};
/// let gradient = Picture::centred(&[&[-1.0, 0.0, 1.0][..]; 3]);
/// let step = Picture::new([0, 0], &[&[0.0, 0.0, 5.0, 5.0][..]; 3]);
/// assert_eq!(weighted_sum(&gradient, &step, 1, 1), 15.0); // 5 - 0, on three rows
/// assert_eq!(weighted_sum(&gradient, &step, 1, 0), 10.0); // on the picture's edge one row is missing
/// ```
pub fn weighted_sum(mask: &Picture, picture: &Picture, x: i64, y: i64) -> f64 {
    let mut sum = 0.0;
    for j in mask.top..mask.top + mask.height {
        for i in mask.left..mask.left + mask.width {
            sum += mask.at(i, j) * picture.at(x + i, y + j);
        }
    }
    sum
}

/// `(f ⋆ g)(x, y) = sum over i, j of f(i, j) g(x + i, y + j)`, on the whole rectangle where it can be other than zero.
pub fn correlate(f: &Picture, g: &Picture) -> Picture {
    // g(x + i, ..) is inside g for x from g's first column less f's last, to g's last less f's first.
    let left = g.left - (f.left + f.width - 1);
    let top = g.top - (f.top + f.height - 1);
    let size = [f.width + g.width - 1, f.height + g.height - 1];
    Picture::tabulate([left, top], size, |x, y| weighted_sum(f, g, x, y))
}

/// `(f * g)(x, y) = sum over i, j of f(i, j) g(x - i, y - j)`, on the whole rectangle where it can be other than zero.
pub fn convolve(f: &Picture, g: &Picture) -> Picture {
    let size = [f.width + g.width - 1, f.height + g.height - 1];
    Picture::tabulate([f.left + g.left, f.top + g.top], size, |x, y| {
        let mut sum = 0.0;
        for j in f.top..f.top + f.height {
            for i in f.left..f.left + f.width {
                sum += f.at(i, j) * g.at(x - i, y - j);
            }
        }
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convolution_multiplies_polynomials() {
        // (1 + 2t)(3 + 4t + 5t^2) = 3 + 10t + 13t^2 + 10t^3, on the axis x.
        let f = Picture::new([0, 0], &[&[1.0, 2.0]]);
        let g = Picture::new([0, 0], &[&[3.0, 4.0, 5.0]]);
        assert_eq!(convolve(&f, &g), Picture::new([0, 0], &[&[3.0, 10.0, 13.0, 10.0]]));
        assert_eq!(convolve(&g, &f), convolve(&f, &g));
        // (f ⋆ g)(x) = g(x) + 2 g(x + 1), from x = -1.
        assert_eq!(correlate(&f, &g), Picture::new([-1, 0], &[&[6.0, 11.0, 14.0, 5.0]]));
        // (g ⋆ f)(x) = 3 f(x) + 4 f(x + 1) + 5 f(x + 2), from x = -2: correlation does not commute.
        assert_eq!(correlate(&g, &f), Picture::new([-2, 0], &[&[5.0, 14.0, 11.0, 6.0]]));
    }

    #[test]
    fn convolution_in_two_dimensions() {
        let f = Picture::new([0, 0], &[&[1.0, 2.0], &[3.0, 4.0]]);
        let g = Picture::new([5, -2], &[&[1.0, 10.0], &[100.0, 1000.0]]);
        let rows: [&[f64]; 3] = [&[1.0, 12.0, 20.0], &[103.0, 1234.0, 2040.0], &[300.0, 3400.0, 4000.0]];
        assert_eq!(convolve(&f, &g), Picture::new([5, -2], &rows));
    }

    #[test]
    fn flipping() {
        let f = Picture::new([0, 3], &[&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]]);
        assert_eq!(f.flipped(), Picture::new([-2, -4], &[&[6.0, 5.0, 4.0], &[3.0, 2.0, 1.0]]));
        assert_eq!(f.flipped().flipped(), f);
        let g = Picture::new([1, 1], &[&[7.0, -1.0], &[2.0, 0.5]]);
        assert_eq!(convolve(&f, &g), correlate(&f.flipped(), &g));
        assert_eq!(correlate(&f, &g), convolve(&f.flipped(), &g));
    }

    #[test]
    fn an_impulse_gives_the_mask() {
        let impulse = Picture::new([0, 0], &[&[1.0]]);
        let mask = Picture::centred(&[&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], &[7.0, 8.0, 9.0]]);
        assert_eq!(convolve(&mask, &impulse), mask);
        assert_eq!(correlate(&mask, &impulse), mask.flipped());
    }
}
