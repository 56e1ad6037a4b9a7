//! `convoke filter` on pictures that are larger than the memory that it is given: from file to file, row by row.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Command;

use crate::common::{Folder, emulator, npy, program};

/// Memory that the program may have, in KiB: less than any of these pictures takes.
const LIMIT: usize = 60 << 10;

/// A file of zeros behind a header, and values at some places. Takes no room on the disk.
fn sparse(folder: &Folder, name: &str, header: &[u8], bytes: usize, values: &[(usize, &[u8])]) {
    let file = File::create(folder.path(name)).unwrap();
    file.set_len((header.len() + bytes) as u64).unwrap();
    file.write_all_at(header, 0).unwrap();
    for (at, value) in values {
        file.write_all_at(value, (header.len() + at) as u64).unwrap();
    }
}

/// Runs the program with so much memory that it could not hold the picture; an emulator has memory of its own, and no limit.
fn run(folder: &Folder, args: &str) {
    let limited = format!("ulimit -v {LIMIT} && exec \"$0\" \"$@\"");
    let args = args.split_whitespace().map(|arg| arg.replace('~', " "));
    let program = program();
    let mut command = if emulator().is_empty() {
        let mut shell = Command::new("sh");
        shell.args(["-c", &limited]).arg(program.get_program());
        shell
    } else {
        program
    };
    command.current_dir(folder.path(".")).args(args);
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{:?} {stderr}", output.status);
}

/// Places and values of the bytes that are not 0.
fn nonzero(bytes: &[u8]) -> Vec<(usize, u8)> {
    bytes.iter().copied().enumerate().filter(|&(_, byte)| byte != 0).collect()
}

#[test]
fn bytes_from_array_to_array() {
    let folder = Folder::new("stream_bytes");
    let (height, width) = (9000, 8192);
    let header = npy("|u1", &[height, width], &[]);
    let places = [(0, 0), (4000, 100), (8999, 8191)].map(|(y, x)| y * width + x);
    sparse(&folder, "x.npy", &header, height * width, &places.map(|at| (at, &[90_u8][..])));
    run(&folder, "filter x.npy -o y.npy --mask box:3 --border replicate");
    let (shape, y) = folder.read_u8("y.npy");
    assert_eq!(shape, "(9000, 8192)");
    let mut expected = Vec::new();
    // A corner's pixel stands four times in its own window, and twice in those beside it.
    expected.extend([(0, 40), (1, 20), (width, 20), (width + 1, 10)]);
    for y in 3999..=4001 {
        expected.extend([99, 100, 101].map(|x| (y * width + x, 10)));
    }
    let last = height * width - 1;
    expected.extend([(last - width - 1, 10), (last - width, 20), (last - 1, 20), (last, 40)]);
    assert_eq!(nonzero(&y), expected);
}

#[test]
fn sixteen_bits_from_picture_to_picture_wrapped() {
    let folder = Folder::new("stream_wrap");
    let (height, width) = (5000, 8192);
    let header = format!("P5\n# the last row comes first\n{width} {height}\n65535\n");
    let value = 0xABCD_u16.to_be_bytes();
    let at = |y: usize, x: usize| 2 * (y * width + x);
    sparse(
        &folder,
        "x.pgm",
        header.as_bytes(),
        2 * height * width,
        &[(at(height - 1, 7), &value), (at(1, 9), &value)],
    );
    run(&folder, "filter x.pgm -o y.pgm --mask shift-down --border wrap");
    let y = folder.read("y.pgm");
    let header = format!("P5\n{width} {height}\n65535\n");
    assert!(y.starts_with(header.as_bytes()), "{:?}", &y[..20]);
    assert_eq!(y.len(), header.len() + 2 * height * width);
    let [first, second] = [at(0, 7), at(2, 9)];
    assert_eq!(
        nonzero(&y[header.len()..]),
        [(first, 0xAB), (first + 1, 0xCD), (second, 0xAB), (second + 1, 0xCD)]
    );
}

#[test]
fn colours_types_and_ranges() {
    let folder = Folder::new("stream_types");
    let (height, width) = (2900, 4096);
    let header = format!("P6 {width} {height} 255\n");
    let at = |y: usize, x: usize, c: usize| 3 * (y * width + x) + c;
    let bytes = 3 * height * width;
    sparse(&folder, "x.ppm", header.as_bytes(), bytes, &[(at(1000, 50, 1), &[200])]);
    // Two bytes for each value.
    run(&folder, "filter x.ppm -o y.npy --mask -1~0~1 --output-type i16");
    let (shape, y) = folder.read_i16("y.npy");
    assert_eq!(shape, "(2900, 4096, 3)");
    let found: Vec<_> = y.iter().copied().enumerate().filter(|&(_, value)| value != 0).collect();
    assert_eq!(found, [(at(1000, 49, 1), 200), (at(1000, 51, 1), -200)]);
    for (range, [left, right]) in [("clamp", [200, 0]), ("abs", [200, 200])] {
        run(&folder, &format!("filter x.ppm -o y.ppm --mask -1~0~1 --out-range {range}"));
        let y = folder.read("y.ppm");
        let found = nonzero(&y[y.len() - bytes..]);
        let expected = [(at(1000, 49, 1), left), (at(1000, 51, 1), right)];
        assert_eq!(
            found,
            expected.into_iter().filter(|&(_, value)| value != 0).collect::<Vec<_>>(),
            "{range}"
        );
    }
    run(&folder, "filter x.ppm -o y.ppm --mask -1~0~1 --out-range centre --scale 0.25");
    let y = folder.read("y.ppm");
    let found: Vec<_> = y[y.len() - bytes..].iter().enumerate().filter(|&(_, &value)| value != 128).collect();
    assert_eq!(found, [(at(1000, 49, 1), &178), (at(1000, 51, 1), &78)]);
    run(&folder, "filter x.ppm -o y.npy --mask -1~0~1 --out-range abs --output-type f32");
    let (_, y) = folder.read_f32("y.npy");
    let found: Vec<_> = y.iter().copied().enumerate().filter(|&(_, value)| value != 0.0).collect();
    assert_eq!(found, [(at(1000, 49, 1), 200.0), (at(1000, 51, 1), 200.0)]);
}

/// A picture that is cut off, and a mask that asks for more memory than there is: one line, no file.
#[test]
fn failures_leave_nothing_behind() {
    let folder = Folder::new("stream_failures");
    let header = npy("|u1", &[9000, 8192], &[]);
    sparse(&folder, "short.npy", &header, 9000 * 8192 - 1, &[]);
    folder.fails("filter short.npy -o y.npy --mask box:3", "truncated .npy file");
    sparse(&folder, "x.npy", &header, 9000 * 8192, &[]);
    folder.fails("filter x.npy -o y.npy --mask 1 --anchor 1,0", "anchor row");
    folder.fails("filter x.npy -o nowhere/y.npy --mask 1", "there is no folder");
}
