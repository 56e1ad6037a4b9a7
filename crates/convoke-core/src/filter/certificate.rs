//! How far the f32 result of a filter on integers can lie from the exact value: what lets the fast path round to
//! integers and know that it was right. Made when a mask is packed, for every type of integers that pixels may have.
//!
//! With `u` the unit roundoff and `t` a bound on what an operation loses to underflow, every operation gives the
//! exact result times `1 + d`, `|d| <= u`, plus at most `t`. The bounds below follow the operations one by one. They
//! hold for fused and unfused levels alike, because the product of a tap may always round. They are evaluated in
//! f64, whose own relative errors (all terms are positive) stay far below [`SLACK`].

use super::exact::split;
use super::factor;
use super::scatter::Post;
use crate::Filter2dDesc;

/// Factor that covers the rounding of the bounds themselves.
const SLACK: f64 = 1.0 + 1.0 / 1024.0;

/// Unit roundoff of a format, its loss to underflow, and its largest finite value.
struct Format {
    unit: f64,
    underflow: f64,
    max: f64,
}

const F32: Format =
    Format { unit: 1.0 / 16_777_216.0, underflow: f32::from_bits(1) as f64, max: f32::MAX as f64 };
// What f64 loses to underflow is below 2^-1074, but that does not survive the bounds' own arithmetic.
const F64: Format = Format { unit: 1.0 / 9_007_199_254_740_992.0, underflow: 1e-300, max: f64::MAX };

/// The greatest magnitude of each type of integers that is read: u8, u16, i16.
const MAGNITUDES: [i32; 3] = [255, 65_535, 32_768];

/// One certificate for each type of integers that is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Certificates([Certificate; MAGNITUDES.len()]);

impl Certificates {
    /// For these weights. `outside` is the value of constant borders, 0 otherwise.
    pub(super) fn new(weights: &[f32], outside: f32, post: Post) -> Self {
        let sums = Sums::of(weights);
        // The product loses u of itself, then the sum so far, as computed, loses u of itself. For all magnitudes in one
        // walk: each step of a walk waits for the one before.
        let pixels = MAGNITUDES.map(|magnitude| pixel(magnitude, outside));
        let ([mut magnitudes, mut errors], n) = ([[0.0; MAGNITUDES.len()]; 2], MAGNITUDES.len());
        for &w in weights {
            for i in 0..n {
                let product = f64::from(w).abs() * pixels[i];
                let product_error = F32.unit * product + F32.underflow;
                magnitudes[i] += product;
                errors[i] += product_error;
                errors[i] += F32.unit * (magnitudes[i] + errors[i]) + F32.underflow;
            }
        }
        let mut certificates =
            MAGNITUDES.map(|magnitude| Certificate::exact(&sums, magnitude, outside, post));
        for (i, certificate) in certificates.iter_mut().enumerate() {
            certificate.margin = margin(after(post, magnitudes[i], errors[i], &F32));
        }
        Self(certificates)
    }

    /// The same for a mask of `size` with these factors, columns and rows of one or more terms, summed down and then across.
    pub(super) fn separable(
        mask: &[f32],
        size: [usize; 2],
        factors: [&[f32]; 2],
        outside: f32,
        post: Post,
    ) -> Self {
        let ([columns, rows], [r, s]) = (factors, size);
        let mut all = Factors {
            size,
            terms: columns.len() / r.max(1),
            reach: 0.0,
            rows: 0.0,
            far: 0.0,
            is_exact: false,
        };
        for (column, row) in columns.chunks_exact(r.max(1)).zip(rows.chunks_exact(s.max(1))) {
            let [column, row] = [column, row].map(|side| Sums::of(side).sum);
            all.reach += column * row;
            all.rows += row;
        }
        let sums = Sums::of(mask);
        // What adding up so many small numbers loses is far below one of them, or of the weights.
        all.far =
            factor::distance(mask, size, columns, rows) * SLACK + 8.0 * F64.unit * (sums.sum + all.reach);
        all.is_exact = columns.len() == r && factor::is_exact(mask, columns, rows);
        Self(MAGNITUDES.map(|magnitude| {
            let direct = Certificate::exact(&sums, magnitude, outside, post);
            Certificate::separable(direct, (&sums, &all), pixel(magnitude, outside), post)
        }))
    }

