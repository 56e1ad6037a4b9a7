//! The course shows commands and what they print. Each `console` block is run from the repository's root, and must print what
//! the page says; a line `...` stands for any number of lines.

use std::fs;
use std::path::Path;

use crate::common::program;

/// Commands of a block and the lines that follow each.
fn commands(block: &str) -> Vec<(&str, Vec<&str>)> {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), all.last_mut()) {
            (Some(command), _) => all.push((command, Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => panic!("a block starts with a command: {line}"),
        }
    }
    all
}

/// Whether lines are what a page shows of them.
fn shows(expected: &[&str], got: &[&str]) -> bool {
    match expected.split_first() {
        None => got.is_empty(),
        Some((&"...", rest)) => (0..=got.len()).any(|skipped| shows(rest, &got[skipped..])),
        Some((line, rest)) => {
            got.first().is_some_and(|first| first.trim_end() == *line) && shows(rest, &got[1..])
        }
    }
}

#[test]
fn commands_print_what_the_course_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut run = 0;
    for entry in fs::read_dir(root.join("docs/book/src")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let page = fs::read_to_string(&path).unwrap();
        for block in page.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            for (command, expected) in commands(block) {
                let mut words = command.split_whitespace();
                assert_eq!(words.next(), Some("convoke"), "{}: {command}", path.display());
                let output = program().args(words).current_dir(&root).output().unwrap();
                let text = String::from_utf8(output.stdout).unwrap();
                let lines: Vec<&str> = text.lines().collect();
                assert!(
                    output.status.success() && shows(&expected, &lines),
                    "{}: `{command}` prints\n{text}{}",
                    path.display(),
                    String::from_utf8_lossy(&output.stderr)
                );
                run += 1;
            }
        }
    }
    assert!(run > 0, "no page shows a command");
}
