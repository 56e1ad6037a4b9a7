//! Decides whether a filter of f32 taps is a narrow filter in disguise: all taps, up to a power of two, whole numbers,
//! and the rest of the request too.
//!
//! With `mask = taps * 2^e` the exact value of a [`Filter2dDesc`](crate::Filter2dDesc) is
//!
//! ```text
//! scale / divisor * 2^e * sum + offset  =  (scale' * sum + offset * divisor') / divisor'
//! ```
//!
//! Scale, divisor and offset are f32, so rational; where they bring numerator and denominator into range, the narrow
//! filter gives the same exact value and rounds it once in the same way, so the same bits as
//! [`Filter2dPlan`](crate::Filter2dPlan) from bytes to bytes. A matrix whose rows are multiples of one row is then split
//! into a column and a row, exactly: the row divided by the greatest common divisor of its entries is whole, and so is
//! every other row's quotient by it.

use super::desc::{NarrowDesc, NarrowMask};
use crate::filter::exact::split;
use crate::{Border, Error, Filter2dDesc};

/// Largest divisor of a narrow filter.
const LARGEST: i64 = 1 << 30;

/// The whole-numbered form of a mask, in buffers of the caller's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NarrowForm<'a> {
    /// The descriptor to plan: same exact values as the one that was given.
    pub desc: NarrowDesc<'a>,
}

/// The narrow filter with the same exact values as `desc` with `mask`, or `None` if there is none that this looks
/// for. `buffer` holds the taps and must have at least `R * S + R + S` elements.
///
/// Takes the time to look at each tap a few times.
///
/// # Errors
/// [`Error::Length`] if `mask` does not have `R * S` elements, or the buffer is too short.
///
/// ```
/// use convoke_core::{Filter2dDesc, NarrowMask, narrow_form};
/// let desc = Filter2dDesc::new([480, 640], 1, [3, 3]);
/// let blur = [0.0625, 0.125, 0.0625, 0.125, 0.25, 0.125, 0.0625, 0.125, 0.0625];
/// let mut buffer = [0; 15];
/// let narrow = narrow_form(&desc, &blur, &mut buffer)?.expect("sixteenths").desc;
/// assert_eq!(narrow.mask, NarrowMask::Separable { column: &[1, 2, 1], row: &[1, 2, 1] });
/// assert_eq!(narrow.divisor, 16);
/// # Ok::<(), convoke_core::Error>(())
/// ```
pub fn narrow_form<'b>(
    desc: &Filter2dDesc,
    mask: &[f32],
    buffer: &'b mut [i16],
) -> Result<Option<NarrowForm<'b>>, Error> {
    let [r, s] = desc.mask_size;
    let area = r.checked_mul(s).ok_or(Error::Overflow { operand: "mask" })?;
    if mask.len() != area || area == 0 {
        return Err(Error::Length { operand: "mask", required: area, got: mask.len() });
    }
    let required = area
        .checked_add(r)
        .and_then(|len| len.checked_add(s))
        .ok_or(Error::Overflow { operand: "buffer" })?;
    if buffer.len() < required {
        return Err(Error::Length { operand: "buffer", required, got: buffer.len() });
    }
    let (taps, rest) = buffer.split_at_mut(area);
    Ok(form(desc, mask, taps, rest).map(|desc| NarrowForm { desc }))
}

