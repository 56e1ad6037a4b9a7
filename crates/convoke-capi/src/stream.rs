//! Filters as streams: rows in, rows out.

use convoke_core::{Filter2dStream, Pixel};

use crate::filter::{Filter, open, plan};
use crate::memory::{Input, Made, Output, apart, made, made_mut, make, unmake};
use crate::status::{Status, of};

/// A stream of pixels of one type, whose memory C keeps as long as it is used.
type Rows<P> = Filter2dStream<P, P, Memory>;

/// The memory that a stream keeps its rows in.
#[derive(Clone, Copy)]
pub(crate) struct Memory(Output<f32>);

impl AsMut<[f32]> for Memory {
    fn as_mut(&mut self) -> &mut [f32] {
        // SAFETY: who begins a stream promises that the memory is the stream's alone, until another is begun in its place or
        // it is used no more; and this borrows the stream.
        unsafe { self.0.get() }
    }
}

/// A stream of any type.
pub(crate) enum Any {
    F32(Rows<f32>),
    I16(Rows<i16>),
    U8(Rows<u8>),
}

/// `convoke_stream`: a stream in memory of C.
#[repr(C)]
pub struct Stream(Made<Any>);

/// The header has 128 numbers of 64 bits for it.
const _: () = assert!(size_of::<Stream>() <= 128 * 8 && align_of::<Stream>() <= 8);

/// Types that there are streams of.
trait Streamed: Pixel {
    fn wrap(rows: Rows<Self>) -> Any;

    /// The stream, if it is one of this type.
    fn unwrap(any: &mut Any) -> Option<&mut Rows<Self>>;
}

macro_rules! streamed {
    ($($type:ty, $variant:ident;)*) => {
        $(
            impl Streamed for $type {
                fn wrap(rows: Rows<Self>) -> Any {
                    Any::$variant(rows)
                }

                fn unwrap(any: &mut Any) -> Option<&mut Rows<Self>> {
                    match any {
                        Any::$variant(rows) => Some(rows),
                        _ => None,
                    }
                }
            }
        )*
    };
}

streamed! {
    f32, F32;
    i16, I16;
    u8, U8;
}

/// Begins a stream.
///
/// # Safety
/// The promise of the header; and the memory is the stream's until it is used no more.
unsafe fn begin<P: Streamed>(
    stream: *mut Stream,
    filter: *const Filter,
    (packed, packed_len): (*const f32, usize),
    (memory, memory_len): (*mut f32, usize),
) -> Result<(), Status> {
    let stream = stream.cast::<Made<Any>>();
    // SAFETY: the caller's promise.
    unsafe { unmake(stream)? };
    // SAFETY: the caller's promise.
    let plan = unsafe { plan(filter)? };
    let (packed, memory) = (Input::new(packed, packed_len)?, Output::new(memory, memory_len)?);
    apart([memory.place], [packed.place])?;
    // SAFETY: the caller's promise.
    let mask = unsafe { open(plan, packed)? };
    let rows = plan.stream::<P, P, _>(&mask, Memory(memory))?;
    // SAFETY: the caller's promise.
    unsafe { make(stream, P::wrap(rows)) }
}

/// The stream of this type.
///
/// # Safety
/// As for [`made_mut`].
unsafe fn rows<'a, P: Streamed>(stream: *mut Stream) -> Result<&'a mut Rows<P>, Status> {
    // SAFETY: the same promise.
    P::unwrap(unsafe { made_mut(stream.cast::<Made<Any>>())? }).ok_or(Status::NotMade)
}

/// The row of the picture that the stream wants next, or -1.
///
/// # Safety
/// The promise of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convoke_stream_wants(stream: *const Stream) -> isize {
    // SAFETY: the caller's promise.
    let wanted = match unsafe { made(stream.cast::<Made<Any>>()) } {
        Ok(Any::F32(rows)) => rows.wants(),
        Ok(Any::I16(rows)) => rows.wants(),
        Ok(Any::U8(rows)) => rows.wants(),
        Err(_) => None,
    };
    wanted.map_or(-1, |row| row as isize)
}

macro_rules! functions {
    ($($begin:ident, $push:ident, $pull:ident, $type:ty;)*) => {
        $(
            /// Begins a stream.
            ///
            /// # Safety
            /// The promise of the header; and the memory is the stream's until it is used no more.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $begin(
                stream: *mut Stream,
                filter: *const Filter,
                packed: *const f32,
                packed_len: usize,
                memory: *mut f32,
                memory_len: usize,
            ) -> Status {
                // SAFETY: the caller's promise.
                of(unsafe { begin::<$type>(stream, filter, (packed, packed_len), (memory, memory_len)) })
            }

            /// Takes the row that the stream wants.
            ///
            /// # Safety
            /// The promise of the header.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $push(stream: *mut Stream, row: *const $type, row_len: usize) -> Status {
                of((|| {
                    // SAFETY: the caller's promise.
                    let rows = unsafe { rows::<$type>(stream)? };
                    // SAFETY: the caller's promise.
                    Ok(rows.push(unsafe { Input::new(row, row_len)?.get() })?)
                })())
            }

            /// Gives the next row of the result, if it is ready.
            ///
            /// # Safety
            /// The promise of the header.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $pull(
                stream: *mut Stream,
                dst: *mut $type,
                dst_len: usize,
                ready: *mut u8,
            ) -> Status {
                of((|| {
                    // SAFETY: the caller's promise.
                    let rows = unsafe { rows::<$type>(stream)? };
                    let (dst, ready) = (Output::new(dst, dst_len)?, Output::new(ready, 1)?);
                    apart([dst.place, ready.place], [])?;
                    // SAFETY: the caller's promise; they do not overlap.
                    let (dst, ready) = unsafe { (dst.get(), ready.get()) };
                    ready.fill(0);
                    let has_row = rows.pull(dst)?;
                    ready.fill(has_row.into());
                    Ok(())
                })())
            }
        )*
    };
}

functions! {
    convoke_stream_begin_f32, convoke_stream_push_f32, convoke_stream_pull_f32, f32;
    convoke_stream_begin_i16, convoke_stream_push_i16, convoke_stream_pull_i16, i16;
    convoke_stream_begin_u8, convoke_stream_push_u8, convoke_stream_pull_u8, u8;
}
