//! The board: its vector table, its first instructions, and a console through the emulator's (or a debugger's)
//! semihosting. Everything here that is `unsafe` is so because it is the machine.

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;

// Reset: switch the floating-point unit on, clear what starts as zeros, copy what does not, and go. Any fault ends the
// program with an error.
global_asm!(
    r#"
    .section .vector_table, "a"
    .word __stack_top
    .word reset
    .rept 14
    .word fault
    .endr

    .section .text.reset, "ax"
    .global reset
    .thumb_func
reset:
    ldr  r0, =0xE000ED88
    ldr  r1, [r0]
    orr  r1, r1, #0xF00000
    str  r1, [r0]
    dsb
    isb
    ldr  r0, =__bss_start
    ldr  r1, =__bss_end
    movs r2, #0
1:  cmp  r0, r1
    bhs  2f
    str  r2, [r0], #4
    b    1b
2:  ldr  r0, =__data_start
    ldr  r1, =__data_end
    ldr  r2, =__data_load
3:  cmp  r0, r1
    bhs  4f
    ldr  r3, [r2], #4
    str  r3, [r0], #4
    b    3b
4:  bl   main
    b    exit_with
    .thumb_func
fault:
    movs r0, #3
    b    exit_with
    "#
);

/// Ends the program: 0 is success.
#[unsafe(no_mangle)]
pub extern "C" fn exit_with(status: u32) -> ! {
    /// "The application has ended by itself", which takes a status.
    const APPLICATION_EXIT: u32 = 0x2_0026;
    let block = [APPLICATION_EXIT, status];
    call(0x20, block.as_ptr() as u32);
    loop {}
}

/// Writes text to the console.
pub fn print(text: &str) {
    // One character at a time, because text has no end mark here.
    for byte in text.bytes() {
        let byte = u32::from(byte);
        call(0x03, &raw const byte as u32);
    }
}

/// Writes a number and a space.
pub fn print_number(mut number: u32) {
    let mut digits = [0_u8; 10];
    for digit in &mut digits {
        *digit = (number % 10) as u8;
        number /= 10;
    }
    let leading = digits.iter().rev().take_while(|digit| **digit == 0).count().min(9);
    for digit in digits.iter().rev().skip(leading) {
        let byte = u32::from(b'0' + digit);
        call(0x03, &raw const byte as u32);
    }
    print(" ");
}

/// A semihosting call.
fn call(operation: u32, argument: u32) {
    // SAFETY: the debugger reads what the argument points to, which the callers above keep alive, and returns a value in r0.
    unsafe { asm!("bkpt #0xAB", inout("r0") operation => _, in("r1") argument, options(nostack)) }
}

/// Nothing calls it, and it is not in the image: `ci/cortex-m` looks.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit_with(101)
}
