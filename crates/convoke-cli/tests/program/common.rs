//! What all tests of the program share: a folder of their own, runs of the program, and `.npy` files made and
//! read by a few lines that know nothing of the program's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The emulator that runs the program, with its arguments, where the machine cannot.
pub(crate) fn emulator() -> Vec<String> {
    let runner = std::env::var("CONVOKE_RUNNER").unwrap_or_default();
    runner.split_whitespace().map(str::to_owned).collect()
}

/// The program, with arguments to come.
pub(crate) fn program() -> Command {
    let mut words = emulator();
    words.push(env!("CARGO_BIN_EXE_convoke").into());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// What is said of a result that no memory holds: where sizes have 32 bits its size is refused before memory is asked for.
pub(crate) const OUTPUT_TOO_LARGE: &str = if usize::BITS > 32 { "output: too large" } else { "too large" };

/// An empty folder for one test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = fs::read_dir(&self.0).unwrap().map(name).collect();
        names.sort();
        names
    }

    /// Runs the program here, with arguments separated by blanks. `~` stands for a blank inside an argument, `MOST` for the
    /// largest size of the machine, `BEYOND` for the number after it, and `HALF` for the largest that has a sign.
    pub(crate) fn convoke(&self, args: &str) -> Output {
        let numbers = [
            ("~", " ".into()),
            ("MOST", usize::MAX.to_string()),
            ("BEYOND", (usize::MAX as u128 + 1).to_string()),
            ("HALF", isize::MAX.to_string()),
        ];
        let replaced =
            |arg: &str| numbers.iter().fold(arg.to_owned(), |arg, (word, is)| arg.replace(word, is));
        let args = args.split_whitespace().map(replaced);
        program().current_dir(&self.0).args(args).output().unwrap()
    }

    /// Runs the program, which must succeed without a word on stderr; gives what it printed.
    pub(crate) fn works(&self, args: &str) -> String {
        let output = self.convoke(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && stderr.is_empty(), "{args}: {:?} {stderr}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the program, which must fail as all failures do: exit code 2, one line on stderr that says
    /// `message`, nothing on stdout, and no file more or less than before.
    pub(crate) fn fails(&self, args: &str, message: &str) {
        let contents = || -> Vec<_> {
            self.files().into_iter().map(|name| (fs::read(self.path(&name)).ok(), name)).collect()
        };
        let before = contents();
        let output = self.convoke(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{args}: {stderr}");
        assert!(stderr.starts_with("convoke: ") && stderr.ends_with('\n'), "{args}: {stderr}");
        assert!(stderr.contains(message), "{args}: expected {message:?} in {stderr}");
        assert!(output.stdout.is_empty(), "{args}");
        assert!(contents() == before, "{args}: the folder changed: {:?}", self.files());
    }

    pub(crate) fn write_f32(&self, name: &str, shape: &[usize], values: &[f32]) {
        let body: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.write(name, npy("<f4", shape, &body));
    }

    pub(crate) fn write_u8(&self, name: &str, shape: &[usize], values: &[u8]) {
        self.write(name, npy("|u1", shape, values));
    }

    /// The shape, as in the header, and the floats.
    pub(crate) fn read_f32(&self, name: &str) -> (String, Vec<f32>) {
        let (header, body) = self.split(name);
        assert!(header.contains("'descr': '<f4'"), "{header}");
        (shape(&header), body.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    pub(crate) fn read_u8(&self, name: &str) -> (String, Vec<u8>) {
        let (header, body) = self.split(name);
        assert!(header.contains("'descr': '|u1'"), "{header}");
        (shape(&header), body)
    }

    pub(crate) fn read_i16(&self, name: &str) -> (String, Vec<i16>) {
        let (header, body) = self.split(name);
        assert!(header.contains("'descr': '<i2'"), "{header}");
        (shape(&header), body.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect())
    }

    fn split(&self, name: &str) -> (String, Vec<u8>) {
        let bytes = self.read(name);
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!(end % 64, 0);
        (String::from_utf8(bytes[10..end].to_vec()).unwrap(), bytes[end..].to_vec())
    }
}

/// The bytes of an `.npy` file.
pub(crate) fn npy(descr: &str, shape: &[usize], body: &[u8]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(body);
    bytes
}

fn shape(header: &str) -> String {
    let start = header.find('(').unwrap();
    header[start..=header.find(')').unwrap()].to_owned()
}

/// The lecture's picture of 0s and 90s, 10 by 10.
pub(crate) fn lecture() -> Vec<u8> {
    let rows = [
        "..........",
        "..........",
        "...#####..",
        "...#####..",
        "...#####..",
        "...#.###..",
        "...#####..",
        "..........",
        "..#.......",
        "..........",
    ];
    rows.concat().chars().map(|c| if c == '#' { 90 } else { 0 }).collect()
}
