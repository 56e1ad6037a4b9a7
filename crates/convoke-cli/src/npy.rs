//! NumPy's `.npy` files, versions 1 to 3 (NEP 1), little-endian: reading and writing.
//!
//! Written here because the libraries for it bring a grammar engine and big integers, and trust the sizes in a
//! header. This one believes nothing: sizes are multiplied with a check and compared with the bytes that are
//! there before memory is taken.

use std::io::{self, Write};

use crate::array::{Array, Data, Element};
use crate::error::{Failure, Outcome};

/// How every file starts.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";
/// More dimensions than NumPy itself allows.
const MAX_RANK: usize = 32;

/// The array in the bytes of a file. Fortran order is rearranged to C order.
pub(crate) fn parse(bytes: &[u8]) -> Outcome<Array> {
    let (header, body) = split(bytes)?;
    let element = header.element()?;
    let size = element.size();
    let required = header
        .shape
        .iter()
        .try_fold(size, |product: usize, &n| product.checked_mul(n))
        .ok_or_else(|| Failure::new("the .npy header promises more elements than memory can hold"))?;
    if body.len() < required {
        return Err(Failure::new(format!(
            "truncated .npy file: its header promises {required} bytes of elements, got {}",
            body.len()
        )));
    }
    if body.len() > required {
        return Err(Failure::new(format!(
            "its .npy header promises {required} bytes of elements, got {}",
            body.len()
        )));
    }
    let data = match element {
        Element::U8 => Data::U8(order(&header, body.to_vec())),
        Element::I8 => Data::I8(order(&header, body.iter().map(|&byte| byte as i8).collect())),
        Element::I16 => Data::I16(order(&header, elements(body, i16::from_le_bytes))),
        Element::U16 => Data::U16(order(&header, elements(body, u16::from_le_bytes))),
        Element::I32 => Data::I32(order(&header, elements(body, i32::from_le_bytes))),
        Element::F32 => Data::F32(order(&header, elements(body, f32::from_le_bytes))),
    };
    Ok(Array { shape: header.shape, data })
}

/// Shape, type and the place of the first element of an array in C order, from the first bytes of a file.
pub(crate) fn c_order(prefix: &[u8]) -> Option<(Vec<usize>, Element, usize)> {
    let (header, body) = split(prefix).ok()?;
    let element = header.element().ok()?;
    (!header.fortran_order).then_some((header.shape, element, prefix.len() - body.len()))
}

/// The header of a file, and the elements behind it.
fn split(bytes: &[u8]) -> Outcome<(Header, &[u8])> {
    let truncated = || Failure::new("truncated .npy file: it ends inside the header");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| Failure::new("not an .npy file"))?;
    let (version, rest) = rest.split_at_checked(2).ok_or_else(truncated)?;
    let (header_len, rest) = match version[0] {
        1 => rest.split_first_chunk().map(|(len, rest)| (u16::from_le_bytes(*len) as usize, rest)),
        2 | 3 => rest.split_first_chunk().map(|(len, rest)| (u32::from_le_bytes(*len) as usize, rest)),
        other => return Err(Failure::new(format!(".npy format version must be 1, 2 or 3, got {other}"))),
    }
    .ok_or_else(truncated)?;
    let (header, body) = rest.split_at_checked(header_len).ok_or_else(truncated)?;
    let header = std::str::from_utf8(header).map_err(|_| Failure::new("the .npy header is not text"))?;
    Ok((Header::parse(header)?, body))
}

/// Writes a file with this array in it, as NumPy does.
pub(crate) fn write(array: &Array, to: &mut dyn Write) -> io::Result<()> {
    write_header(array.data.element(), &array.shape, to)?;
    match &array.data {
        Data::F32(values) => write_each(to, values, f32::to_le_bytes),
        Data::U8(values) => to.write_all(values),
        Data::I8(values) => write_each(to, values, i8::to_le_bytes),
        Data::I32(values) => write_each(to, values, i32::to_le_bytes),
        Data::I16(values) => write_each(to, values, i16::to_le_bytes),
        Data::U16(values) => write_each(to, values, u16::to_le_bytes),
    }
}

