//! The course in `docs/book`, from the pixel sum to the learned filter bank: each page is a module here, so that every
//! piece of code in it is compiled and run as a documentation test. What its tables say is checked in `tests/`; what its
//! commands print, by the tests of the program.

// Tables of numbers in brackets are no links.
#![allow(rustdoc::broken_intra_doc_links, reason = "pages are written for mdBook, which has other links")]

macro_rules! pages {
    ($($name:ident $file:literal,)*) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("src/", $file))]
            mod $name {}
        )*
    };
}

pages! {
    sum "01-the-sum.md",
    smoothing "02-smoothing.md",
    shift "03-identity-and-shift.md",
    edges "04-edges.md",
    cost "05-what-it-costs.md",
    frequency "06-the-other-domain.md",
    layers "07-three-layers.md",
    many "08-many-filters.md",
    backward "09-backwards.md",
    learning "10-learning.md",
}