fn form<'b>(
    desc: &Filter2dDesc,
    mask: &[f32],
    taps: &'b mut [i16],
    lines: &'b mut [i16],
) -> Option<NarrowDesc<'b>> {
    if let Border::Constant(value) = desc.border
        && !(0..=255).any(|byte| byte as f32 == value)
    {
        return None;
    }
    if desc.divisor.is_nan() || desc.divisor <= 0.0 || desc.scale == 0.0 {
        return None;
    }
    // Where all taps are the same, one look will do.
    let is_box = mask.iter().all(|w| *w == mask[0]);
    let (all_taps, looked_at) = (taps, if is_box { 1 } else { mask.len() });
    let (mask, taps) = (&mask[..looked_at], &mut all_taps[..looked_at]);
    // mask = taps * 2^exponent, with the taps as small as they can be.
    let exponent = mask.iter().filter(|&&w| w != 0.0).map(|&w| odd(w).map(|(_, e)| e)).min()??;
    for (tap, &w) in taps.iter_mut().zip(mask) {
        *tap = if w == 0.0 { 0 } else { shifted(odd(w)?, -exponent)?.try_into().ok()? };
    }
    let common = taps.iter().fold(0, |a, &b| if a == 1 { 1 } else { gcd(a, b.into()) });
    if common != 1 {
        for tap in &mut *taps {
            *tap = (i64::from(*tap) / common) as i16;
        }
    }

    // The value is (above * sum) / below + offset, with above and below whole.
    let [(scale, scale_exponent), (divisor, divisor_exponent)] = [odd(desc.scale)?, odd(desc.divisor)?];
    let exponent = exponent + scale_exponent - divisor_exponent;
    let above = shifted((scale.checked_mul(common)?, exponent.max(0)), 0)?;
    let below = shifted((divisor, (-exponent).max(0)), 0)?;
    let less = gcd(above, below);
    let (above, below) = (above / less, below / less);
    // offset = offset' * 2^e; with e below 0 the whole fraction is expanded by 2^-e.
    let (offset, offset_exponent) = if desc.offset == 0.0 { (0, 0) } else { odd(desc.offset)? };
    let more = shifted((1, (-offset_exponent).max(0)), 0)?;
    let more = more / gcd(more, below);
    let (above, below) = (above.checked_mul(more)?, below.checked_mul(more)?);
    if below > LARGEST {
        return None;
    }
    let offset = shifted((offset.checked_mul(below)?, offset_exponent), 0)?;
    let offset = i32::try_from(offset).ok().filter(|&offset| i64::from(offset).abs() <= LARGEST)?;
    for tap in &mut *taps {
        *tap = i64::from(*tap).checked_mul(above)?.try_into().ok()?;
    }
    if is_box {
        all_taps.fill(all_taps[0]);
    }
    let taps = all_taps;

    let [r, s] = desc.mask_size;
    let (column, row) = lines.split_at_mut(r);
    let row = &mut row[..s];
    let mask = if taps.iter().all(|&tap| tap == 1) && r.max(s) <= 4095 {
        NarrowMask::Ones([r, s])
    } else if factor(taps, column, row) {
        NarrowMask::Separable { column, row }
    } else {
        NarrowMask::Full { size: [r, s], taps }
    };
    let mut narrow = NarrowDesc::new(desc.size, desc.channels, mask)
        .anchor(desc.anchor)
        .border(desc.border)
        .mode(desc.mode)
        .divisor(below as u32)
        .offset(offset);
    narrow.src_row_stride = desc.src_row_stride;
    narrow.dst_row_stride = desc.dst_row_stride;
    Some(narrow)
}

/// Splits a matrix of rank 1 into `column` and `row`; whether it has rank 1. A matrix of zeros has not.
fn factor(taps: &[i16], column: &mut [i16], row: &mut [i16]) -> bool {
    let s = row.len();
    let Some(first) = taps.chunks_exact(s).find(|line| line.iter().any(|&tap| tap != 0)) else {
        return false;
    };
    let common = first.iter().fold(0, |a, &b| gcd(a, b.into()));
    for (row, &tap) in row.iter_mut().zip(first) {
        *row = (i64::from(tap) / common) as i16;
    }
    // Where the row is not 0, every line must have the same quotient by it.
    let pivot = row.iter().position(|&tap| tap != 0).unwrap_or(0);
    for (column, line) in column.iter_mut().zip(taps.chunks_exact(s)) {
        let quotient = i32::from(line[pivot]) / i32::from(row[pivot]);
        if !line.iter().zip(&*row).all(|(&tap, &row)| i32::from(tap) == quotient * i32::from(row)) {
            return false;
        }
        // A quotient of the least tap by -1 is the one that does not fit.
        let Ok(quotient) = quotient.try_into() else { return false };
        *column = quotient;
    }
    true
}

/// A finite number that is not 0 as an odd integer times a power of two.
fn odd(x: f32) -> Option<(i64, i32)> {
    if !x.is_finite() || x == 0.0 {
        return None;
    }
    let (mantissa, exponent) = split(x);
    let zeros = mantissa.trailing_zeros();
    let magnitude = i64::from(mantissa >> zeros);
    Some((if x < 0.0 { -magnitude } else { magnitude }, exponent + zeros as i32))
}

/// `integer * 2^(exponent + by)`, if that is whole and not too large.
fn shifted((integer, exponent): (i64, i32), by: i32) -> Option<i64> {
    let exponent = exponent + by;
    if exponent >= 0 {
        if integer == 0 {
            return Some(0);
        }
        (exponent < 40).then(|| integer.checked_mul(1 << exponent))?
    } else {
        let down = exponent.unsigned_abs();
        (down < 63 && integer.trailing_zeros() >= down).then(|| integer >> down)
    }
}

