//! Packed weights: the weights in the order in which a plan's kernel reads them, made once and read by every run.
//! They carry the identity of their plan, so that using them with another is an error and not a wrong answer.

use crate::Error;

/// Elements of the header in front of the weights. One cache line, so that the weights keep its alignment.
const HEADER: usize = 16;
/// Where the weights should start, in elements: vector loads that cross cache lines cost twice.
const ALIGN: usize = 16;
/// First element of a header. Everything in a header is a small integer, which `f32` holds exactly.
const MAGIC: f32 = 0x00C0_2D01 as f32;

/// Weights packed for one plan. Borrows the buffer that they were packed into, which may lie in flash.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'a> {
    body: &'a [f32],
    identity: u64,
    finite: bool,
}

impl<'a> Packed<'a> {
    /// No weights, of no plan.
    pub(super) const NONE: Self = Self { body: &[], identity: 0, finite: true };

    /// The length of a buffer for `body` elements of packed weights, wherever it lies in memory.
    pub const fn buffer_len(body: usize) -> usize {
        HEADER + body + ALIGN - 1
    }

    /// Lays out a buffer: writes the header for `identity`, lets `fill` write the `body` elements (they start as
    /// zeros), and gives the result. For backends; a user calls `pack` of a plan.
    ///
    /// # Errors
    /// [`Error::Length`] if the buffer is shorter than [`buffer_len`](Self::buffer_len).
    pub fn make(
        buffer: &'a mut [f32],
        body: usize,
        identity: u64,
        finite: bool,
        fill: impl FnOnce(&mut [f32]),
    ) -> Result<Self, Error> {
        let required = Self::buffer_len(body);
        let too_short = Error::Length { operand: "packed weights", required, got: buffer.len() };
        if buffer.len() < required {
            return Err(too_short);
        }
        // A misaligned start costs time, never correctness.
        let start = buffer.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN - 1);
        buffer.fill(0.0);
        let rest = buffer.get_mut(start..).ok_or(too_short)?;
        let (header, rest) = rest.split_first_chunk_mut::<HEADER>().ok_or(too_short)?;
        [header[1], header[2], header[3]] = identity_digits(identity);
        [header[0], header[4]] = [MAGIC, u8::from(finite).into()];
        let body = rest.get_mut(..body).ok_or(too_short)?;
        fill(body);
        Ok(Self { body, identity, finite })
    }

    /// Weights packed earlier, by the same plan on the same level: in flash, in a file, in another buffer.
    /// For backends; a user calls `open` of a plan.
    ///
    /// # Errors
    /// [`Error::WrongPacking`] if `buffer` does not hold packed weights of this identity, or not all of them.
    pub fn open(buffer: &'a [f32], body: usize, identity: u64) -> Result<Self, Error> {
        let start = buffer.iter().take(ALIGN).position(|&x| x == MAGIC).ok_or(Error::WrongPacking)?;
        let packed = buffer.get(start..).and_then(|packed| packed.split_first_chunk::<HEADER>());
        let (header, rest) = packed.ok_or(Error::WrongPacking)?;
        let body = rest.get(..body).ok_or(Error::WrongPacking)?;
        if header[1..4] != identity_digits(identity) {
            return Err(Error::WrongPacking);
        }
        Ok(Self { body, identity, finite: header[4] != 0.0 })
    }

    /// The weights, if they were packed for `identity`.
    ///
    /// # Errors
    /// [`Error::WrongPacking`] if they were not.
    pub fn body(&self, identity: u64) -> Result<&'a [f32], Error> {
        if self.identity == identity { Ok(self.body) } else { Err(Error::WrongPacking) }
    }

    /// Whether all weights are finite: only then may a kernel multiply one by a zero that stands for nothing.
    pub fn is_finite(&self) -> bool {
        self.finite
    }
}

/// The length of a buffer for so many elements of packed weights; `usize::MAX` if it would not fit in memory.
pub(crate) const fn packed_len(body: Option<usize>) -> usize {
    match body {
        Some(body) if body <= isize::MAX as usize / 4 - Packed::buffer_len(0) => Packed::buffer_len(body),
        _ => usize::MAX,
    }
}

/// The identity as three numbers that `f32` holds exactly.
fn identity_digits(identity: u64) -> [f32; 3] {
    [0, 22, 44].map(|shift| (identity >> shift & 0x3F_FFFF) as f32)
}

/// An identity from everything that decides a packing (FNV-1a, Fowler, Noll and Vo).
pub fn identity(parts: &[usize]) -> u64 {
    let bytes = parts.iter().flat_map(|&part| (part as u64).to_le_bytes());
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn a_packing_survives_being_moved() {
        let mut buffer = vec![f32::NAN; Packed::buffer_len(5) + 3];
        let made = Packed::make(&mut buffer, 5, 77, true, |body| body[1..3].fill(2.0)).unwrap();
        assert_eq!(made.body(77), Ok(&[0.0, 2.0, 2.0, 0.0, 0.0][..]));
        // Another place has another alignment; the header tells where the weights start.
        for shift in 0..ALIGN {
            let mut moved = vec![0.0; shift];
            moved.extend_from_slice(&buffer);
            let opened = Packed::open(&moved[shift..], 5, 77).unwrap();
            assert_eq!(opened.body(77), Ok(&[0.0, 2.0, 2.0, 0.0, 0.0][..]));
            assert!(opened.is_finite());
        }
    }

    #[test]
    fn what_is_not_this_packing_is_refused() {
        let mut buffer = vec![0.0; Packed::buffer_len(5)];
        let made = Packed::make(&mut buffer, 5, 77, false, |_| ()).unwrap();
        assert!(!made.is_finite());
        assert_eq!(made.body(78), Err(Error::WrongPacking));
        for (len, body, identity) in [(buffer.len(), 5, 78), (buffer.len(), 50, 77), (10, 5, 77), (0, 5, 77)]
        {
            assert!(Packed::open(&buffer[..len], body, identity).is_err(), "{len} {body} {identity}");
        }
        assert!(Packed::open(&[1.0; 64], 5, 77).is_err());
        let short = Packed::buffer_len(5) - 1;
        assert!(Packed::make(&mut vec![0.0; short], 5, 77, true, |_| ()).is_err());
    }

    #[test]
    fn identities_differ() {
        assert_ne!(identity(&[1, 2]), identity(&[2, 1]));
        assert_ne!(identity(&[0]), identity(&[0, 0]));
    }
}
