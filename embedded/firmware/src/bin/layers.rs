//! Layers on weights in flash.

#![no_std]
#![no_main]

#[unsafe(no_mangle)]
extern "C" fn main() -> u32 {
    firmware::layers::check();
    0
}
