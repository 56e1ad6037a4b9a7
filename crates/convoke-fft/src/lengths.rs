//! The lengths that transforms can have, and the passes of a length.

/// Every length is a multiple of the widest level's lanes, so that tiles are cut into whole blocks at every level.
pub(crate) const STEP: usize = 16;

/// The longest transform: 2^30, far above any picture that is worth it.
const LONGEST: usize = 1 << 30;

/// The first length of at least `len`: a multiple of 16 without prime factors above 5. `None` above the longest.
pub(crate) fn first_from(len: usize) -> Option<usize> {
    (len.div_ceil(STEP)..=LONGEST / STEP)
        .find(|&steps| is_smooth(steps.max(1)))
        .map(|steps| steps.max(1) * STEP)
}

fn is_smooth(mut n: usize) -> bool {
    for p in [2, 3, 5] {
        while n.is_multiple_of(p) {
            n /= p;
        }
    }
    n == 1
}

/// The radices of a length, first pass first. The largest comes last, where there are no twiddle factors.
pub(crate) fn radices(mut len: usize) -> Vec<usize> {
    let mut radices = Vec::new();
    for p in [5, 3] {
        while len.is_multiple_of(p) {
            radices.push(p);
            len /= p;
        }
    }
    let bits = len.trailing_zeros() as usize;
    let (fours, eights) = match bits % 3 {
        0 => (0, bits / 3),
        1 => (2, bits.saturating_sub(4) / 3),
        _ => (1, bits / 3),
    };
    radices.extend([4].repeat(fours));
    radices.extend([8].repeat(eights));
    radices
}

#[cfg(test)]
mod tests {
    use super::{first_from, radices};

    #[test]
    fn lengths_are_multiples_of_sixteen_and_factor() {
        let mut len = 0;
        let mut lens = Vec::new();
        while let Some(next) = first_from(len + 1).filter(|&next| next <= 1024) {
            assert!(next > len && next % 16 == 0);
            assert_eq!(radices(next).iter().product::<usize>(), next);
            lens.push(next);
            len = next;
        }
        assert_eq!(lens[..12], [16, 32, 48, 64, 80, 96, 128, 144, 160, 192, 240, 256]);
        assert_eq!(first_from(usize::MAX), None);
        assert_eq!(first_from(0), Some(16));
    }
}
