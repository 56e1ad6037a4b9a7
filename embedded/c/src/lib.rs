//! The static library that firmware written in C links: `convoke-capi`, and the panic handler that a program without Rust has not
//! got. Nothing calls it: `ci/cortex-m` looks.

#![no_std]

use core::panic::PanicInfo;

pub use convoke_capi::*;

unsafe extern "C" {
    /// Of C: ends the program with an error.
    safe fn abort() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    abort()
}
