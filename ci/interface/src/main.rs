//! Prints a crate's public interface, one item a line, from the JSON that rustdoc writes: what `ci/public-interface` compares with
//! the list that is kept.

use std::error::Error;
use std::io::Write as _;

fn main() -> Result<(), Box<dyn Error>> {
    let json = std::env::args_os().nth(1).ok_or("usage: interface FILE.json")?;
    let interface = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    let mut out = std::io::stdout().lock();
    for item in interface.items() {
        writeln!(out, "{item}")?;
    }
    Ok(())
}
