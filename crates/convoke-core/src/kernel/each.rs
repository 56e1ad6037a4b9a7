//! Loops that must be written out.

/// A block for every number for which a condition holds that is known when compiling, written out: the compiler's own
/// unrolling gives up on bodies of this size, and indexes of sums that are not constant would push them to memory.
///
/// One within another multiplies what the compiler has to evaluate for every instance: loops of a few passes inside are better
/// left to its own unrolling.
macro_rules! each {
    ($j:ident where $holds:expr => $body:block) => {
        each!($j, $holds, $body; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
    };
    (lane $j:ident where $holds:expr => $body:block) => {
        each!($j, $holds, $body; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (group $j:ident where $holds:expr => $body:block) => {
        each!($j, $holds, $body; 0 1 2 3)
    };
    (row $j:ident where $holds:expr => $body:block) => {
        each!($j, $holds, $body; 0 1 2 3 4)
    };
    ($j:ident, $holds:expr, $body:block; $($number:literal)*) => {
        $({
            const $j: usize = $number;
            if const { $holds } $body
        })*
    };
}

pub(crate) use each;
