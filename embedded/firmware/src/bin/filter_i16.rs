//! A picture of `i16` filtered row by row.

#![no_std]
#![no_main]

use firmware::buffer::Buffer;
use firmware::picture::{HEIGHT, WIDTH};
use firmware::{expected, filter};

static SRC: Buffer<i16, { HEIGHT * WIDTH }> = Buffer::new(0);
static DST: Buffer<i16, { HEIGHT * WIDTH }> = Buffer::new(0);

#[unsafe(no_mangle)]
extern "C" fn main() -> u32 {
    let names = ["filter i16 3x3", "filter i16 5x5", "filter i16 1x31"];
    filter::check::<i16>(names, &expected::FILTER_I16, &SRC, &DST, |p| p as u16 as u32)
}
