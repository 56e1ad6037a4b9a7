//! A picture of `u8` filtered row by row.

#![no_std]
#![no_main]

use firmware::buffer::Buffer;
use firmware::picture::{HEIGHT, WIDTH};
use firmware::{expected, filter};

static SRC: Buffer<u8, { HEIGHT * WIDTH }> = Buffer::new(0);
static DST: Buffer<u8, { HEIGHT * WIDTH }> = Buffer::new(0);

#[unsafe(no_mangle)]
extern "C" fn main() -> u32 {
    let names = ["filter u8 3x3", "filter u8 5x5", "filter u8 1x31"];
    filter::check::<u8>(names, &expected::FILTER_U8, &SRC, &DST, |p| p.into())
}
