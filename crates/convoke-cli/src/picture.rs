//! Pictures as arrays (H, W, C) and back, through the `image` crate: PNG, JPEG, BMP, PNM, TIFF, WebP and GIF.
//! Orientation is applied, colour profiles are passed on, and what cannot be kept is said.

use std::io::Cursor;
use std::path::Path;

use image::codecs::tiff::{TiffDecoder, TiffEncoder};
use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::metadata::Orientation;
use image::{
    DynamicImage, ImageBuffer, ImageDecoder, ImageEncoder, ImageError, ImageFormat, ImageReader, ImageResult,
    Limits, Pixel,
};

use crate::array::{Array, Data, Element, shape_text};
use crate::error::{Context, Failure, Outcome};

/// A picture, and what its file says about it.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) array: Array,
    /// Its ICC profile: what its numbers mean as colours.
    pub(crate) profile: Option<Vec<u8>>,
    /// What is not kept, each in one line.
    pub(crate) losses: Vec<Failure>,
}

impl From<Array> for Picture {
    fn from(array: Array) -> Self {
        Self { array, profile: None, losses: Vec::new() }
    }
}

/// The picture in the bytes of a file, in the type it has there: 8-bit pictures are u8, 16-bit ones u16, float
/// ones f32. Alpha is a channel like the others. Of an animation this is the first frame. Pixels are turned as the
/// file's orientation asks, so that rows and columns are those that a viewer shows.
pub(crate) fn parse(bytes: &[u8]) -> Outcome<Picture> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(Failure::new)?;
    let Some(format) = reader.format() else {
        return Err(Failure::new(
            "neither a picture (PNG, JPEG, BMP, PNM, TIFF, WebP, GIF) nor an .npy file",
        ));
    };
    let mut decoder = reader.into_decoder().map_err(Failure::new)?;
    // A header that promises more than this is not believed.
    Limits::default().reserve(decoder.total_bytes()).map_err(Failure::new)?;
    // Damaged metadata is no reason to refuse good pixels.
    let mut losses = Vec::new();
    // Once limits are set, the TIFF decoder gives no profile that takes more memory than the pixels do.
    let read = if format == ImageFormat::Tiff {
        TiffDecoder::new(Cursor::new(bytes)).and_then(|mut decoder| decoder.icc_profile())
    } else {
        decoder.icc_profile()
    };
    let mut profile = read.unwrap_or_else(|error| {
        losses
            .push(Failure::new(format_args!("its colour profile (ICC) cannot be read and is lost: {error}")));
        None
    });
    let orientation = decoder.orientation().unwrap_or_else(|error| {
        losses.push(Failure::new(format_args!("its orientation cannot be read and is ignored: {error}")));
        Orientation::NoTransforms
    });
    let mut picture = DynamicImage::from_decoder(decoder).map_err(Failure::new)?;
    picture.apply_orientation(orientation);
    let is_for_these = |profile: &Vec<u8>| is_profile_of(profile, picture.color().has_color());
    if profile.as_ref().is_some_and(|profile| !is_for_these(profile)) {
        profile = None;
        losses.push(Failure::new("its colour profile (ICC) is not one for these pixels and is lost"));
    }
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
    Ok(Picture { array: Array { shape, data }, profile, losses })
}

/// Whether this is an ICC profile for colour, or for grey, pixels. Those of CMYK files, which are decoded to RGB, would
/// give RGB numbers a wrong meaning. (ICC.1:2022, 7.2: data colour space at byte 16 of the header's 128.)
fn is_profile_of(profile: &[u8], has_color: bool) -> bool {
    let space: &[u8] = if has_color { b"RGB " } else { b"GRAY" };
    profile.len() >= 128 && &profile[16..20] == space
}

/// Whether files of this format can be given a colour profile.
pub(crate) fn has_profile(format: ImageFormat) -> bool {
    matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Tiff | ImageFormat::WebP)
}

/// Whether files of this format can hold so many channels of such values. What they cannot hold would be cut to 8 bits,
/// or lose its alpha, without a word.
pub(crate) fn can_hold(format: ImageFormat, element: Element, channels: usize) -> Outcome<()> {
    let name = match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Gif => "GIF",
        ImageFormat::WebP => "WebP",
        _ => return Ok(()),
    };
    let remedy = match element {
        Element::U16 => "ask for --output-type u8 with --scale 0.0038910506 (1/257), or write a .png or .tif",
        Element::F32 if matches!(channels, 3 | 4) => "ask for --output-type u8, or write a .tif",
        _ => "",
    };
    if !remedy.is_empty() {
        return Err(Failure::new(format_args!("{name} holds 8 bits a value, got {element}: {remedy}")));
    }
    let without_alpha = match format {
        ImageFormat::Jpeg => matches!(channels, 2 | 4),
        ImageFormat::Bmp => channels == 2,
        _ => false,
    };
    if without_alpha && element == Element::U8 {
        let kind = if channels == 2 && format == ImageFormat::Bmp { " of grey pictures" } else { "" };
        return Err(Failure::new(format_args!("{name} has no alpha channel{kind}; write a .png")));
    }
    Ok(())
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

/// The bytes of a picture file with this array in it, and with the colour profile if [`has_profile`].
pub(crate) fn format(array: Array, format: ImageFormat, profile: Option<Vec<u8>>) -> Outcome<Vec<u8>> {
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
    can_hold(format, element, channels)?;
    let mut bytes = Cursor::new(Vec::new());
    let to = &mut bytes;
    let written = match format {
        ImageFormat::Png => encode(&picture, PngEncoder::new(to), profile),
        ImageFormat::Jpeg => encode(&picture, JpegEncoder::new(to), profile),
        ImageFormat::Tiff => encode(&picture, TiffEncoder::new(to), profile),
        ImageFormat::WebP => encode(&picture, WebPEncoder::new_lossless(to), profile),
        _ => picture.write_to(to, format),
    };
    written.about("cannot encode")?;
    Ok(bytes.into_inner())
}

fn encode(
    picture: &DynamicImage,
    mut encoder: impl ImageEncoder,
    profile: Option<Vec<u8>>,
) -> ImageResult<()> {
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).map_err(ImageError::Unsupported)?;
    }
    picture.write_with_encoder(encoder)
}

fn wrap<P: Pixel>(
    (width, height): (u32, u32),
    pixels: Vec<P::Subpixel>,
) -> Option<ImageBuffer<P, Vec<P::Subpixel>>> {
    ImageBuffer::from_raw(width, height, pixels)
}
