//! Buffers that notice: exactly as long as asked for, at a chosen misalignment, with NaN before and behind.
//!
//! A write outside shows in the red zones. A read outside brings NaN into the result, where the comparison finds
//! it; under AddressSanitizer [`Guarded::exact`] finds it at once.

/// Bits of the NaN in the gaps between rows.
const GAP_BITS: u32 = 0x7FC0_6A9E;
/// Bits of the NaN in red zones, in unwritten outputs and in fresh scratch.
const STALE_BITS: u32 = 0x7FC5_7A1E;

/// What stands in the gaps between the rows of an input. Nobody may read it.
pub const GAP: f32 = f32::from_bits(GAP_BITS);
/// What stands in red zones, in outputs before they are written, and in scratch.
pub const STALE: f32 = f32::from_bits(STALE_BITS);

/// Red zone on each side, in elements: longer than any tile's overhang.
const ZONE: usize = 80;

/// A value that can fill red zones and be recognised there.
pub trait Canary: Copy {
    /// The value for red zones, and for what has not been written.
    const CANARY: Self;
    /// Whether this is exactly that value.
    fn is_canary(self) -> bool;
}

impl Canary for f32 {
    const CANARY: Self = STALE;
    fn is_canary(self) -> bool {
        self.to_bits() == STALE_BITS
    }
}

impl Canary for u8 {
    const CANARY: Self = 0xA5;
    fn is_canary(self) -> bool {
        self == Self::CANARY
    }
}

impl Canary for u16 {
    const CANARY: Self = 0xA5C3;
    fn is_canary(self) -> bool {
        self == Self::CANARY
    }
}

impl Canary for i16 {
    const CANARY: Self = -0x5A3D;
    fn is_canary(self) -> bool {
        self == Self::CANARY
    }
}

/// A buffer with red zones around it.
#[derive(Clone, Debug)]
pub struct Guarded<T> {
    all: Box<[T]>,
    start: usize,
    len: usize,
}

impl<T: Canary> Guarded<T> {
    /// `len` canaries that start `offset` elements behind a 64-byte boundary, red zones on both sides.
    pub fn new(len: usize, offset: usize) -> Self {
        const LINE: usize = 64;
        let all = vec![T::CANARY; ZONE + LINE + offset + len + ZONE].into_boxed_slice();
        // A buffer that cannot be aligned only tests another misalignment.
        let to_line = all[ZONE..].as_ptr().align_offset(LINE).min(LINE);
        Self { start: ZONE + to_line + offset, len, all }
    }

    /// The same with the values of a slice.
    pub fn holding(values: &[T], offset: usize) -> Self {
        let mut guarded = Self::new(values.len(), offset);
        guarded.get_mut().copy_from_slice(values);
        guarded
    }

    /// `len` canaries in an allocation of exactly that length, for AddressSanitizer.
    pub fn exact(len: usize) -> Self {
        Self { all: vec![T::CANARY; len].into_boxed_slice(), start: 0, len }
    }

    /// The buffer.
    pub fn get(&self) -> &[T] {
        &self.all[self.start..self.start + self.len]
    }

    /// The buffer.
    pub fn get_mut(&mut self) -> &mut [T] {
        &mut self.all[self.start..self.start + self.len]
    }

    /// Whether nothing was written into the red zones.
    pub fn intact(&self) -> bool {
        let (before, rest) = self.all.split_at(self.start);
        before.iter().chain(&rest[self.len..]).all(|x| x.is_canary())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_from_a_cache_line() {
        for offset in 0..16 {
            let guarded = Guarded::<f32>::new(5, offset);
            assert_eq!(guarded.get().as_ptr() as usize % 64, offset * 4, "offset {offset}");
            assert!(guarded.start >= ZONE && guarded.all.len() - guarded.start - 5 >= ZONE);
            let bytes = Guarded::<u8>::new(5, offset);
            assert_eq!(bytes.get().as_ptr() as usize % 64, offset, "offset {offset}");
        }
    }

    #[test]
    fn red_zones_notice_a_write() {
        let mut guarded = Guarded::holding(&[1.0_f32, 2.0], 3);
        assert!(guarded.intact());
        guarded.all[guarded.start + 2] = f32::NAN;
        assert!(!guarded.intact());
    }
}