/// Writes what stands before the elements.
pub(crate) fn write_header(element: Element, shape: &[usize], to: &mut dyn Write) -> io::Result<()> {
    let rank = shape.len();
    let descr = match element {
        Element::F32 => "<f4",
        Element::U8 => "|u1",
        Element::I8 => "|i1",
        Element::I32 => "<i4",
        Element::I16 => "<i2",
        Element::U16 => "<u2",
    };
    // A tuple of one has a comma behind it.
    let mut shape: String = shape.iter().map(|n| format!("{n}, ")).collect();
    if rank != 1 {
        shape.truncate(shape.trim_end_matches(", ").len());
    }
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", shape.trim_end());
    // Magic, version, length, header and newline together are a multiple of 64 bytes.
    let start = MAGIC.len() + 4;
    while !(start + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    to.write_all(MAGIC)?;
    to.write_all(&[1, 0])?;
    to.write_all(&(header.len() as u16).to_le_bytes())?;
    to.write_all(header.as_bytes())
}

/// Writes elements some thousands at a time: a large array does not take its memory twice.
fn write_each<T: Copy, const N: usize>(
    to: &mut dyn Write,
    values: &[T],
    bytes: fn(T) -> [u8; N],
) -> io::Result<()> {
    for some in values.chunks(1 << 14) {
        let some: Vec<u8> = some.iter().flat_map(|&value| bytes(value)).collect();
        to.write_all(&some)?;
    }
    Ok(())
}

fn elements<const N: usize, T>(body: &[u8], from: fn([u8; N]) -> T) -> Vec<T> {
    body.as_chunks().0.iter().map(|&bytes| from(bytes)).collect()
}

/// The elements in C order: Fortran order has the first dimension fastest.
fn order<T: Copy>(header: &Header, values: Vec<T>) -> Vec<T> {
    if !header.fortran_order || header.shape.len() < 2 || values.is_empty() {
        return values;
    }
    let mut strides = vec![1; header.shape.len()];
    for d in 1..strides.len() {
        strides[d] = strides[d - 1] * header.shape[d - 1];
    }
    let mut index = vec![0; header.shape.len()];
    let mut ordered = Vec::with_capacity(values.len());
    loop {
        let at: usize = index.iter().zip(&strides).map(|(i, stride)| i * stride).sum();
        ordered.push(values[at]);
        // Count up, last dimension fastest.
        let Some(d) = (0..index.len()).rev().find(|&d| index[d] + 1 < header.shape[d]) else {
            return ordered;
        };
        index[d] += 1;
        index[d + 1..].fill(0);
    }
}

/// The three entries of the Python dictionary that a header is.
#[derive(Debug)]
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Header {
    fn parse(text: &str) -> Outcome<Self> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        let mut rest = eat(text, "{")?;
        while !rest.trim_start().starts_with('}') {
            let (key, after) = string(rest)?;
            rest = eat(after, ":")?;
            match key {
                "descr" if rest.trim_start().starts_with('[') => {
                    return Err(Failure::new(
                        "elements must be of type f32, u8, i8, i32, i16 or u16, got records",
                    ));
                }
                "descr" => {
                    let (value, after) = string(rest)?;
                    (descr, rest) = (Some(value.to_owned()), after);
                }
                "fortran_order" => {
                    let (value, after) = boolean(rest)?;
                    (fortran_order, rest) = (Some(value), after);
                }
                "shape" => {
                    let (value, after) = tuple(rest)?;
                    (shape, rest) = (Some(value), after);
                }
                _ => return Err(malformed(rest)),
            }
            match eat(rest, ",") {
                Ok(after) => rest = after,
                Err(_) => break,
            }
        }
        eat(rest, "}")?;
        match (descr, fortran_order, shape) {
            (Some(descr), Some(fortran_order), Some(shape)) => Ok(Self { descr, fortran_order, shape }),
            _ => Err(Failure::new("the .npy header must have descr, fortran_order and shape")),
        }
    }

    fn element(&self) -> Outcome<Element> {
        let (order, kind) = self.descr.split_at_checked(1).unwrap_or(("", ""));
        let element = match kind {
            "f4" => Element::F32,
            "u1" => Element::U8,
            "i1" => Element::I8,
            "i4" => Element::I32,
            "i2" => Element::I16,
            "u2" => Element::U16,
            _ => {
                return Err(Failure::new(format!(
                    "elements must be of type f32, u8, i8, i32, i16 or u16, got {:?}",
                    self.descr
                )));
            }
        };
        match order {
            ">" if kind.ends_with('1') => Ok(element),
            ">" => {
                Err(Failure::new(format!("elements must be little-endian, got big-endian {:?}", self.descr)))
            }
            "<" | "|" | "=" => Ok(element),
            _ => Err(malformed(&self.descr)),
        }
    }
}

