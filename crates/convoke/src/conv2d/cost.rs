//! What a plan would cost, in the time of one vector multiply-add: the unit in which algorithms are compared.
//!
//! The multiply-adds themselves are counted by the plans. The rest has few terms, each with a cause. The constants of the
//! product were fitted to the times of 57 layers of known networks in both layouts, on one core with AVX-512; those of
//! the direct kernels are from fewer layers, on a core with two multiply-adds a cycle (`docs/performance.md`).
//! `convoke bench --algo direct` and `--algo gemm` show both times.

use convoke_core::Layout;

use super::engine::Engine;

/// Starting a tile, scattering it, and all else that each vector of outputs costs once.
const DIRECT_PER_OUTPUT: f64 = 10.0;
const GEMM_PER_OUTPUT: f64 = 14.0;

/// What the product's loads cost beside its multiply-adds, as a factor of these. NCHW has narrower tiles at the ends
/// of its pixels.
const GEMM_NHWC: f64 = 1.07;
const GEMM_NCHW: f64 = 1.10;

/// An element that the direct kernels bring into another order, in squares.
const DIRECT_PER_MOVED: f64 = 0.7;

/// Pixels that lie a multiple of 4 KiB apart compete for the same few places in the first cache, and there are more of
/// them in a tile than places: a factor of the multiply-adds where pixels are read in place. Bands move them apart.
const DIRECT_CROWDED: f64 = 0.35;

/// The predicted cost of a plan's run.
pub(super) fn cost(engine: &Engine) -> u64 {
    let (desc, geometry) = (engine.desc(), engine.geometry());
    let steps = (desc.kernel[0] * desc.kernel[1] * geometry.group_in) as f64;
    let cost = match engine {
        Engine::Direct(plan) => {
            let plan = plan.describe();
            let multiply = plan.vector_macs as f64;
            let apart = desc.in_channels.wrapping_mul(desc.stride[1]).wrapping_mul(size_of::<f32>());
            let in_place = desc.layout == Layout::Nhwc && plan.reads == "pixels in place";
            let crowded = if in_place && apart.is_multiple_of(4096) { DIRECT_CROWDED } else { 0.0 };
            multiply * (1.0 + crowded + DIRECT_PER_OUTPUT / steps) + plan.moved as f64 * DIRECT_PER_MOVED
        }
        Engine::Gemm(plan) => {
            let plan = plan.describe();
            let factor = if desc.layout == Layout::Nhwc { GEMM_NHWC } else { GEMM_NCHW };
            let multiply = plan.vector_macs as f64 * (factor + GEMM_PER_OUTPUT / steps);
            multiply + plan.gathered as f64 * per_gathered(engine)
        }
    };
    // A cast from float saturates.
    cost as u64
}

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