    /// The same for as many taps of one weight, summed in any order.
    pub(super) fn boxed(weight: f32, taps: usize, outside: f32, post: Post) -> Self {
        Self(MAGNITUDES.map(|magnitude| Certificate::boxed(weight, taps, magnitude, outside, post)))
    }

    /// The certificate for pixels of this range.
    pub(super) fn of(&self, [least, greatest]: [i32; 2]) -> Option<Certificate> {
        let src = greatest.max(-least);
        Some(MAGNITUDES.iter().zip(self.0).find(|&(&magnitude, _)| magnitude == src)?.1)
    }

    /// The certificate that results of these types need, if any: not where one type is f32, and not where the f32
    /// result always rounds correctly.
    pub(super) fn needed(&self, src: Option<[i32; 2]>, dst: Option<[i32; 2]>) -> Option<Certificate> {
        let certificate = self.of(src?)?;
        let [least, greatest] = dst?;
        let dst = greatest.max(-least);
        // Ties lie below this in magnitude.
        let bits = dst.ilog2() + u32::from(!dst.cast_unsigned().is_power_of_two());
        (bits > certificate.exact_bits).then_some(certificate)
    }
}

/// Distances from a tie at which results are safe to round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Certificate {
    /// Results always round like the exact value, ties included, to integers below 2 to this power; 0 for none.
    pub(super) exact_bits: u32,
    /// For other f32 results: below 1/4 if they round like the exact value at least this far from a tie; 1 if they
    /// never can be trusted.
    pub(super) margin: f32,
    /// The same for results whose sums are made in f64, and rounded to f32 once, by the algorithm that runs.
    pub(super) wide_margin: f32,
    /// The same for an f64 result that sums in any order, or anything above 1/4.
    pub(super) fine_margin: f64,
}

/// What certificates need to know of weights, apart from their order.
struct Sums {
    len: usize,
    /// Of the magnitudes.
    sum: f64,
    /// All weights are multiples of 2 to this power; `None` if they are 0.
    step: Option<i32>,
}

impl Sums {
    fn of(weights: &[f32]) -> Self {
        let step = weights.iter().filter(|&&w| w != 0.0).map(|&w| odd_part(w).1).min();
        Self { len: weights.len(), sum: weights.iter().map(|&w| f64::from(w).abs()).sum(), step }
    }
}

/// What certificates need to know of the factors of a mask.
struct Factors {
    /// Rows and columns of the mask.
    size: [usize; 2],
    /// Pairs of a column and a row.
    terms: usize,
    /// Of the magnitudes of all products, and of all rows.
    reach: f64,
    rows: f64,
    /// All differences together between the mask's values and the products.
    far: f64,
    /// Whether there are none.
    is_exact: bool,
}

/// The greatest magnitude of a pixel, on the border or not.
fn pixel(magnitude: i32, outside: f32) -> f64 {
    f64::from(outside).abs().max(f64::from(magnitude))
}

impl Certificate {
    /// All but the margin: of sums in f32 that are exact, and of those in f64.
    fn exact(sums: &Sums, magnitude: i32, outside: f32, post: Post) -> Self {
        let pixel = pixel(magnitude, outside);
        let integral = outside as i32 as f32 == outside;
        let exact_bits = if integral { exact_bits(sums, pixel, post) } else { 0 };
        // Any order of n terms: each takes part in at most n roundings.
        let magnitude = sums.sum * pixel;
        let roundings = sums.len as f64 + 1.0;
        let error = roundings * (F64.unit * magnitude + F64.underflow) * SLACK;
        let fine_margin = after(post, magnitude, error, &F64);
        Self { exact_bits, margin: 1.0, wide_margin: wide_margin(post, magnitude, fine_margin), fine_margin }
    }
}

impl Certificate {
    /// For as many taps of one weight, and pixels up to `magnitude`: exact, or not to be trusted with integers at all.
    fn boxed(weight: f32, taps: usize, magnitude: i32, outside: f32, post: Post) -> Self {
        const NONE: Post = Post { scale: 1.0, divisor: 1.0, offset: 0.0 };
        let pixel = pixel(magnitude, outside);
        let integral = outside as i32 as f32 == outside;
        let repeated = |weight: f32| {
            let one = Sums::of(&[weight]);
            Sums { len: taps, sum: one.sum * taps as f64, step: one.step }
        };
        // Sums of pixels, and then those times the weight.
        let sums_are_exact = integral && exact_bits(&repeated(1.0), pixel, NONE) > 0;
        let exact_bits = if sums_are_exact { exact_bits(&repeated(weight), pixel, post) } else { 0 };
        Self { exact_bits, margin: 1.0, wide_margin: 1.0, fine_margin: 1.0 }
    }

