//! Nothing: what the board itself takes of the flash.

#![no_std]
#![no_main]

use firmware::board::print;

#[unsafe(no_mangle)]
extern "C" fn main() -> u32 {
    firmware::measure::measure("nothing", 1, 0, &mut || ());
    print("done\n");
    0
}
