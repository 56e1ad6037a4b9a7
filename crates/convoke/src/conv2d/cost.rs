//! What a plan would cost, in the time of one vector multiply-add: the unit in which algorithms are compared. A core that
//! starts two a cycle has [`PER_NANOSECOND`] of them at 4 GHz, whatever the level.
//!
//! ```text
//! cost = max(c, m) + min(c, m) / 4
//! c = v * t * (a + o / n) + moving       v vector multiply-adds, t the part of the taps that are inside the image,
//!                                        n of them to a vector of outputs
//! m = bytes of input, weights and output / bytes that a cache that holds them all moves in the time
//! ```
//!
//! `a` is 1 for tiles that use each load many times, and more where the loads are what takes the time; `o` is what each vector
//! of outputs costs once. The constants of the product were fitted to the times of 57 layers of known networks in both layouts, on
//! one core with AVX-512; those of the direct kernels to the same layers and to random ones, on a core with two multiply-adds a
//! cycle (`docs/performance.md`). `convoke bench --algo direct` and `--algo gemm` show both times.

use convoke_core::{Border, Conv2dDesc, Geometry, Layout};

use super::engine::Engine;

/// Vector multiply-adds that a core starts in a nanosecond: what times are told for.
pub(super) const PER_NANOSECOND: f64 = 8.0;

/// Starting a tile, scattering it, and all else that each vector of outputs costs once. In NHWC tiles of the same pixels start
/// together.
const DIRECT_NHWC_PER_OUTPUT: f64 = 6.0;
const DIRECT_NCHW_PER_OUTPUT: f64 = 10.0;
const GEMM_PER_OUTPUT: f64 = 14.0;

/// What the product's loads cost beside its multiply-adds, as a factor of these. NCHW has narrower tiles at the ends
/// of its pixels.
const GEMM_NHWC: f64 = 1.07;
const GEMM_NCHW: f64 = 1.10;

/// The same for stripes, and for lanes that each have in channels of their own: with one of them a vector of input is
/// loaded for a few multiply-adds only, and so many vectors of input come with a vector of outputs; with more, each is
/// brought to its lane first.
const STRIPES: f64 = 1.08;
const DEPTHWISE: f64 = 1.35;
const DEPTHWISE_PER_INPUT: f64 = 3.5;
const GROUPED: f64 = 2.0;
const GROUPED_PER_OUTPUT: f64 = 20.0;

/// Pixels that lie a multiple of 4 KiB apart compete for the same few places in the first cache, and there are more of
/// them in a tile than places: a factor of the multiply-adds where pixels are read in place. Bands move them apart.
const DIRECT_CROWDED: f64 = 0.35;

/// Up to so many bytes, so many are moved in the time of a vector multiply-add; above the last, [`FROM_MEMORY`].
const CACHES: [(f64, f64); 2] = [(1e6, 30.0), (16e6, 12.5)];
const FROM_MEMORY: f64 = 5.0;

/// The predicted cost of a plan's run.
pub(super) fn cost(engine: &Engine) -> u64 {
    let (desc, geometry) = (engine.desc(), engine.geometry());
    let computing = match engine {
        Engine::Direct(plan) => direct(desc, geometry, &plan.describe()),
        Engine::Gemm(plan) => {
            let plan = plan.describe();
            let steps = (desc.kernel[0] * desc.kernel[1] * geometry.group_in) as f64;
            let factor = if desc.layout == Layout::Nhwc { GEMM_NHWC } else { GEMM_NCHW };
            let multiply = plan.vector_macs as f64 * (factor + GEMM_PER_OUTPUT / steps);
            multiply + plan.gathered as f64 * per_gathered(engine)
        }
    };
    let values = geometry.src.len as f64 + geometry.dst.len as f64 + geometry.weights_len as f64;
    let bytes = values * size_of::<f32>() as f64;
    let rate = CACHES.iter().find(|(size, _)| bytes <= *size).map_or(FROM_MEMORY, |(_, rate)| *rate);
    let moving = bytes / rate;
    // A cast from float saturates.
    (computing.max(moving) + 0.25 * computing.min(moving)) as u64
}

