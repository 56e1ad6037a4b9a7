//! Draws the figures of the course that are not filtered pictures: `cargo run --release -p convoke-book --example figures -- DIR`.
//! Called by `docs/book/draw`.

mod figures {
    pub(crate) mod diagrams;
    pub(crate) mod spectrum;
    pub(crate) mod svg;
}

use std::error::Error;
use std::path::PathBuf;

use figures::{diagrams, spectrum};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(picture), Some(out), None) = (args.next(), args.next(), args.next()) else {
        return Err("usage: figures PICTURE.png DIR".into());
    };
    std::fs::write(out.join("window.svg"), diagrams::window()?)?;
    std::fs::write(out.join("impulse.svg"), diagrams::impulse()?)?;
    std::fs::write(out.join("layers.svg"), diagrams::layers())?;
    spectrum::draw(&picture, &out)
}
