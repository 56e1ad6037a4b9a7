//! `run` allocates nothing: counted by an allocator that counts. It is a file of its own because an allocator is the
//! whole program's, and because implementing one takes `unsafe`, which nothing but this and `convoke-simd` may say.

use std::alloc::{GlobalAlloc, Layout as Memory, System};
use std::cell::Cell;

use convoke_core::{Border, Conv2dDesc, Filter2dDesc, Layout, Operands, Padding};
use convoke_harness::{ConvProblem, FilterProblem, Picture, PixelType, engines, filter_engines};

struct Counting;

thread_local! {
    /// Allocations of this thread: tests run in several.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes unchanged to the system's allocator, which keeps the promises. Counting touches a
// thread-local that needs neither initialisation nor destruction, so that it cannot allocate in turn.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, memory: Memory) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(memory) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, memory: Memory) {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as above; `pointer` came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, memory) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations and releases while `f` runs.
fn count(f: impl FnOnce()) -> usize {
    let before = COUNT.get();
    f();
    COUNT.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(count(|| drop(std::hint::black_box(Vec::<f32>::with_capacity(7)))), 2);
    assert_eq!(count(|| ()), 0);
}

#[test]
fn layers_allocate_nothing() {
    for layout in [Layout::Nhwc, Layout::Nchw] {
        for desc in [
            Conv2dDesc::new(layout, 2, 5, [9, 30], 18, [3, 3]).padding(Padding::all(2)),
            Conv2dDesc::new(layout, 1, 24, [9, 30], 24, [3, 3]).padding(Padding::Same).groups(24),
            Conv2dDesc::new(layout, 1, 40, [9, 9], 70, [1, 1]),
            Conv2dDesc::new(layout, 1, 6, [9, 30], 4, [3, 2])
                .stride([2, 2])
                .groups(2)
                .border(Border::Reflect),
            Conv2dDesc::new(layout, 1, 300, [9, 12], 9, [5, 5]).padding(Padding::Same).border(Border::Wrap),
        ] {
            let data = ConvProblem::new(desc).bias().residual().data();
            for engine in engines() {
                let plan = engine.plan(&desc).unwrap();
                let mut packing = vec![0.0; plan.packed_len()];
                let mut scratch = vec![0.0; plan.scratch_len()];
                let mut dst = vec![0.0; plan.geometry().dst.len];
                let allocations = count(|| {
                    let packed = plan.pack(&data.weights, &mut packing).unwrap();
                    let operands =
                        Operands { bias: data.bias.as_deref(), ..Operands::new(&data.src, packed) };
                    plan.run(&operands, &mut dst, &mut scratch).unwrap();
                    for piece in plan.pieces(7) {
                        plan.run_piece(&piece, &operands, &mut dst[piece.dst_range()], &mut scratch).unwrap();
                    }
                    assert!(plan.run(&operands, &mut dst, &mut []).is_err() || plan.scratch_len() == 0);
                    assert!(plan.run(&operands, &mut [], &mut scratch).is_err());
                });
                assert_eq!(allocations, 0, "{engine} on {desc:?}");
            }
        }
    }
}

#[test]
fn chains_allocate_nothing() {
    use convoke_core::{ChainDesc, ChainOperands, ChainPlan, Level};
    use convoke_harness::layers::Block;
    let block = Block { name: "", channels: [4, 24, 4], size: [9, 8], stride: 1 };
    for layout in [Layout::Nhwc, Layout::Nchw] {
        let desc = ChainDesc::new(block.descs(layout)).strip_rows(2);
        let data = convoke_harness::ChainProblem::new(&desc.layers).data().layers;
        for level in Level::available() {
            let plan = ChainPlan::new(&desc, level).unwrap();
            let mut packing = vec![0.0; plan.packed_len()];
            let mut scratch = vec![0.0; plan.scratch_len()];
            let mut dst = vec![0.0; plan.last().dst.len];
            let allocations = count(|| {
                let plan = ChainPlan::new(&desc, level).unwrap();
                let weights = [0, 1, 2].map(|at| data[at].weights.as_slice());
                let weights = plan.pack(weights, &mut packing).unwrap();
                let operands = ChainOperands::new(&data[0].src, weights).residual(&data[0].src);
                plan.run(&operands, &mut dst, &mut scratch).unwrap();
                for piece in plan.pieces(3) {
                    plan.run_piece(&piece, &operands, &mut dst[piece.dst_range()], &mut scratch).unwrap();
                }
                assert!(plan.run(&operands, &mut dst, &mut []).is_err());
            });
            assert_eq!(allocations, 0, "{level} on {desc:?}");
        }
    }
}

#[test]
fn planning_a_layer_allocates_nothing() {
    use convoke_core::{Conv2dPlan, Level};
    use convoke_gemm::GemmConv2dPlan;
    let desc = Conv2dDesc::new(Layout::Nhwc, 1, 64, [56, 56], 64, [3, 3]).padding(Padding::all(1));
    for level in Level::available() {
        assert_eq!(count(|| assert!(Conv2dPlan::new(&desc, level).is_ok())), 0, "{level}");
        assert_eq!(count(|| assert!(GemmConv2dPlan::new(&desc, level).is_ok())), 0, "{level}");
    }
}

#[test]
fn filters_allocate_nothing() {
    for border in [Border::Zero, Border::Reflect101, Border::Wrap] {
        for mask_size in [[3, 3], [1, 9], [15, 15]] {
            for (src_type, dst_type) in PixelType::pairs() {
                let desc = Filter2dDesc::new([20, 61], 3, mask_size).border(border).divisor(9.0).offset(0.1);
                let data = FilterProblem::new(desc).types(src_type, dst_type).data();
                for engine in filter_engines() {
                    let plan = engine.plan(&desc).unwrap();
                    let mut packing = vec![0.0; plan.packed_len()];
                    let mut scratch = vec![0.0; plan.scratch_len()];
                    let mut dst = Picture::canaries(dst_type, plan.dst_len());
                    let mut packed = None;
                    let packing = count(|| packed = Some(plan.pack(&data.mask, &mut packing).unwrap()));
                    let packed = packed.unwrap();
                    let running = count(|| {
                        plan.run(None, &packed, data.src.pixels(), dst.pixels_mut(), &mut scratch).unwrap();
                    });
                    assert_eq!(running, 0, "{engine} on {desc:?}");
                    // A spectrum is memory of its filter.
                    assert!(packing == 0 || engine.algorithm == "fft", "{engine} on {desc:?}");
                }
            }
        }
    }
}
