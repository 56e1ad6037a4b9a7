//! What a piece of code takes: instructions, counted by the emulator between two marks, and stack, found by painting it.
//! `ci/cortex-m` makes the table.

use core::arch::asm;

use crate::board::{exit_with, print, print_number};

/// Bytes of the stack that are painted. More would be seen as just so many.
const PAINTED: usize = 32 * 1024;
const PAINT: u32 = 0xC0_57_AC_0C;

/// Runs `code` once and prints a line: `measured`, the number of results that it makes, the bytes of its buffers, those of
/// the stack below the caller's, and its name.
pub fn measure(name: &str, results: usize, buffers: usize, code: &mut dyn FnMut()) {
    let stack = counted(code);
    print("measured ");
    for number in [results, buffers, stack] {
        print_number(number as u32);
    }
    print(name);
    print("\n");
}

/// Runs `code` between marks, on a painted stack; the bytes of it that it used.
#[inline(never)]
fn counted(code: &mut dyn FnMut()) -> usize {
    let bottom: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, sp", out(reg) bottom, options(nomem, nostack)) }
    let words = bottom - PAINTED..bottom;
    for word in words.clone().step_by(4) {
        // SAFETY: RAM below the stack pointer, which nothing uses: there are no interrupts, and this loop calls nothing.
        unsafe { (word as *mut u32).write_volatile(PAINT) }
    }
    // SAFETY: hints that do nothing, on which the emulator's plugin starts and stops counting.
    unsafe { asm!("dbg #1") }
    code();
    // SAFETY: as above.
    unsafe { asm!("dbg #2") }
    // SAFETY: as above.
    let touched =
        words.clone().step_by(4).find(|&word| unsafe { (word as *const u32).read_volatile() } != PAINT);
    touched.map_or(0, |word| bottom - word)
}

/// Ends the program with an error, naming what is wrong, unless it is right.
pub fn require(right: bool, what: &str) {
    if !right {
        print("WRONG: ");
        print(what);
        print("\n");
        exit_with(1);
    }
}

/// A running hash of results, bit by bit: FNV-1a, Fowler, Noll and Vo.
pub struct Hash(pub u32);

impl Hash {
    pub const fn new() -> Self {
        Self(0x811C_9DC5)
    }

    /// Takes in a value's bits.
    pub fn add(&mut self, bits: u32) {
        for byte in bits.to_le_bytes() {
            self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}
