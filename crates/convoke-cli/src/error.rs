//! The one kind of failure that a command has: a line of text for the person who typed it.

use std::fmt::{self, Display};

/// Why a command could not do its work. Always one line, naming the file or option it is about.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// What commands return.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure that says `message`.
    pub(crate) fn new(message: impl Display) -> Self {
        Self(message.to_string())
    }

    /// `Err` with a failure about `what`.
    pub(crate) fn about<T>(what: impl Display, message: impl Display) -> Outcome<T> {
        Err(Self(format!("{what}: {message}")))
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Messages of other libraries, and names of files, may have several lines.
        let words = self.0.split(|c: char| c.is_whitespace() || c.is_control());
        for (i, word) in words.filter(|word| !word.is_empty()).enumerate() {
            write!(f, "{}{word}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// Says what an error of a library is about: a file, an option, a step.
pub(crate) trait Context<T> {
    /// Turns the error into a failure that starts with `what`.
    fn about(self, what: impl Display) -> Outcome<T>;
}

impl<T, E: Display> Context<T> for Result<T, E> {
    fn about(self, what: impl Display) -> Outcome<T> {
        self.map_err(|error| Failure(format!("{what}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line() {
        let failure = Err::<(), _>("two\n  lines\u{1b}[0m").about("a\nb").unwrap_err();
        assert_eq!(failure.to_string(), "a b: two lines [0m");
    }
}
