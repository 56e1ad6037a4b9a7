//! Pictures in files, row by row: `.npy` arrays in C order, and binary PGM and PPM. What these files hold can be
//! read, filtered and written without ever being in memory as a whole.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use convoke::Pixel;

use crate::array::Element;
use crate::npy;

/// Bytes at the start of a file in which its header must end.
const HEADER: u64 = 1 << 16;
/// Bytes read or written at a time.
pub(crate) const BUFFER: usize = 1 << 20;

/// A type of pixels that such files hold and filters know.
pub(crate) trait RowPixel: Pixel + Default + PartialOrd {
    /// Values from the bytes of a row, of which there are as many.
    fn decode(bytes: &[u8], order: Order, row: &mut [Self]);

    /// The bytes of a row, as many as fit.
    fn encode(row: &[Self], order: Order, bytes: &mut [u8]);
}

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl RowPixel for u8 {
    fn decode(bytes: &[u8], _: Order, row: &mut [Self]) {
        row.copy_from_slice(bytes);
    }

    fn encode(row: &[Self], _: Order, bytes: &mut [u8]) {
        bytes.copy_from_slice(row);
    }
}

macro_rules! of_several_bytes {
    ($($type:ty)*) => {$(
        impl RowPixel for $type {
            fn decode(bytes: &[u8], order: Order, row: &mut [Self]) {
                let from = if order == Order::Little { <$type>::from_le_bytes } else { <$type>::from_be_bytes };
                for (value, bytes) in row.iter_mut().zip(bytes.as_chunks().0) {
                    *value = from(*bytes);
                }
            }

            fn encode(row: &[Self], order: Order, bytes: &mut [u8]) {
                let to = if order == Order::Little { <$type>::to_le_bytes } else { <$type>::to_be_bytes };
                for (value, bytes) in row.iter().zip(bytes.as_chunks_mut().0) {
                    *bytes = to(*value);
                }
            }
        }
    )*};
}

of_several_bytes!(u16 i16 f32);

/// What a header says.
#[derive(Clone, Debug, PartialEq)]
struct Header {
    shape: Vec<usize>,
    element: Element,
    order: Order,
    /// Where the first row starts.
    start: usize,
}

/// A file whose rows can be read one by one.
#[derive(Debug)]
pub(crate) struct RowFile {
    file: BufReader<File>,
    header: Header,
    /// The row that is read next if nobody seeks.
    at: usize,
    row_bytes: usize,
}

impl RowFile {
    /// The rows of a file, if it is one of those; whatever is wrong with another, reading all of it will tell.
    pub(crate) fn open(path: &Path) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() {
            return None;
        }
        let mut prefix = Vec::new();
        (&mut file).take(HEADER).read_to_end(&mut prefix).ok()?;
        let header = if prefix.starts_with(npy::MAGIC) { npy_header(&prefix) } else { pnm_header(&prefix) }?;
        let (height, row) = header.shape.split_first()?;
        let row_bytes =
            row.iter().try_fold(header.element.size(), |product: usize, &n| product.checked_mul(n))?;
        let end = height.checked_mul(row_bytes)?.checked_add(header.start)?;
        if metadata.len() != u64::try_from(end).ok()? || end == header.start {
            return None;
        }
        file.seek(SeekFrom::Start(header.start as u64)).ok()?;
        Some(Self { file: BufReader::with_capacity(BUFFER, file), header, at: 0, row_bytes })
    }

    /// Height and width, and channels of arrays that have a dimension for them.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    pub(crate) fn element(&self) -> Element {
        self.header.element
    }

    /// Reads row `y`.
    pub(crate) fn read<T: RowPixel>(
        &mut self,
        y: usize,
        bytes: &mut Vec<u8>,
        row: &mut [T],
    ) -> io::Result<()> {
        bytes.resize(self.row_bytes, 0);
        if y != self.at {
            self.file.seek(SeekFrom::Start((self.header.start + y * self.row_bytes) as u64))?;
        }
        self.at = y + 1;
        self.file.read_exact(bytes)?;
        T::decode(bytes, self.header.order, row);
        Ok(())
    }
}

