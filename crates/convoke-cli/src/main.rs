//! The `convoke` program: convolution from the command line.
//!
//! Reading order: [`args`] is the command line; each command has a file of its own ([`filter`], [`conv2d`], [`conv_transpose2d`], [`grad`],
//! [`bench`], [`explain`], [`info`]) that goes from arguments to files through the library; the rest serves
//! them. Whatever goes wrong becomes one line on stderr and exit code 2, and no output file.

mod alpha;
mod args;
mod array;
mod bench;
mod conv2d;
mod conv_transpose2d;
mod error;
mod explain;
mod files;
mod filter;
mod grad;
mod info;
mod mask;
mod memory;
mod npy;
mod parts;
mod peak;
mod picture;
mod progress;
mod region;
mod rows;
mod stream;
mod threads;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use error::{Failure, Outcome};

fn main() -> ExitCode {
    match parse().and_then(|cli| cli.map_or(Ok(()), |cli| run(cli.command))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody can be told if stderr is closed.
            let _ = writeln!(std::io::stderr(), "convoke: {failure}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Outcome<()> {
    match command {
        Command::Filter(args) => filter::run(&args),
        Command::Conv2d(args) => conv2d::run(&args),
        Command::ConvTranspose2d(args) => conv_transpose2d::run(&args),
        Command::Grad(args) => grad::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Explain(args) => explain::run(&args.what),
        Command::Info(args) => info::run(&args),
    }
}

/// The command line; `None` if it asked for help or the version, which are then printed.
fn parse() -> Outcome<Option<Cli>> {
    match Cli::try_parse() {
        Ok(cli) => Ok(Some(cli)),
        Err(error) if error.use_stderr() => Err(Failure::new(one_line(&error.render().to_string()))),
        Err(help) => {
            print(&help.render().to_string())?;
            Ok(None)
        }
    }
}

/// What clap has to say before it explains the usage. (Without a command it shows the help instead.)
fn one_line(message: &str) -> String {
    let Some(message) = message.strip_prefix("error: ") else {
        return "must have a command; --help lists them".to_owned();
    };
    let end = ["\n\nUsage:", "\n\nFor more information"]
        .iter()
        .filter_map(|&end| message.find(end))
        .min()
        .unwrap_or(message.len());
    message[..end].to_owned()
}

/// Writes to stdout. A reader that has seen enough, such as `head`, is no error.
fn print(text: &str) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Failure::about("stdout", error),
        _ => Ok(()),
    }
}
