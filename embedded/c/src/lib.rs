//! The static library that firmware written in C links: `convoke-capi`, and the panic handler that a program without Rust has not
//! got. Nothing here is known to panic; what might is the end of the program.

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
