//! What a call says: 0, or what is wrong.

use core::ffi::{CStr, c_char};

use convoke_core::Error;

macro_rules! statuses {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal, $text:literal;)*) => {
        /// The result of a call. In C, an `int32_t`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(i32)]
        pub enum Status {
            $($(#[doc = $doc])* $name = $code,)*
        }

        impl Status {
            /// Every status with its name in C.
            pub const ALL: &'static [(Status, &'static CStr)] = &[$((Status::$name, $text)),*];
        }
    };
}

statuses! {
    /// It is done.
    Ok = 0, c"CONVOKE_OK";
    /// A pointer is null.
    Null = 1, c"CONVOKE_NULL";
    /// A pointer is not aligned for what it points to.
    Misaligned = 2, c"CONVOKE_MISALIGNED";
    /// What is written overlaps with what is read, or another part that is written.
    Overlap = 3, c"CONVOKE_OVERLAP";
    /// A plan or stream has not been made, or is of another type of pixels.
    NotMade = 4, c"CONVOKE_NOT_MADE";
    /// A number that stands for a border, a layout or the like stands for none.
    Unknown = 5, c"CONVOKE_UNKNOWN";
    /// A size or attribute is too small.
    TooSmall = 6, c"CONVOKE_TOO_SMALL";
    /// A size or attribute is too large.
    TooLarge = 7, c"CONVOKE_TOO_LARGE";
    /// Channels are not a multiple of groups.
    NotDivisible = 8, c"CONVOKE_NOT_DIVISIBLE";
    /// A buffer would not fit in memory.
    Overflow = 9, c"CONVOKE_OVERFLOW";
    /// A buffer does not have the length that the plan asks for.
    Length = 10, c"CONVOKE_LENGTH";
    /// Packed weights are of another plan, or none.
    WrongPacking = 11, c"CONVOKE_WRONG_PACKING";
    /// A number that must be finite is infinite or NaN.
    NotFinite = 12, c"CONVOKE_NOT_FINITE";
    /// A number that must be positive is not.
    NotPositive = 13, c"CONVOKE_NOT_POSITIVE";
    /// A stream was given a row that it had not asked for.
    NotWanted = 14, c"CONVOKE_NOT_WANTED";
    /// Anything else that the core refuses.
    Refused = 15, c"CONVOKE_REFUSED";
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::TooSmall { .. } => Status::TooSmall,
            Error::TooLarge { .. } => Status::TooLarge,
            Error::NotDivisible { .. } => Status::NotDivisible,
            Error::Overflow { .. } => Status::Overflow,
            Error::Length { .. } => Status::Length,
            Error::WrongPacking => Status::WrongPacking,
            Error::NotFinite { .. } => Status::NotFinite,
            Error::NotPositive { .. } => Status::NotPositive,
            Error::NotWanted { .. } => Status::NotWanted,
            _ => Status::Refused,
        }
    }
}

/// The status of a result.
pub(crate) fn of(result: Result<(), Status>) -> Status {
    result.err().unwrap_or(Status::Ok)
}

/// The name of a status, as in the header; of a number that is none, `"?"`. It is there for ever.
#[unsafe(no_mangle)]
pub extern "C" fn convoke_status_name(status: i32) -> *const c_char {
    let known = Status::ALL.iter().find(|(code, _)| *code as i32 == status);
    known.map_or(c"?", |(_, name)| name).as_ptr()
}