fn malformed(at: &str) -> Failure {
    let near: String = at.trim_start().chars().take(20).collect();
    Failure::new(format!("malformed .npy header near {near:?}"))
}

fn eat<'a>(text: &'a str, token: &str) -> Outcome<&'a str> {
    text.trim_start().strip_prefix(token).ok_or_else(|| malformed(text))
}

fn string(text: &str) -> Outcome<(&str, &str)> {
    let text = text.trim_start();
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"')).ok_or_else(|| malformed(text))?;
    text[1..].split_once(quote).ok_or_else(|| malformed(text))
}

fn boolean(text: &str) -> Outcome<(bool, &str)> {
    match (eat(text, "False"), eat(text, "True")) {
        (Ok(rest), _) => Ok((false, rest)),
        (_, Ok(rest)) => Ok((true, rest)),
        _ => Err(malformed(text)),
    }
}

fn tuple(text: &str) -> Outcome<(Vec<usize>, &str)> {
    let (inside, rest) = eat(text, "(")?.split_once(')').ok_or_else(|| malformed(text))?;
    let mut sizes = Vec::new();
    for word in inside.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        // Python 2 wrote long integers with an L behind them.
        let digits = word.strip_suffix('L').unwrap_or(word);
        sizes.push(
            digits.parse().map_err(|_| Failure::new(format!("a size must fit in memory, got {word}")))?,
        );
        if sizes.len() > MAX_RANK {
            return Err(malformed(text));
        }
    }
    Ok((sizes, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(array: &Array) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(array, &mut bytes).unwrap();
        bytes
    }

    fn file(header: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(body);
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        for shape in [vec![], vec![6], vec![2, 3], vec![0, 5], vec![1, 2, 3, 1]] {
            let len: usize = shape.iter().product();
            let values: Vec<f32> = (0..len).map(|i| i as f32 - 2.5).collect();
            for element in [Element::F32, Element::U8, Element::I8, Element::I32, Element::I16, Element::U16]
            {
                let array = Array { shape: shape.clone(), data: Data::from_f32(values.clone(), element) };
                let bytes = format(&array);
                let header_end = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
                assert_eq!(header_end % 64, 0);
                assert_eq!(parse(&bytes).unwrap(), array);
            }
        }
    }

    #[test]
    fn fortran_order_becomes_c_order() {
        let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n";
        let array = parse(&file(header, &[1, 4, 2, 5, 3, 6])).unwrap();
        assert_eq!(array.data, Data::U8(vec![1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn hostile_files_are_errors() {
        let good = format(&Array { shape: vec![2, 2], data: Data::I32(vec![1, 2, 3, 4]) });
        for len in 0..good.len() {
            assert!(parse(&good[..len]).is_err(), "{len}");
        }
        for byte in 0..good.len() {
            for value in [0, b'9', b'(', b'\'', 0xFF] {
                let mut bad = good.clone();
                bad[byte] = value;
                let _ = parse(&bad);
            }
        }
        let rows = usize::MAX / 4 + 1;
        let huge = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, 4), }}");
        assert!(parse(&file(&huge, &[0; 16])).unwrap_err().to_string().contains("more elements"));
        let big = "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }";
        assert!(parse(&file(big, &[0; 4])).unwrap_err().to_string().contains("big-endian"));
        let wide = "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }";
        assert!(parse(&file(wide, &[0; 8])).unwrap_err().to_string().contains("\"<f8\""));
    }
}
