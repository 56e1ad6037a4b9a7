//! Arrays of any of the six element types, as commands pass them about: from files, through plans, to files.

use std::fmt;

use crate::error::{Failure, Outcome};

/// The types that elements of arrays may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    F32,
    U8,
    I8,
    I32,
    I16,
    U16,
}

impl Element {
    /// Bytes of a value.
    pub(crate) const fn size(self) -> usize {
        match self {
            Element::U8 | Element::I8 => 1,
            Element::I16 | Element::U16 => 2,
            Element::F32 | Element::I32 => 4,
        }
    }

    /// The least and greatest value, for whole numbers.
    pub(crate) fn range(self) -> Option<(f32, f32)> {
        Some(match self {
            Element::F32 => return None,
            Element::U8 => (0.0, 255.0),
            Element::I8 => (-128.0, 127.0),
            Element::I16 => (-32768.0, 32767.0),
            Element::U16 => (0.0, 65535.0),
            Element::I32 => (i32::MIN as f32, i32::MAX as f32),
        })
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Element::F32 => "f32",
            Element::U8 => "u8",
            Element::I8 => "i8",
            Element::I32 => "i32",
            Element::I16 => "i16",
            Element::U16 => "u16",
        })
    }
}

/// The elements of an array, in C order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    F32(Vec<f32>),
    U8(Vec<u8>),
    I8(Vec<i8>),
    I32(Vec<i32>),
    I16(Vec<i16>),
    U16(Vec<u16>),
}

impl Data {
    pub(crate) fn element(&self) -> Element {
        match self {
            Data::F32(_) => Element::F32,
            Data::U8(_) => Element::U8,
            Data::I8(_) => Element::I8,
            Data::I32(_) => Element::I32,
            Data::I16(_) => Element::I16,
            Data::U16(_) => Element::U16,
        }
    }

    /// The elements as floats. Exact for every type but `i32`, of which values beyond 2^24 are refused if they
    /// have no exact `f32`.
    pub(crate) fn to_f32(&self) -> Outcome<Vec<f32>> {
        Ok(match self {
            Data::F32(values) => values.clone(),
            Data::U8(values) => values.iter().map(|&value| value.into()).collect(),
            Data::I8(values) => values.iter().map(|&value| value.into()).collect(),
            Data::I16(values) => values.iter().map(|&value| value.into()).collect(),
            Data::U16(values) => values.iter().map(|&value| value.into()).collect(),
            Data::I32(values) => {
                if let Some(value) = values.iter().find(|&&value| f64::from(value as f32) != f64::from(value))
                {
                    return Err(Failure::new(format!(
                        "i32 values must be exact in f32 (all up to 16777216 are), got {value}"
                    )));
                }
                values.iter().map(|&value| value as f32).collect()
            }
        })
    }

    /// Floats as elements of a type: whole numbers are rounded to nearest, ties to even, and clamped to the
    /// type's range; NaN becomes 0.
    pub(crate) fn from_f32(values: Vec<f32>, element: Element) -> Self {
        // Casts from float to integer clamp, and send NaN to 0.
        match element {
            Element::F32 => Data::F32(values),
            Element::U8 => Data::U8(values.into_iter().map(|value| value.round_ties_even() as u8).collect()),
            Element::I8 => Data::I8(values.into_iter().map(|value| value.round_ties_even() as i8).collect()),
            Element::I32 => {
                Data::I32(values.into_iter().map(|value| value.round_ties_even() as i32).collect())
            }
            Element::I16 => {
                Data::I16(values.into_iter().map(|value| value.round_ties_even() as i16).collect())
            }
            Element::U16 => {
                Data::U16(values.into_iter().map(|value| value.round_ties_even() as u16).collect())
            }
        }
    }
}

/// An array: sizes of its dimensions, slowest first, and elements.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Data,
}

/// Sizes as people read them: `2x3x640`.
pub(crate) fn shape_text(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    if sizes.is_empty() { "no dimensions".to_owned() } else { sizes.join("x") }
}
