//! Asks the processor what it has, without `std`: CPUID for the instructions, XGETBV for whether the operating
//! system (or whoever runs the machine) saves the registers.
//!
//! Bits are those of the Intel SDM, volume 2A, "CPUID", and volume 1, section 13.3 (XCR0).

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use core::sync::atomic::{AtomicU8, Ordering};

const ASKED: u8 = 1;
const AVX2: u8 = 2;
const AVX512: u8 = 4;

/// What the processor said, once asked: under a hypervisor CPUID can take microseconds.
static ANSWER: AtomicU8 = AtomicU8::new(0);

pub(super) fn has_avx2() -> bool {
    answer() & AVX2 != 0
}

pub(super) fn has_avx512() -> bool {
    answer() & AVX512 != 0
}

fn answer() -> u8 {
    let known = ANSWER.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    // Two threads may both ask; they get the same answer.
    let asked = ask() | ASKED;
    ANSWER.store(asked, Ordering::Relaxed);
    asked
}

fn ask() -> u8 {
    let all = |word: u32, bits: &[u32]| bits.iter().all(|bit| word >> bit & 1 == 1);

    if __cpuid(0).eax < 7 {
        return 0;
    }
    let one = __cpuid(1);
    const FMA: u32 = 12;
    const POPCNT: u32 = 23;
    const OSXSAVE: u32 = 27;
    const AVX: u32 = 28;
    if !all(one.ecx, &[FMA, POPCNT, OSXSAVE, AVX]) {
        return 0;
    }
    // SAFETY: OSXSAVE, tested above, says that XGETBV is enabled.
    let xcr0 = unsafe { xcr0() } as u32;
    let seven = __cpuid_count(7, 0);
    const BMI1: u32 = 3;
    const AVX2_BIT: u32 = 5;
    const BMI2: u32 = 8;
    const XMM_YMM: [u32; 2] = [1, 2];
    if !all(xcr0, &XMM_YMM) || !all(seven.ebx, &[BMI1, AVX2_BIT, BMI2]) {
        return 0;
    }
    const AVX512F: u32 = 16;
    const AVX512DQ: u32 = 17;
    const AVX512BW: u32 = 30;
    const AVX512VL: u32 = 31;
    const OPMASK_ZMM: [u32; 3] = [5, 6, 7];
    if all(xcr0, &OPMASK_ZMM) && all(seven.ebx, &[AVX512F, AVX512DQ, AVX512BW, AVX512VL]) {
        AVX2 | AVX512
    } else {
        AVX2
    }
}

/// Extended control register 0: which register files are saved.
///
/// # Safety
/// XGETBV must be enabled (CPUID leaf 1, ECX bit 27).
#[target_feature(enable = "xsave")]
unsafe fn xcr0() -> u64 {
    // SAFETY: the caller has checked that XGETBV is enabled; register 0 exists wherever it is.
    unsafe { _xgetbv(0) }
}
