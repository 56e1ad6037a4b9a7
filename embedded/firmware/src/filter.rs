//! A picture filtered row by row, as a camera would deliver it, and what that takes. The same for every type of pixel.

use convoke_core::{Border, Filter2dDesc, Filter2dPlan, Level, PackedMask, Pixel};

use crate::board::print;
use crate::buffer::Buffer;
use crate::measure::{Hash, measure, require};
use crate::picture::{BORDERS, DIVISOR, HEIGHT, MASK_3, WIDTH, mask, pixel};

/// The filter of the picture with a mask of this size.
const fn desc(size: [usize; 2], border: Border) -> Filter2dDesc {
    Filter2dDesc::new([HEIGHT, WIDTH], 1, size).divisor(DIVISOR).border(border)
}

const fn greater(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// The memory of the largest stream, which the compiler works out.
const STREAM: usize = greater(
    desc([1, 31], Border::Replicate).stream_len(),
    greater(desc([3, 3], Border::Reflect).stream_len(), desc([5, 5], Border::Replicate).stream_len()),
);
/// The same of the largest packed mask.
const PACKED: usize = desc([1, 31], Border::Replicate).packed_len();

static MEMORY: Buffer<f32, STREAM> = Buffer::new(0.0);
static MASK: Buffer<f32, PACKED> = Buffer::new(0.0);

/// Filters with every border, then measures masks of several sizes, of pixels of type `P`. `bits` are those of a pixel that
/// are hashed; `expected` the hashes, as the host has them.
pub fn check<P: Pixel>(
    name: [&str; 3],
    expected: &[u32; 9],
    src: &'static Buffer<P, { HEIGHT * WIDTH }>,
    dst: &'static Buffer<P, { HEIGHT * WIDTH }>,
    bits: fn(P) -> u32,
) -> u32 {
    let (memory, packed, src, dst) = (MEMORY.take(), MASK.take(), src.take(), dst.take());
    for (y, row) in src.chunks_exact_mut(WIDTH).enumerate() {
        for (x, p) in row.iter_mut().enumerate() {
            *p = P::from(pixel(y, x));
        }
    }
    let hash = |dst: &[P]| {
        let mut hash = Hash::new();
        for &p in dst {
            hash.add(bits(p));
        }
        hash.0
    };
    let mut expected = expected.iter();
    let mut is_expected = |dst: &[P], what: &str| {
        let hash = hash(dst);
        #[cfg(feature = "show")]
        crate::board::print_number(hash);
        require(cfg!(feature = "show") || expected.next() == Some(&hash), what);
    };
    let mut run = |[r, s]: [usize; 2], border, mask: &[f32], name: Option<&str>| -> Option<()> {
        let desc = desc([r, s], border);
        let plan = Filter2dPlan::new(&desc, Level::portable()).ok()?;
        let mask = plan.pack(mask, packed).ok()?;
        match name {
            None => stream(&plan, &mask, memory, src, dst)?,
            Some(name) => {
                let buffers = 4 * (desc.stream_len() + desc.packed_len());
                let mut done = None;
                measure(name, HEIGHT * WIDTH, buffers, &mut || {
                    done = stream(&plan, &mask, memory, src, dst);
                });
                done?;
            }
        }
        is_expected(dst, name.unwrap_or("a border"));
        Some(())
    };
    for border in BORDERS {
        require(run([3, 3], border, &MASK_3, None).is_some(), "a filter");
    }
    let border = Border::Replicate;
    require(run([3, 3], border, &MASK_3, Some(name[0])).is_some(), "3x3");
    require(run([5, 5], border, &mask::<25>(), Some(name[1])).is_some(), "5x5");
    require(run([1, 31], border, &mask::<31>(), Some(name[2])).is_some(), "1x31");
    print("done\n");
    0
}

/// The rows that the stream wants, one after the other; and each row of the result as soon as it is there.
fn stream<P: Pixel>(
    plan: &Filter2dPlan,
    mask: &PackedMask<'_>,
    memory: &mut [f32],
    src: &[P],
    dst: &mut [P],
) -> Option<()> {
    let mut stream = plan.stream::<P, P, _>(mask, memory).ok()?;
    let mut results = dst.chunks_exact_mut(WIDTH);
    let mut result = results.next();
    while let Some(y) = stream.wants() {
        stream.push(src.get(y * WIDTH..(y + 1) * WIDTH)?).ok()?;
        while let Some(row) = result.as_deref_mut() {
            if !stream.pull(row).ok()? {
                break;
            }
            result = results.next();
        }
    }
    stream.is_finished().then_some(())
}
