//! Cuts a rectangle out of a picture, and enlarges it without smoothing: each pixel becomes a block of equal ones. For
//! the gallery (`docs/gallery/draw`), whose pictures are small, and where single pixels must be seen.
//!
//! `cargo run --release -p convoke-cli --example crop_picture -- IN OUT X,Y,WIDTH,HEIGHT [TIMES]`

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (input, output, rectangle, times) = match &args[..] {
        [input, output, rectangle] => (input, output, rectangle, 1),
        [input, output, rectangle, times] => (input, output, rectangle, times.parse()?),
        _ => return Err("usage: crop_picture IN OUT X,Y,WIDTH,HEIGHT [TIMES]".into()),
    };
    let numbers: Vec<u32> = rectangle.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let [x, y, width, height] = numbers[..] else {
        return Err("a rectangle has four numbers: X,Y,WIDTH,HEIGHT".into());
    };
    let picture = image::open(input)?.into_rgb8();
    let fits = |from: u32, size: u32, all: u32| from.checked_add(size).is_some_and(|end| end <= all);
    if !(fits(x, width, picture.width()) && fits(y, height, picture.height())) {
        return Err(format!("{rectangle} is not inside {}x{}", picture.width(), picture.height()).into());
    }
    if !(1..=64).contains(&times) {
        return Err("a picture can be enlarged 1 to 64 times".into());
    }
    let part = image::RgbImage::from_fn(width * times, height * times, |column, row| {
        *picture.get_pixel(x + column / times, y + row / times)
    });
    part.save(output)?;
    Ok(())
}
