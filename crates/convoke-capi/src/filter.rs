//! Picture filters: descriptor, plan, pack, run.

use convoke_core::{Border, Filter2dDesc, Filter2dPlan, Level, Mode, PackedMask, Pixel};

use crate::memory::{Input, Made, Output, apart, made, make, read, unmake};
use crate::status::{Status, of};

/// `convoke_filter_desc`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[expect(missing_docs, reason = "the header says it")]
pub struct FilterDesc {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub mask_height: usize,
    pub mask_width: usize,
    pub anchor_row: usize,
    pub anchor_column: usize,
    pub border: i32,
    pub border_value: f32,
    pub mode: i32,
    pub scale: f32,
    pub divisor: f32,
    pub offset: f32,
}

/// A border of `convoke_border`.
pub(crate) fn border(number: i32, value: f32) -> Result<Border, Status> {
    Ok(match number {
        0 => Border::Zero,
        1 => Border::Constant(value),
        2 => Border::Replicate,
        3 => Border::Reflect,
        4 => Border::Reflect101,
        5 => Border::Wrap,
        _ => return Err(Status::Unknown),
    })
}

/// A mode of `convoke_mode`.
pub(crate) fn mode(number: i32) -> Result<Mode, Status> {
    match number {
        0 => Ok(Mode::Correlate),
        1 => Ok(Mode::Convolve),
        _ => Err(Status::Unknown),
    }
}

impl FilterDesc {
    fn desc(&self) -> Result<Filter2dDesc, Status> {
        let size = [self.height, self.width];
        Ok(Filter2dDesc::new(size, self.channels, [self.mask_height, self.mask_width])
            .anchor([self.anchor_row, self.anchor_column])
            .border(border(self.border, self.border_value)?)
            .mode(mode(self.mode)?)
            .scale(self.scale)
            .divisor(self.divisor)
            .offset(self.offset))
    }
}

/// `convoke_filter`: a plan in memory of C.
#[repr(C)]
pub struct Filter(Made<Filter2dPlan>);

/// The header has 64 numbers of 64 bits for it.
const _: () = assert!(size_of::<Filter>() <= 64 * 8 && align_of::<Filter>() <= 8);

/// The plan.
///
/// # Safety
/// As for [`made`].
pub(crate) unsafe fn plan<'a>(filter: *const Filter) -> Result<&'a Filter2dPlan, Status> {
    // SAFETY: the same promise; `Filter` is its one field.
    unsafe { made(filter.cast::<Made<Filter2dPlan>>()) }
}

/// Plans a filter.
///
/// # Safety
/// The promise of the header: pointers point to what they say, for the time of the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convoke_filter_plan(filter: *mut Filter, desc: *const FilterDesc) -> Status {
    let filter = filter.cast::<Made<Filter2dPlan>>();
    of((|| {
        // SAFETY: the caller's promise.
        unsafe { unmake(filter)? };
        // SAFETY: the caller's promise.
        let desc = unsafe { read(desc)? }.desc()?;
        let plan = Filter2dPlan::new(&desc, Level::detect())?;
        // SAFETY: the caller's promise.
        unsafe { make(filter, plan) }
    })())
}

macro_rules! length {
    ($(#[doc = $doc:literal] $name:ident, $method:ident;)*) => {
        $(
            #[doc = $doc]
            ///
            /// # Safety
            /// As for [`convoke_filter_plan`].
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name(filter: *const Filter) -> usize {
                // SAFETY: the caller's promise.
                unsafe { plan(filter) }.map_or(0, Filter2dPlan::$method)
            }
        )*
    };
}

length! {
    /// Elements that packing needs; 0 if there is no plan.
    convoke_filter_packed_len, packed_len;
    /// Elements of scratch that a run needs; 0 if there is no plan.
    convoke_filter_scratch_len, scratch_len;
    /// Elements of memory that a stream needs; 0 if there is no plan.
    convoke_filter_stream_len, stream_len;
}

/// Packs a mask.
///
/// # Safety
/// As for [`convoke_filter_plan`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convoke_filter_pack(
    filter: *const Filter,
    mask: *const f32,
    mask_len: usize,
    packed: *mut f32,
    packed_len: usize,
) -> Status {
    of((|| {
        // SAFETY: the caller's promise.
        let plan = unsafe { plan(filter)? };
        let (mask, packed) = (Input::new(mask, mask_len)?, Output::new(packed, packed_len)?);
        apart([packed.place], [mask.place])?;
        // SAFETY: the caller's promise; they do not overlap.
        let (mask, packed) = unsafe { (mask.get(), packed.get()) };
        plan.pack(mask, packed)?;
        Ok(())
    })())
}

/// A packed mask where it lies.
///
/// # Safety
/// As for [`Input::get`].
pub(crate) unsafe fn open<'a>(plan: &Filter2dPlan, packed: Input<f32>) -> Result<PackedMask<'a>, Status> {
    // SAFETY: the same promise.
    Ok(plan.open(unsafe { packed.get() })?)
}

/// Filters a picture.
///
/// # Safety
/// As for [`convoke_filter_plan`].
unsafe fn run<P: Pixel>(
    filter: *const Filter,
    (packed, packed_len): (*const f32, usize),
    (src, src_len): (*const P, usize),
    (dst, dst_len): (*mut P, usize),
    (scratch, scratch_len): (*mut f32, usize),
) -> Result<(), Status> {
    // SAFETY: the caller's promise.
    let plan = unsafe { plan(filter)? };
    let (packed, src) = (Input::new(packed, packed_len)?, Input::new(src, src_len)?);
    let (dst, scratch) = (Output::new(dst, dst_len)?, Output::new(scratch, scratch_len)?);
    apart([dst.place, scratch.place], [packed.place, src.place])?;
    // SAFETY: the caller's promise.
    let mask = unsafe { open(plan, packed)? };
    // SAFETY: the caller's promise; they do not overlap.
    let (src, dst, scratch) = unsafe { (src.get(), dst.get(), scratch.get()) };
    Ok(plan.run(&mask, src, dst, scratch)?)
}

macro_rules! run {
    ($($name:ident, $type:ty;)*) => {
        $(
            /// Filters a picture.
            ///
            /// # Safety
            /// As for [`convoke_filter_plan`].
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name(
                filter: *const Filter,
                packed: *const f32,
                packed_len: usize,
                src: *const $type,
                src_len: usize,
                dst: *mut $type,
                dst_len: usize,
                scratch: *mut f32,
                scratch_len: usize,
            ) -> Status {
                // SAFETY: the caller's promise.
                of(unsafe {
                    run(filter, (packed, packed_len), (src, src_len), (dst, dst_len), (scratch, scratch_len))
                })
            }
        )*
    };
}

run! {
    convoke_filter_run_f32, f32;
    convoke_filter_run_i16, i16;
    convoke_filter_run_u8, u8;
}