/// The greatest common divisor, not negative.
fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::{NarrowMask, narrow_form};
    use crate::filter::tests::{BORDERS, Random};
    use crate::{Border, Filter2dDesc, Filter2dPlan, Level, Mode, NarrowPlan, NarrowScratch};

    /// Both ways to bytes.
    fn check(desc: &Filter2dDesc, mask: &[f32], random: &mut Random) -> bool {
        let mut buffer = vec![0; mask.len() + desc.mask_size[0] + desc.mask_size[1]];
        let Some(form) = narrow_form(desc, mask, &mut buffer).unwrap() else { return false };
        let Ok(narrow) = NarrowPlan::new(&form.desc, Level::detect()) else { return false };
        let src = random.bytes(narrow.src_len());
        let wide = Filter2dPlan::new(desc, Level::detect()).unwrap();
        let mut packed = vec![0.0; wide.packed_len()];
        let packed = wide.pack(mask, &mut packed).unwrap();
        let mut expected = vec![7_u8; wide.dst_len()];
        wide.run(&packed, &src, &mut expected, &mut vec![f32::NAN; wide.scratch_len()]).unwrap();
        for level in Level::available() {
            let narrow = NarrowPlan::new(&form.desc, level).unwrap();
            let mut dst = vec![7_u8; narrow.dst_len()];
            let len = narrow.scratch_len();
            let (mut bytes, mut halves, mut words) =
                (vec![3; len.bytes], vec![3; len.halves], vec![3; len.words]);
            let mut scratch = NarrowScratch { bytes: &mut bytes, halves: &mut halves, words: &mut words };
            narrow.run(&src, &mut dst, &mut scratch).unwrap();
            assert!(dst == expected, "{level}: {desc:?}, mask {mask:?}, as {:?}", form.desc);
        }
        true
    }

    #[test]
    fn same_bits_as_in_floats() {
        let mut random = Random(60);
        let mut found = [0; 2];
        for round in 0..600 {
            let [r, s] = [1 + random.below(7), 1 + random.below(7)];
            let unit = 2_f32.powi(random.below(12) as i32 - 8) * [1.0, 3.0][random.below(2)];
            let whole = |n: usize, random: &mut Random| -> Vec<f32> {
                (0..n).map(|_| random.below(19) as f32 - 9.0).collect()
            };
            let mask: Vec<f32> = match round % 4 {
                0 => {
                    let (column, row) = (whole(r, &mut random), whole(s, &mut random));
                    column.iter().flat_map(|c| row.iter().map(move |r| c * r * unit)).collect()
                }
                1 => vec![unit; r * s],
                _ => whole(r * s, &mut random).iter().map(|w| w * unit).collect(),
            };
            let border = match BORDERS[random.below(6)] {
                Border::Constant(_) => Border::Constant(random.below(256) as f32),
                border => border,
            };
            let channels = 1 + random.below(4);
            let desc = Filter2dDesc::new([1 + random.below(9), 1 + random.below(90)], channels, [r, s])
                .anchor([random.below(r), random.below(s)])
                .border(border)
                .mode([Mode::Correlate, Mode::Convolve][random.below(2)])
                .scale([1.0, 1.0, -0.5, 3.0][random.below(4)])
                .divisor([1.0, (r * s) as f32, 6.0, 0.75, 16.0][random.below(5)])
                .offset([0.0, 0.0, 128.0, 0.5, -3.25][random.below(5)]);
            found[usize::from(check(&desc, &mask, &mut random))] += 1;
        }
        assert!(found[1] > 500, "{found:?}");
    }

    #[test]
    fn what_is_found_and_what_is_not() {
        let desc = Filter2dDesc::new([8, 8], 1, [3, 3]);
        let find = |desc: Filter2dDesc, mask: [f32; 9]| {
            let mut buffer = vec![0; 15];
            narrow_form(&desc, &mask, &mut buffer)
                .unwrap()
                .map(|form| (std::format!("{:?}", form.desc.mask), form.desc.divisor, form.desc.offset))
        };
        let ones = std::format!("{:?}", NarrowMask::Ones([3, 3]));
        assert_eq!(find(desc.divisor(9.0), [1.0; 9]), Some((ones.clone(), 9, 0)));
        assert_eq!(find(desc.divisor(9.0).offset(128.0), [1.0; 9]), Some((ones.clone(), 9, 1152)));
        assert_eq!(find(desc, [0.125; 9]), Some((ones, 8, 0)));
        let sobel = [-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0];
        // The first row that is not 0 gives the row, reduced.
        let expected = NarrowMask::Separable { column: &[1, 2, 1], row: &[-1, 0, 1] };
        assert_eq!(find(desc, sobel), Some((std::format!("{expected:?}"), 1, 0)));
        let laplacian = [0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0];
        assert!(find(desc, laplacian).unwrap().0.starts_with("Full"));
        // A ninth is no small whole number times a power of two; nor are huge and tiny taps together.
        assert_eq!(find(desc, [1.0 / 9.0; 9]), None);
        assert_eq!(find(desc, [1e30, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]), None);
        assert_eq!(find(desc, [f32::NAN; 9]), None);
        assert_eq!(find(desc.border(Border::Constant(0.5)), [1.0; 9]), None);
        assert_eq!(find(desc, [0.0; 9]), None);
    }
}
