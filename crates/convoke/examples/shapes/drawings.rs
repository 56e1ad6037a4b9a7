//! What is drawn at the end: some of the pictures, and the filters of the first layer.

use std::path::Path;

use image::{GrayImage, ImageResult, Luma};

/// Writes squares of `side` values, row by row of `columns` of them, each value `scale` dots wide. Grey is 0; the value furthest from it is black
/// or white.
pub(crate) fn squares(
    path: &Path,
    values: &[f32],
    side: usize,
    columns: usize,
    scale: usize,
) -> ImageResult<()> {
    let count = values.len() / (side * side);
    let (pitch, rows) = (side * scale + scale, count.div_ceil(columns));
    let size = [columns * pitch + scale, rows * pitch + scale].map(|side| side as u32);
    let mut picture = GrayImage::from_pixel(size[0], size[1], Luma([128]));
    for (i, square) in values.chunks_exact(side * side).enumerate() {
        let most = square.iter().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
        for y in 0..side * scale {
            for x in 0..side * scale {
                let value = square[y / scale * side + x / scale] / most;
                let at =
                    [i % columns * pitch + scale + x, i / columns * pitch + scale + y].map(|at| at as u32);
                picture.put_pixel(at[0], at[1], Luma([(127.5 + 127.5 * value).round() as u8]));
            }
        }
    }
    picture.save(path)
}
