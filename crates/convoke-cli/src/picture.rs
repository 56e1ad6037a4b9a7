//! Pictures as arrays (H, W, C) and back, through the `image` crate: PNG, JPEG, BMP, PNM, TIFF, WebP and GIF.

use std::io::Cursor;
use std::path::Path;

use image::{ColorType, DynamicImage, ImageBuffer, ImageFormat, ImageReader, Pixel};

use crate::array::{Array, Data, shape_text};
use crate::error::{Context, Failure, Outcome};

/// The picture in the bytes of a file, in the type it has there: 8-bit pictures are u8, 16-bit ones u16, float
/// ones f32. Alpha is a channel like the others. Of an animation this is the first frame.
pub(crate) fn parse(bytes: &[u8]) -> Outcome<Array> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(Failure::new)?;
    if reader.format().is_none() {
        return Err(Failure::new(
            "neither a picture (PNG, JPEG, BMP, PNM, TIFF, WebP, GIF) nor an .npy file",
        ));
    }
    let picture = reader.decode().map_err(Failure::new)?;
    let shape = vec![
        picture.height() as usize,
        picture.width() as usize,
        usize::from(picture.color().channel_count()),
    ];
    let data = match picture {
        DynamicImage::ImageLuma8(picture) => Data::U8(picture.into_raw()),
        DynamicImage::ImageLumaA8(picture) => Data::U8(picture.into_raw()),
        DynamicImage::ImageRgb8(picture) => Data::U8(picture.into_raw()),
        DynamicImage::ImageRgba8(picture) => Data::U8(picture.into_raw()),
        DynamicImage::ImageLuma16(picture) => Data::U16(picture.into_raw()),
        DynamicImage::ImageLumaA16(picture) => Data::U16(picture.into_raw()),
        DynamicImage::ImageRgb16(picture) => Data::U16(picture.into_raw()),
        DynamicImage::ImageRgba16(picture) => Data::U16(picture.into_raw()),
        DynamicImage::ImageRgb32F(picture) => Data::F32(picture.into_raw()),
        DynamicImage::ImageRgba32F(picture) => Data::F32(picture.into_raw()),
        other => return Err(Failure::new(format!("pictures of type {:?} are not supported", other.color()))),
    };
    Ok(Array { shape, data })
}

/// The format that a file's name asks for, if it is one that pictures can be written in.
pub(crate) fn format_of(path: &Path) -> Outcome<ImageFormat> {
    let format = ImageFormat::from_path(path).ok().filter(ImageFormat::writing_enabled);
    format.ok_or_else(|| {
        Failure::new(
            "its name must end in .npy, .png, .jpg, .bmp, .pgm, .ppm, .pam, .tif, .webp or .gif".to_owned(),
        )
    })
}

/// The bytes of a picture file with this array in it.
pub(crate) fn format(array: Array, format: ImageFormat) -> Outcome<Vec<u8>> {
    let element = array.data.element();
    let (height, width, channels) = match array.shape[..] {
        [height, width] => (height, width, 1),
        [height, width, channels] => (height, width, channels),
        _ => {
            return Err(Failure::new(format!(
                "a picture has dimensions HxW or HxWxC, got {}",
                shape_text(&array.shape)
            )));
        }
    };
    let (Ok(width), Ok(height)) = (u32::try_from(width), u32::try_from(height)) else {
        return Err(Failure::new("a picture has at most 4294967295 rows and columns"));
    };
    let size = (width, height);
    let picture = match (array.data, channels) {
        (Data::U8(pixels), 1) => wrap(size, pixels).map(DynamicImage::ImageLuma8),
        (Data::U8(pixels), 2) => wrap(size, pixels).map(DynamicImage::ImageLumaA8),
        (Data::U8(pixels), 3) => wrap(size, pixels).map(DynamicImage::ImageRgb8),
        (Data::U8(pixels), 4) => wrap(size, pixels).map(DynamicImage::ImageRgba8),
        (Data::U16(pixels), 1) => wrap(size, pixels).map(DynamicImage::ImageLuma16),
        (Data::U16(pixels), 2) => wrap(size, pixels).map(DynamicImage::ImageLumaA16),
        (Data::U16(pixels), 3) => wrap(size, pixels).map(DynamicImage::ImageRgb16),
        (Data::U16(pixels), 4) => wrap(size, pixels).map(DynamicImage::ImageRgba16),
        (Data::F32(pixels), 3) => wrap(size, pixels).map(DynamicImage::ImageRgb32F),
        (Data::F32(pixels), 4) => wrap(size, pixels).map(DynamicImage::ImageRgba32F),
        _ => None,
    };
    let Some(picture) = picture else {
        return Err(Failure::new(format!(
            "a picture file cannot hold {channels} channels of {element}; write an .npy file, or ask for --output-type u8"
        )));
    };
    if format == ImageFormat::Jpeg && matches!(picture.color(), ColorType::La8 | ColorType::Rgba8) {
        return Err(Failure::new("JPEG has no alpha channel; write a .png"));
    }
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).about("cannot encode")?;
    Ok(bytes.into_inner())
}

fn wrap<P: Pixel>(
    (width, height): (u32, u32),
    pixels: Vec<P::Subpixel>,
) -> Option<ImageBuffer<P, Vec<P::Subpixel>>> {
    ImageBuffer::from_raw(width, height, pixels)
}