/// What the direct algorithm computes.
fn direct(desc: &Conv2dDesc, geometry: &Geometry, plan: &convoke_core::Description) -> f64 {
    let steps = (desc.kernel[0] * desc.kernel[1] * geometry.group_in) as f64;
    let lanes = plan.reads.starts_with("lanes");
    let factor = match plan.reads {
        "pixels in place" => {
            let apart = desc.in_channels.wrapping_mul(desc.stride[1]).wrapping_mul(size_of::<f32>());
            let crowded = desc.layout == Layout::Nhwc && apart.is_multiple_of(4096);
            1.0 + if crowded { DIRECT_CROWDED } else { 0.0 }
        }
        "stripes in place" | "stripes by bands" => STRIPES,
        _ if lanes && geometry.group_in == 1 => DEPTHWISE,
        _ if lanes => GROUPED,
        _ => 1.0,
    };
    let once = match () {
        _ if lanes && geometry.group_in == 1 => {
            let inputs = [0, 1].map(|axis| desc.stride[axis].min(desc.kernel[axis]));
            DEPTHWISE_PER_INPUT * (inputs[0] * inputs[1]) as f64
        }
        _ if lanes => GROUPED_PER_OUTPUT,
        _ if desc.layout == Layout::Nhwc => DIRECT_NHWC_PER_OUTPUT,
        _ => DIRECT_NCHW_PER_OUTPUT,
    };
    // Zeros around the image are skipped, but where pixels are lanes.
    let skipped = desc.border == Border::Zero && (lanes || plan.reads.starts_with("pixels"));
    let inside = if skipped { inside(desc, geometry, 0) * inside(desc, geometry, 1) } else { 1.0 };
    plan.vector_macs as f64 * (factor * inside + once / steps) + plan.moving as f64
}

/// The part of the taps along an axis that lie inside the image, over all outputs.
fn inside(desc: &Conv2dDesc, geometry: &Geometry, axis: usize) -> f64 {
    let (stride, outputs) = (desc.stride[axis], geometry.out_size[axis]);
    let (before, size) = (geometry.pad_before[axis], desc.in_size[axis]);
    let taps = desc.kernel[axis];
    if taps > MANY_TAPS || [before, geometry.pad_after[axis]] == [0, 0] {
        return 1.0;
    }
    let outputs_of = |tap: usize| {
        let at = tap.saturating_mul(desc.dilation[axis]);
        // Outputs up to the first that sees a place inside, and up to the first that sees one behind it.
        let first = before.saturating_sub(at).div_ceil(stride).min(outputs);
        let end = before.saturating_add(size).saturating_sub(at).div_ceil(stride).min(outputs);
        end.saturating_sub(first)
    };
    let all: f64 = (0..taps).map(|tap| outputs_of(tap) as f64).sum();
    all / (taps as f64 * outputs as f64)
}

/// Taps that are worth counting.
const MANY_TAPS: usize = 256;

/// An element that the product copies into a panel: the longer the stretches that lie in the image as they do in the
/// panel, the cheaper.
fn per_gathered(engine: &Engine) -> f64 {
    let (desc, geometry) = (engine.desc(), engine.geometry());
    match desc.layout {
        Layout::Nhwc => {
            // The channels of a tap; with all channels in one group and dense taps, a row of taps.
            let taps = if desc.groups == 1 && desc.dilation[1] == 1 { desc.kernel[1] } else { 1 };
            0.05 + 20.0 / (geometry.group_in * taps) as f64
        }
        Layout::Nchw => {
            // The pixels of a row.
            let row = geometry.out_size[1] as f64;
            if desc.stride[1] == 1 { 0.5 + 10.0 / row } else { 1.0 + 25.0 / row }
        }
    }
}

#[cfg(test)]
mod tests {
    use convoke_core::{Conv2dDesc, Level, Padding};

    use super::*;
    use crate::options::Algorithm;

    /// Whether the product is predicted to be cheaper.
    fn product_wins(desc: &Conv2dDesc) -> bool {
        let cost = |algorithm| cost(&Engine::new(desc, Level::detect(), algorithm).unwrap());
        cost(Algorithm::Gemm) < cost(Algorithm::Direct)
    }

    #[test]
    fn clear_cases() {
        if Level::detect().lanes() != 16 {
            return; // The constants, and which cases are clear, are those of AVX-512.
        }
        for (layout, in_channels, size, out_channels, kernel, groups, expected) in [
            (Layout::Nhwc, 256, 14, 256, 3, 1, false),
            (Layout::Nhwc, 960, 7, 960, 3, 960, false),
            (Layout::Nhwc, 128, 56, 128, 3, 32, false),
            (Layout::Nhwc, 16, 112, 96, 1, 1, false),
            (Layout::Nhwc, 1024, 14, 256, 1, 1, false),
            (Layout::Nchw, 64, 56, 64, 1, 1, false),
            (Layout::Nchw, 512, 14, 512, 3, 1, false),
            (Layout::Nchw, 192, 28, 192, 3, 192, false),
        ] {
            let desc = Conv2dDesc::new(layout, 1, in_channels, [size, size], out_channels, [kernel, kernel])
                .groups(groups)
                .padding(Padding::Same);
            assert_eq!(product_wins(&desc), expected, "{desc:?}");
        }
    }

    #[test]
    fn absurd_layers_have_a_cost() {
        let desc = Conv2dDesc::new(Layout::Nhwc, 1 << 20, 1 << 10, [1 << 15, 1 << 15], 1, [1, 1]);
        if let Ok(engine) = Engine::new(&desc, Level::detect(), Algorithm::Gemm) {
            assert!(cost(&engine) > 1 << 40);
        }
    }
}