    /// The `direct` one for a mask with these factors, summed down and then across.
    fn separable(direct: Self, (mask, all): (&Sums, &Factors), pixel: f64, post: Post) -> Self {
        // The sums down are made of the same grid as the final ones, or a coarser one, and are no larger.
        let exact_bits = if all.is_exact { direct.exact_bits } else { 0 };
        // A product of a column's and a row's values meets at most R + 1 roundings on its way down, and across one for each
        // value of all rows and one more; each of them loses a unit of what is there. What underflows, in each of these and
        // in the factors, is multiplied by a pixel or by the row.
        let magnitude = all.reach.max(mask.sum) * pixel;
        let terms = all.terms as f64;
        let [r, s] = all.size.map(|n| n as f64);
        let growth = (r + terms * s + 2.0) * F32.unit;
        let values = mask.len as f64 + terms * (r + s + 2.0);
        let underflow = 4.0 * values * (all.rows + 1.0) * (pixel + 1.0) * F32.underflow;
        let error = growth * (1.0 + growth) * magnitude + (1.0 + growth) * all.far * pixel + underflow;
        let bound = if growth < 0.01 { after(post, magnitude, error, &F32) } else { f64::INFINITY };
        // In f64 the products across are rounded besides.
        let growth = (r + 2.0 * terms * s + 2.0) * F64.unit;
        let error = growth * (1.0 + growth) * magnitude + (1.0 + growth) * all.far * pixel + underflow;
        let wide_margin = wide_margin(post, magnitude, after(post, magnitude, error, &F64));
        Self { exact_bits, margin: margin(bound), wide_margin, ..direct }
    }
}

/// A tap of a second look takes as long as this many multiply-adds of one lane of a vector, and twice that where channels
/// lie apart.
const LOOK: f32 = 16.0;
/// What a multiply-add of vectors of f64 takes longer, in the same unit.
const WIDE: f32 = 4.0;

impl Certificate {
    /// Whether the `taps` multiply-adds of a filter are better made in f64, because f32 leaves so many pixels open. Where values
    /// lie is taken to be as likely anywhere between two integers.
    pub(super) fn is_better_wide(&self, desc: &Filter2dDesc, taps: usize) -> bool {
        let [r, s] = desc.mask_size.map(|side| side as f32);
        let apart = if desc.channels > 1 { 2.0 } else { 1.0 };
        let looks = |margin: f32| (2.0 * margin).min(1.0) * r * s * LOOK * apart;
        looks(self.margin) > looks(self.wide_margin) + WIDE * taps as f32
    }
}

/// The margin of results that are known up to `bound` in f64, and then rounded to f32: of sums below `magnitude`.
fn wide_margin(post: Post, magnitude: f64, bound: f64) -> f32 {
    let most =
        magnitude * f64::from(post.scale).abs() / f64::from(post.divisor) + f64::from(post.offset).abs();
    let most = (most + bound) * SLACK;
    if most < F32.max { margin((bound + F32.unit * most + F32.underflow) * SLACK) } else { 1.0 }
}

/// A bound as a margin: rounded up on the way to f32, and never a denormal; 1 for one that is too large.
fn margin(bound: f64) -> f32 {
    // NaN and infinity fail the comparison.
    if bound < 0.24 { (bound + 1e-30) as f32 * (1.0 + 2.0 * f32::EPSILON) } else { 1.0 }
}

/// The error after scale, divisor and offset of a sum below `magnitude` that is off by up to `error`. Infinite or NaN
/// if a step could overflow.
fn after(post: Post, mut magnitude: f64, mut error: f64, format: &Format) -> f64 {
    // What a step makes is scaled, then rounded; its size is at most `magnitude + error` before rounding.
    let mut finite = true;
    let mut round = |magnitude: f64, error: f64| {
        finite &= (magnitude + error) * SLACK < format.max;
        error + format.unit * (magnitude + error) + format.underflow
    };
    error = round(magnitude, error);
    if post.scale != 1.0 {
        let scale = f64::from(post.scale).abs();
        magnitude *= scale;
        error = round(magnitude, error * scale);
    }
    if post.divisor != 1.0 {
        let divisor = f64::from(post.divisor);
        magnitude /= divisor;
        error = round(magnitude, error / divisor);
    }
    if post.offset != 0.0 {
        magnitude += f64::from(post.offset).abs();
        error = round(magnitude, error);
    }
    if finite { error * SLACK } else { f64::INFINITY }
}

