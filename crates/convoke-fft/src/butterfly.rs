//! Transforms of 2 to 8 points in registers, every lane on its own.
//!
//! A forward transform is `y_k = sum over j of x_j * exp(-2 pi i j k / R)`; an inverse one has `+` and is not divided by
//! `R`. Multiplications by `i` are never made: they are the choice of what is added to what.

use convoke_simd::Simd;

/// A complex number in every lane: real and imaginary parts.
pub(crate) type Complex<S> = [<S as Simd>::F32; 2];

#[inline(always)]
fn add<S: Simd>(simd: S, a: Complex<S>, b: Complex<S>) -> Complex<S> {
    [simd.add(a[0], b[0]), simd.add(a[1], b[1])]
}

#[inline(always)]
fn sub<S: Simd>(simd: S, a: Complex<S>, b: Complex<S>) -> Complex<S> {
    [simd.sub(a[0], b[0]), simd.sub(a[1], b[1])]
}

/// `a - i b`, or `a + i b`.
#[inline(always)]
fn turn<S: Simd, const PLUS: bool>(simd: S, a: Complex<S>, b: Complex<S>) -> Complex<S> {
    if PLUS {
        [simd.sub(a[0], b[1]), simd.add(a[1], b[0])]
    } else {
        [simd.add(a[0], b[1]), simd.sub(a[1], b[0])]
    }
}

/// `a - i b` and `a + i b`; for an inverse transform the other way round.
#[inline(always)]
fn ends<S: Simd, const INVERSE: bool>(simd: S, a: Complex<S>, b: Complex<S>) -> [Complex<S>; 2] {
    let (minus, plus) = (turn::<S, false>(simd, a, b), turn::<S, true>(simd, a, b));
    if INVERSE { [plus, minus] } else { [minus, plus] }
}

/// `a + b * c` for a real constant `c`.
#[inline(always)]
fn mul_add<S: Simd>(simd: S, b: Complex<S>, c: f32, a: Complex<S>) -> Complex<S> {
    let c = simd.splat(c);
    [simd.mul_add(b[0], c, a[0]), simd.mul_add(b[1], c, a[1])]
}

#[inline(always)]
fn mul<S: Simd>(simd: S, a: Complex<S>, c: f32) -> Complex<S> {
    let c = simd.splat(c);
    [simd.mul(a[0], c), simd.mul(a[1], c)]
}

/// `a * w` for a twiddle factor `[re, im, -im]` that is the same in all lanes; conjugated if `CONJUGATE`.
#[inline(always)]
pub(crate) fn twiddle<S: Simd, const CONJUGATE: bool>(simd: S, a: Complex<S>, w: &[f32; 3]) -> Complex<S> {
    let (im, minus_im) = if CONJUGATE { (w[2], w[1]) } else { (w[1], w[2]) };
    let (re, im, minus_im) = (simd.splat(w[0]), simd.splat(im), simd.splat(minus_im));
    [simd.mul_add(a[1], minus_im, simd.mul(a[0], re)), simd.mul_add(a[0], im, simd.mul(a[1], re))]
}

#[inline(always)]
fn four<S: Simd, const INVERSE: bool>(simd: S, [a, b, c, d]: [Complex<S>; 4]) -> [Complex<S>; 4] {
    let (even, odd) = (add(simd, a, c), add(simd, b, d));
    four_of::<S, INVERSE>(simd, even, sub(simd, a, c), odd, sub(simd, b, d))
}

/// The second half of four points: from `a + c`, `a - c`, `b + d`, `b - d`.
#[inline(always)]
fn four_of<S: Simd, const INVERSE: bool>(
    simd: S,
    even: Complex<S>,
    even_off: Complex<S>,
    odd: Complex<S>,
    odd_off: Complex<S>,
) -> [Complex<S>; 4] {
    let [first, third] = ends::<S, INVERSE>(simd, even_off, odd_off);
    [add(simd, even, odd), first, sub(simd, even, odd), third]
}

/// The transform of `R` points; `R` is 2, 3, 4, 5 or 8.
#[inline(always)]
pub(crate) fn transform<S: Simd, const R: usize, const INVERSE: bool>(
    simd: S,
    x: [Complex<S>; R],
) -> [Complex<S>; R] {
    let mut y = x;
    match R {
        2 => {
            y[0] = add(simd, x[0], x[1]);
            y[1] = sub(simd, x[0], x[1]);
        }
        3 => {
            const SIN: f32 = 0.866_025_4;
            let (sum, off) = (add(simd, x[1], x[2]), sub(simd, x[1], x[2]));
            let middle = mul_add(simd, sum, -0.5, x[0]);
            let off = mul(simd, off, SIN);
            y[0] = add(simd, x[0], sum);
            [y[1], y[2]] = ends::<S, INVERSE>(simd, middle, off);
        }
        4 => y.copy_from_slice(&four::<S, INVERSE>(simd, [x[0], x[1], x[2], x[3]])),
        5 => {
            // cos and sin of 2 pi / 5 and 4 pi / 5
            const COS: [f32; 2] = [0.309_017, -0.809_017];
            const SIN: [f32; 2] = [0.951_056_5, 0.587_785_25];
            let (sum1, off1) = (add(simd, x[1], x[4]), sub(simd, x[1], x[4]));
            let (sum2, off2) = (add(simd, x[2], x[3]), sub(simd, x[2], x[3]));
            let middle1 = mul_add(simd, sum2, COS[1], mul_add(simd, sum1, COS[0], x[0]));
            let middle2 = mul_add(simd, sum2, COS[0], mul_add(simd, sum1, COS[1], x[0]));
            let off_1 = mul_add(simd, off2, SIN[1], mul(simd, off1, SIN[0]));
            let off_2 = mul_add(simd, off2, -SIN[0], mul(simd, off1, SIN[1]));
            y[0] = add(simd, x[0], add(simd, sum1, sum2));
            [y[1], y[4]] = ends::<S, INVERSE>(simd, middle1, off_1);
            [y[2], y[3]] = ends::<S, INVERSE>(simd, middle2, off_2);
        }
        8 => {
            const HALF: f32 = core::f32::consts::FRAC_1_SQRT_2;
            // Two transforms of four points: of the sums, and of the differences times eighth roots of 1.
            let even = four::<S, INVERSE>(
                simd,
                [add(simd, x[0], x[4]), add(simd, x[1], x[5]), add(simd, x[2], x[6]), add(simd, x[3], x[7])],
            );
            let [a, b, c, d] =
                [sub(simd, x[0], x[4]), sub(simd, x[1], x[5]), sub(simd, x[2], x[6]), sub(simd, x[3], x[7])];
            // b * (1 - i) and d * (-1 - i), or their conjugates.
            let (b, d) = if INVERSE {
                ([simd.sub(b[0], b[1]), simd.add(b[0], b[1])], [simd.add(d[0], d[1]), simd.sub(d[1], d[0])])
            } else {
                ([simd.add(b[0], b[1]), simd.sub(b[1], b[0])], [simd.sub(d[0], d[1]), simd.add(d[0], d[1])])
            };
            // The minus sign of d goes into the constant.
            let (b, d) = (mul(simd, b, HALF), mul(simd, d, -HALF));
            let [sum, off] = ends::<S, INVERSE>(simd, a, c);
            let odd = four_of::<S, INVERSE>(simd, sum, off, add(simd, b, d), sub(simd, b, d));
            for k in 0..4 {
                y[2 * k] = even[k];
                y[2 * k + 1] = odd[k];
            }
        }
        _ => unreachable!("no pass has this radix"),
    }
    y
}