fn npy_header(prefix: &[u8]) -> Option<Header> {
    let (shape, element, start) = npy::c_order(prefix)?;
    matches!(shape.len(), 2 | 3).then_some(Header { shape, element, order: Order::Little, start })
}

/// The header of a PGM or PPM file with all values of its type.
fn pnm_header(prefix: &[u8]) -> Option<Header> {
    let channels = match prefix.first_chunk()? {
        b"P5" => 1,
        b"P6" => 3,
        _ => return None,
    };
    let mut at = 2;
    let mut numbers = [0_usize; 3];
    for number in &mut numbers {
        // Words are set apart by white space; a comment ends with its line.
        let before = at;
        loop {
            match prefix.get(at)? {
                b'#' => at += prefix[at..].iter().position(|&byte| byte == b'\n')?,
                byte if byte.is_ascii_whitespace() => at += 1,
                _ => break,
            }
        }
        let digits = prefix[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if before == at || digits == 0 {
            return None;
        }
        *number = std::str::from_utf8(&prefix[at..at + digits]).ok()?.parse().ok()?;
        at += digits;
    }
    if !prefix.get(at)?.is_ascii_whitespace() {
        return None;
    }
    let [width, height, most] = numbers;
    let element = match most {
        255 => Element::U8,
        65_535 => Element::U16,
        _ => return None,
    };
    let shape = if channels == 1 { vec![height, width] } else { vec![height, width, channels] };
    Some(Header { shape, element, order: Order::Big, start: at + 1 })
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowFormat {
    Npy,
    /// PGM or PPM, as the number of channels asks for.
    Pnm,
}

impl RowFormat {
    /// Writes what stands before the rows.
    pub(crate) fn write_header(
        self,
        shape: &[usize],
        element: Element,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        if self == Self::Npy {
            return npy::write_header(element, shape, to);
        }
        let kind = if shape.get(2).is_some_and(|&channels| channels == 3) { "P6" } else { "P5" };
        let most = if element == Element::U8 { 255 } else { 65_535 };
        writeln!(to, "{kind}\n{} {}\n{most}", shape[1], shape[0])
    }

    pub(crate) fn order(self) -> Order {
        if self == Self::Npy { Order::Little } else { Order::Big }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_pictures() {
        let parse = |text: &str| pnm_header(text.as_bytes());
        let header = parse("P5 3 2 255\n......").unwrap();
        assert_eq!((header.shape, header.element, header.start), (vec![2, 3], Element::U8, 11));
        let header = parse("P6\n# made by\n# hand\n 3\t2\r\n65535 ").unwrap();
        assert_eq!((header.shape, header.element, header.start), (vec![2, 3, 3], Element::U16, 32));
        for bad in [
            "",
            "P",
            "P5",
            "P5 3 2",
            "P5 3 2 255",
            "P5 3 2 255.",
            "P5 3 2 100\n",
            "P2 3 2 255\n",
            "P53 2 255\n",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
        assert_eq!(parse("P5 3 -2 255\n"), None);
        assert_eq!(parse("P5 3 99999999999999999999999 255\n"), None);
        assert_eq!(parse("P5 # never ends 3 2 255"), None);
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        fn both<T: RowPixel + std::fmt::Debug>(values: &[T]) {
            for order in [Order::Little, Order::Big] {
                let mut bytes = vec![0; size_of_val(values)];
                T::encode(values, order, &mut bytes);
                let mut back = vec![T::default(); values.len()];
                T::decode(&bytes, order, &mut back);
                assert_eq!(back, values);
            }
        }
        both(&[0_u8, 1, 255]);
        both(&[0_u16, 1, 0x1234, 65535]);
        both(&[0_i16, -1, 0x1234, -32768]);
        both(&[0.0_f32, -1.5, 1e30]);
        let mut bytes = [0; 2];
        u16::encode(&[0x1234], Order::Big, &mut bytes);
        assert_eq!(bytes, [0x12, 0x34]);
    }
}
