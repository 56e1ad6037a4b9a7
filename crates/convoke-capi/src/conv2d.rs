//! Convolution layers: descriptor, plan, pack, run.

use convoke_core::{Activation, Conv2dDesc as Desc, Conv2dPlan, Layout, Level, Operands, Padding};

use crate::filter::{border, mode};
use crate::memory::{Input, Made, Output, apart, made, make, read, unmake};
use crate::status::{Status, of};

/// `convoke_conv2d_desc`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[expect(missing_docs, reason = "the header says it")]
pub struct Conv2dDesc {
    pub layout: i32,
    pub batch: usize,
    pub in_channels: usize,
    pub in_height: usize,
    pub in_width: usize,
    pub out_channels: usize,
    pub kernel_height: usize,
    pub kernel_width: usize,
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub pad_top: usize,
    pub pad_left: usize,
    pub pad_bottom: usize,
    pub pad_right: usize,
    pub groups: usize,
    pub border: i32,
    pub border_value: f32,
    pub mode: i32,
    pub activation: i32,
    pub leak: f32,
}

impl Conv2dDesc {
    fn desc(&self) -> Result<Desc, Status> {
        let layout = match self.layout {
            0 => Layout::Nchw,
            1 => Layout::Nhwc,
            _ => return Err(Status::Unknown),
        };
        let activation = match self.activation {
            0 => Activation::None,
            1 => Activation::Relu,
            2 => Activation::Relu6,
            3 => Activation::Leaky(self.leak),
            4 => Activation::Sigmoid,
            5 => Activation::Tanh,
            6 => Activation::Silu,
            7 => Activation::HardSwish,
            _ => return Err(Status::Unknown),
        };
        let (size, kernel) = ([self.in_height, self.in_width], [self.kernel_height, self.kernel_width]);
        Ok(Desc::new(layout, self.batch, self.in_channels, size, self.out_channels, kernel)
            .stride(self.stride)
            .dilation(self.dilation)
            .padding(Padding::Explicit {
                top: self.pad_top,
                left: self.pad_left,
                bottom: self.pad_bottom,
                right: self.pad_right,
            })
            .groups(self.groups)
            .border(border(self.border, self.border_value)?)
            .mode(mode(self.mode)?)
            .activation(activation))
    }
}

/// `convoke_conv2d`: a plan in memory of C.
#[repr(C)]
pub struct Conv2d(Made<Conv2dPlan>);

/// The header has 128 numbers of 64 bits for it.
const _: () = assert!(size_of::<Conv2d>() <= 128 * 8 && align_of::<Conv2d>() <= 8);

/// The plan.
///
/// # Safety
/// As for [`made`].
unsafe fn plan<'a>(conv2d: *const Conv2d) -> Result<&'a Conv2dPlan, Status> {
    // SAFETY: the same promise; `Conv2d` is its one field.
    unsafe { made(conv2d.cast::<Made<Conv2dPlan>>()) }
}

/// Plans a layer.
///
/// # Safety
/// The promise of the header: pointers point to what they say, for the time of the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convoke_conv2d_plan(conv2d: *mut Conv2d, desc: *const Conv2dDesc) -> Status {
    let conv2d = conv2d.cast::<Made<Conv2dPlan>>();
    of((|| {
        // SAFETY: the caller's promise.
        unsafe { unmake(conv2d)? };
        // SAFETY: the caller's promise.
        let desc = unsafe { read(desc)? }.desc()?;
        let plan = Conv2dPlan::new(&desc, Level::detect())?;
        // SAFETY: the caller's promise.
        unsafe { make(conv2d, plan) }
    })())
}

macro_rules! length {
    ($(#[doc = $doc:literal] $name:ident, $length:expr;)*) => {
        $(
            #[doc = $doc]
            ///
            /// # Safety
            /// As for [`convoke_conv2d_plan`].
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name(conv2d: *const Conv2d) -> usize {
                // SAFETY: the caller's promise.
                unsafe { plan(conv2d) }.map_or(0, $length)
            }
        )*
    };
}

length! {
    /// Elements of the input; 0 if there is no plan.
    convoke_conv2d_src_len, |plan| plan.geometry().src.len;
    /// Elements of the output; 0 if there is no plan.
    convoke_conv2d_dst_len, |plan| plan.geometry().dst.len;
    /// Elements of the weights; 0 if there is no plan.
    convoke_conv2d_weights_len, |plan| plan.geometry().weights_len;
    /// Elements that packing needs; 0 if there is no plan.
    convoke_conv2d_packed_len, Conv2dPlan::packed_len;
    /// Elements of scratch that a run needs; 0 if there is no plan, or none are needed.
    convoke_conv2d_scratch_len, Conv2dPlan::scratch_len;
}

/// Packs weights.
///
/// # Safety
/// As for [`convoke_conv2d_plan`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convoke_conv2d_pack(
    conv2d: *const Conv2d,
    weights: *const f32,
    weights_len: usize,
    packed: *mut f32,
    packed_len: usize,
) -> Status {
    of((|| {
        // SAFETY: the caller's promise.
        let plan = unsafe { plan(conv2d)? };
        let (weights, packed) = (Input::new(weights, weights_len)?, Output::new(packed, packed_len)?);
        apart([packed.place], [weights.place])?;
        // SAFETY: the caller's promise; they do not overlap.
        let (weights, packed) = unsafe { (weights.get(), packed.get()) };
        plan.pack(weights, packed)?;
        Ok(())
    })())
}

/// Runs a layer. `bias` may be null.
///
/// # Safety
/// As for [`convoke_conv2d_plan`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convoke_conv2d_run(
    conv2d: *const Conv2d,
    packed: *const f32,
    packed_len: usize,
    bias: *const f32,
    bias_len: usize,
    src: *const f32,
    src_len: usize,
    dst: *mut f32,
    dst_len: usize,
    scratch: *mut f32,
    scratch_len: usize,
) -> Status {
    of((|| {
        // SAFETY: the caller's promise.
        let plan = unsafe { plan(conv2d)? };
        let has_bias = !bias.is_null();
        let (packed, bias) = (Input::new(packed, packed_len)?, Input::new(bias, bias_len)?);
        let src = Input::new(src, src_len)?;
        let (dst, scratch) = (Output::new(dst, dst_len)?, Output::new(scratch, scratch_len)?);
        apart([dst.place, scratch.place], [packed.place, bias.place, src.place])?;
        // SAFETY: the caller's promise; what is written overlaps with nothing.
        let (packed, bias, src) = unsafe { (packed.get(), bias.get(), src.get()) };
        // SAFETY: the same.
        let (dst, scratch) = unsafe { (dst.get(), scratch.get()) };
        let operands = Operands::new(src, plan.open(packed)?);
        let operands = if has_bias { operands.bias(bias) } else { operands };
        Ok(plan.run(&operands, dst, scratch)?)
    })())
}
