//! Spectra: how strong the waves are that a picture is made of.

use std::error::Error;
use std::path::Path;

use convoke::mask::Mask;
use convoke::{Border, Filter};
use image::GrayImage;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

/// Draws a picture in grey, its spectrum, and that of the picture blurred.
pub(crate) fn draw(picture: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let grey = image::open(picture)?.to_luma8();
    let (width, height) = (grey.width() as usize, grey.height() as usize);
    let smaller = half(&grey);
    smaller.save(out.join("harbour-grey.png"))?;
    let bell = Mask::gaussian(3.0)?;
    let filter = Filter::new(&bell.desc([height, width], 1).border(Border::Wrap), &bell)?;
    let pixels: Vec<f32> = grey.as_raw().iter().map(|&pixel| pixel.into()).collect();
    let blurred: Vec<f32> = filter.run(&pixels)?;
    for (pixels, name) in [(pixels, "spectrum.png"), (blurred, "spectrum-gaussian.png")] {
        half(&spectrum(&pixels, [height, width])).save(out.join(name))?;
    }
    Ok(())
}

/// Means of two by two pixels.
fn half(picture: &GrayImage) -> GrayImage {
    GrayImage::from_fn(picture.width() / 2, picture.height() / 2, |x, y| {
        let four = [(0, 0), (1, 0), (0, 1), (1, 1)];
        let sum: u32 = four.iter().map(|(i, j)| u32::from(picture.get_pixel(2 * x + i, 2 * y + j)[0])).sum();
        image::Luma([(sum / 4) as u8])
    })
}

/// The logarithm of each wave's strength, the mean in the middle.
fn spectrum(pixels: &[f32], [height, width]: [usize; 2]) -> GrayImage {
    let mut planner = FftPlanner::new();
    let mut rows: Vec<Complex<f32>> = pixels.iter().map(|&pixel| Complex::new(pixel, 0.0)).collect();
    planner.plan_fft_forward(width).process(&mut rows);
    let mut columns: Vec<Complex<f32>> =
        (0..width * height).map(|i| rows[i % height * width + i / height]).collect();
    planner.plan_fft_forward(height).process(&mut columns);
    let strength = |x: usize, y: usize| columns[x * height + y].norm();
    // Seven powers of ten, from the mean downwards.
    let most = strength(0, 0);
    GrayImage::from_fn(width as u32, height as u32, |x, y| {
        let (x, y) = ((x as usize + width / 2) % width, (y as usize + height / 2) % height);
        let decades = (strength(x, y) / most).max(1e-7).log10();
        image::Luma([((decades + 7.0) / 7.0 * 255.0) as u8])
    })
}
