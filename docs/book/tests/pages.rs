//! What the pages say besides their code: tables of numbers, links and pictures.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use convoke::mask::Mask;
use convoke::{Border, Filter};

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All pages: name and text.
fn pages() -> Vec<(String, String)> {
    let mut pages: Vec<_> = fs::read_dir(src())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    pages.sort();
    pages
}

/// The fenced blocks of a page that hold nothing but numbers.
fn tables(page: &str) -> Vec<Vec<Vec<u8>>> {
    let blocks = page.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks
        .filter_map(|block| {
            let row = |line: &str| {
                line.split_whitespace().map(|cell| cell.parse().ok()).collect::<Option<Vec<u8>>>()
            };
            block.lines().map(row).collect()
        })
        .collect()
}

/// Targets of links, `[words](target)`, pictures among them.
fn targets(page: &str) -> Vec<&str> {
    page.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://"))
        .collect()
}

#[test]
fn the_mean_is_that_of_the_picture() {
    let page = fs::read_to_string(src().join("01-the-sum.md")).unwrap();
    let [picture, mean] = &tables(&page)[..] else { panic!("two tables of numbers") };
    assert_eq!((picture.len(), mean.len()), (10, 8));
    // By the definition, and by the library.
    for y in 0..8 {
        for x in 0..8 {
            let sum: u32 = (0..9).map(|i| u32::from(picture[y + i / 3][x + i % 3])).sum();
            assert_eq!(u32::from(mean[y][x]) * 9, sum, "row {y}, column {x}");
        }
    }
    let mask = Mask::boxed(3).unwrap();
    let filter = Filter::new(&mask.desc([10, 10], 1).border(Border::Zero), &mask).unwrap();
    let result: Vec<u8> = filter.run(&picture.concat()).unwrap();
    for (y, row) in mean.iter().enumerate() {
        assert_eq!(result[(y + 1) * 10 + 1..][..8], row[..]);
    }
}

#[test]
fn every_link_leads_somewhere_and_every_picture_is_shown() {
    let mut shown = BTreeSet::new();
    for (name, page) in pages() {
        for target in targets(&page) {
            let file = target.split('#').next().unwrap();
            assert!(src().join(file).exists(), "{name} links to {target}");
            if let Some(picture) = file.strip_prefix("img/") {
                shown.insert(picture.to_owned());
            }
        }
    }
    for entry in fs::read_dir(src().join("img")).unwrap() {
        let picture = entry.unwrap().file_name().into_string().unwrap();
        assert!(shown.contains(&picture), "no page shows img/{picture}");
    }
}

#[test]
fn every_page_is_listed_and_tested() {
    let summary = fs::read_to_string(src().join("SUMMARY.md")).unwrap();
    let library = include_str!("../lib.rs");
    for (name, _) in pages().iter().filter(|(name, _)| name != "SUMMARY.md") {
        assert!(summary.contains(&format!("({name})")), "SUMMARY.md does not list {name}");
        assert!(
            name == "README.md" || library.contains(&format!("\"{name}\"")),
            "lib.rs does not include {name}"
        );
    }
}
