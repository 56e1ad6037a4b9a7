//! Files in and out. What goes out is written beside its place and moved there when it is whole, so that a
//! failure leaves the old file, or none.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use image::ImageFormat;

use crate::array::{Array, Data, Element};
use crate::error::{Context, Failure, Outcome};
use crate::picture::Picture;
use crate::rows::{RowFormat, RowPixel};
use crate::{npy, picture};

/// The bytes of a file.
pub(crate) fn read(path: &Path) -> Outcome<Vec<u8>> {
    fs::read(path).map_err(plain).about(path.display())
}

/// The array in an `.npy` file.
pub(crate) fn read_npy(path: &Path) -> Outcome<Array> {
    npy::parse(&read(path)?).about(path.display())
}

/// The array in an `.npy` file or a picture, whatever the file is called. Losses name the file.
pub(crate) fn read_array_or_picture(path: &Path) -> Outcome<Picture> {
    let bytes = read(path)?;
    let picture = if bytes.starts_with(npy::MAGIC) {
        npy::parse(&bytes).map(Picture::from)
    } else {
        picture::parse(&bytes)
    };
    let mut picture = picture.about(path.display())?;
    for loss in &mut picture.losses {
        *loss = Failure::new(format_args!("{}: {loss}", path.display()));
    }
    Ok(picture)
}

/// Where a result will go. Made before the work, so that a bad path is found before it, not after.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Npy,
    Picture(ImageFormat),
}

impl Output {
    /// An output of the format that the name asks for, in a place that can be written.
    pub(crate) fn array_or_picture(path: &Path) -> Outcome<Self> {
        let kind = if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy")) {
            Kind::Npy
        } else {
            Kind::Picture(picture::format_of(path).about(path.display())?)
        };
        Self::new(path, kind)
    }

    /// An `.npy` output, whatever its name.
    pub(crate) fn npy(path: &Path) -> Outcome<Self> {
        Self::new(path, Kind::Npy)
    }

    fn new(path: &Path, kind: Kind) -> Outcome<Self> {
        match fs::metadata(path) {
            Ok(old) if old.is_dir() => {
                return Failure::about(path.display(), "cannot be written: it is a folder");
            }
            // Opening a file for writing, without truncation, changes nothing; a pipe would notice.
            Ok(old) if !old.is_file() => {}
            Ok(_) => drop(OpenOptions::new().write(true).open(path).map_err(plain).about(path.display())?),
            Err(_) => {
                let folder = folder_of(path);
                if !folder.is_dir() {
                    let message = format!("cannot be written: there is no folder {}", folder.display());
                    return Failure::about(path.display(), message);
                }
            }
        }
        Ok(Self { path: path.to_owned(), kind })
    }

    /// The format in which rows of such pictures can be written one after the other, if there is one.
    pub(crate) fn row_format(&self, element: Element, channels: usize) -> Option<RowFormat> {
        let is_filtered = matches!(element, Element::U8 | Element::U16 | Element::I16 | Element::F32);
        match self.kind {
            Kind::Npy => is_filtered.then_some(RowFormat::Npy),
            Kind::Picture(ImageFormat::Pnm) => {
                let extension = self.path.extension()?.to_ascii_lowercase();
                let holds = extension == "pgm" && channels == 1 || extension == "ppm" && channels == 3;
                (holds && matches!(element, Element::U8 | Element::U16)).then_some(RowFormat::Pnm)
            }
            Kind::Picture(_) => None,
        }
    }

    /// Writes the result as it comes: all of it, or nothing.
    pub(crate) fn write_rows(self, write: impl FnOnce(&mut dyn Write) -> Result<(), Stop>) -> Outcome<()> {
        match write_whole(&self.path, write) {
            Ok(()) => Ok(()),
            Err(Stop::Failed(failure)) => Err(failure),
            Err(Stop::Unwritten(error)) => Failure::about(self.path.display(), plain(error)),
        }
    }

    /// Whether the file can hold such values, as far as that depends on its format: a word before the work instead
    /// of after it.
    pub(crate) fn can_hold(&self, element: Element, channels: usize) -> Outcome<()> {
        match self.kind {
            Kind::Npy => Ok(()),
            Kind::Picture(format) => picture::can_hold(format, element, channels).about(self.path.display()),
        }
    }

    /// Writes the result: all of it, or nothing.
    pub(crate) fn write(self, array: Array) -> Outcome<()> {
        self.write_picture(array, None).map(|_| ())
    }

    /// Writes the result and its colour profile. Gives what the file has no place for, each in one line.
    pub(crate) fn write_picture(self, array: Array, profile: Option<Vec<u8>>) -> Outcome<Vec<Failure>> {
        let channels = array.shape.get(2).copied().unwrap_or(1);
        let pnm = self.row_format(array.data.element(), channels) == Some(RowFormat::Pnm)
            && matches!(array.shape.len(), 2 | 3);
        let mut losses = Vec::new();
        let mut lose =
            |loss: &str| losses.push(Failure::new(format_args!("{}: {loss}", self.path.display())));
        if profile.is_some() && !matches!(self.kind, Kind::Picture(format) if picture::has_profile(format)) {
            lose("the picture's colour profile (ICC) is lost: such files have no place for it here");
        }
        if matches!(self.kind, Kind::Picture(ImageFormat::Gif)) && channels == 4 {
            lose("GIF keeps alpha only as all or nothing");
        }
        let written = match self.kind {
            Kind::Npy => write_whole(&self.path, |file| npy::write(&array, file)),
            Kind::Picture(_) if pnm => write_whole(&self.path, |file| write_pnm(&array, file)),
            Kind::Picture(format) => {
                let bytes = picture::format(array, format, profile).about(self.path.display())?;
                write_whole(&self.path, |file| file.write_all(&bytes))
            }
        };
        written.map_err(plain).about(self.path.display())?;
        Ok(losses)
    }
}

/// Why rows were not written to the end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// There are none: what makes them failed.
    Failed(Failure),
    /// The file could not be written.
    Unwritten(io::Error),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Unwritten(error)
    }
}

/// Writes a PGM or PPM file.
fn write_pnm(array: &Array, file: &mut dyn Write) -> io::Result<()> {
    fn rows<T: RowPixel>(values: &[T], file: &mut dyn Write) -> io::Result<()> {
        let mut bytes = Vec::new();
        for some in values.chunks(1 << 14) {
            bytes.resize(size_of_val(some), 0);
            T::encode(some, RowFormat::Pnm.order(), &mut bytes);
            file.write_all(&bytes)?;
        }
        Ok(())
    }
    RowFormat::Pnm.write_header(&array.shape, array.data.element(), file)?;
    match &array.data {
        Data::U8(values) => rows(values, file),
        Data::U16(values) => rows(values, file),
        // `row_format` lets no others through.
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

/// Writes a file so that it is never seen half-written.
fn write_whole<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    // The file behind a link is replaced, not the link. Pipes and devices cannot be replaced at all.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = fs::metadata(&path).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        return write(&mut OpenOptions::new().write(true).open(&path)?);
    }
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = folder_of(&path).join(name);
    let mut file = File::create_new(&beside)?;
    let written = write(&mut file).and_then(|()| {
        old.map_or(Ok(()), |old| file.set_permissions(old.permissions()))?;
        file.sync_all()?;
        Ok(fs::rename(&beside, &path)?)
    });
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// An error of the operating system in words for someone who has typed a path.
pub(crate) fn plain(error: io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "is a folder".to_owned(),
        _ => error.to_string(),
    }
}