/// A set of numbers: multiples of `2^step` up to `most` of them on either side of 0.
#[derive(Clone, Copy)]
struct Grid {
    step: i32,
    most: f64,
}

impl Grid {
    /// Whether f32 holds every number of the grid: 24 bits of integer, neither too small nor too large.
    fn fits(&self) -> bool {
        self.most <= 16_777_216.0 && (-149..=103).contains(&self.step)
    }
}

/// The greatest `k` such that the f32 result, rounded to an integer below `2^k` with ties to even, is always the exact
/// value rounded so; 0 for none.
///
/// While the numbers that a step can give all lie on a grid that f32 holds, the step is exact, in any order, fused
/// or not: its exact result is a number of f32, and rounding leaves such a number alone.
///
/// There is one more case, the mean of integers. Let the value before the division be exact, and the division the
/// last step, with a quotient `q = N / D` for integers `N` and `D < 2^(24 - k)`. Ties `m + 1/2` below `2^k` are numbers
/// of f32, and rounding never carries a value across a number of f32. So the computed quotient is on the right side
/// of each tie, or on it; and on it only if `q` itself is: otherwise `|q - (m + 1/2)| >= 1 / (2 D) > 2^(k - 25)`, while f32
/// below `2^k` are at most `2^(k - 24)` apart and rounding moves `q` by at most half of that. (Where `q` lies beyond `2^k`
/// the nearest tie is more than 1/2 away.)
fn exact_bits(weights: &Sums, pixel: f64, post: Post) -> u32 {
    let Some(step) = weights.step else {
        // All sums are 0.
        return exact_bits_after(post, Grid { step: 0, most: 0.0 });
    };
    // The sum is exact while it is below 2^53 steps, and not below 2^24 of them if it is not exact.
    exact_bits_after(post, Grid { step, most: weights.sum * pixel / power(step) })
}

/// Where every step is exact: f32 holds all ties of integers of this size.
const ALL_EXACT: u32 = 23;

fn exact_bits_after(post: Post, mut grid: Grid) -> u32 {
    if !grid.fits() {
        return 0;
    }
    if post.scale == 0.0 {
        grid = Grid { step: 0, most: 0.0 };
    } else {
        let (odd, exponent) = odd_part(post.scale);
        grid = Grid { step: grid.step + exponent, most: grid.most * odd };
    }
    if !grid.fits() {
        return 0;
    }
    let (odd, exponent) = odd_part(post.divisor);
    grid.step -= exponent;
    if odd != 1.0 {
        // q = (multiple of 2^step) / odd
        let bits = (-grid.step).max(0);
        if post.offset != 0.0 || bits >= 24 || odd * power(bits) >= 16_777_216.0 {
            return 0;
        }
        // D < 2^(24 - k)
        let exact_bits = ((odd * power(bits)) as u32).leading_zeros() - 8;
        // Means of small numbers are small numbers: no quotient gets to where ties are closer than that.
        let greatest = grid.most * power(grid.step) / odd;
        return if greatest + 1.0 <= power(exact_bits as i32) { ALL_EXACT } else { exact_bits };
    }
    if post.offset != 0.0 {
        let (odd, exponent) = odd_part(post.offset);
        if grid.most == 0.0 {
            grid.step = exponent;
        }
        let step = grid.step.min(exponent);
        if (grid.step - step).max(exponent - step) > 24 {
            return 0;
        }
        let most = grid.most * power(grid.step - step) + odd * power(exponent - step);
        grid = Grid { step, most };
    }
    if grid.fits() { ALL_EXACT } else { 0 }
}

/// `|x|`, finite and not 0, as an odd integer times a power of two.
fn odd_part(x: f32) -> (f64, i32) {
    let (mantissa, exponent) = split(x);
    let zeros = mantissa.trailing_zeros();
    (f64::from(mantissa >> zeros), exponent + zeros as i32)
}

/// `2^exponent`, for exponents of f32.
fn power(exponent: i32) -> f64 {
    f64::from_bits(((1023 + i64::from(exponent)) as u64) << 52)
}
