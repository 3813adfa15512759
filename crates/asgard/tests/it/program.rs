//! The real binary: how it is started, and what it said when it had ended.

use std::{
    ffi::OsStr,
    process::{Command, ExitStatus, Output},
};

use serde_json::Value;

/// The binary that cargo has built for these tests, in an environment that says
/// nothing.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_asgard"));
    for name in [
        "ASGARD_CONFIG",
        "ASGARD_DATA_DIR",
        "ASGARD_LISTEN",
        "ASGARD_API_KEY",
        "ASGARD_MIRROR",
        "ASGARD_URL",
        "RUST_LOG",
        "XDG_DATA_HOME",
    ] {
        command.env_remove(name);
    }
    // What a test forgets to say must not reach the files of whoever runs it.
    command.env("HOME", "/nonexistent");
    command
}

/// A command that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn new(
        status: ExitStatus,
        stdout: String,
        stderr: String,
    ) -> Self {
        Self { status, stdout, stderr }
    }

    /// The exit code; `None` if a signal ended it.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Asserts the exit code and returns itself.
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{self:#?}");
        self
    }

    /// What a command that must succeed printed, without the last newline.
    pub(crate) fn text(self) -> String {
        self.exits(0).stdout.trim_end_matches('\n').to_owned()
    }

    /// The JSON that a command that must succeed printed.
    pub(crate) fn json(self) -> Value {
        let text = self.text();
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// The lines of a table without its header, as cells.
    pub(crate) fn rows(self) -> Vec<Vec<String>> {
        let text = self.text();
        let cells = |line: &str| {
            line.split('\t').map(ToOwned::to_owned).collect::<Vec<_>>()
        };
        text.lines().skip(1).map(cells).collect()
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("asgard is UTF-8");
        Self::new(output.status, text(output.stdout), text(output.stderr))
    }
}

/// Runs a command to its end.
pub(crate) fn asgard(
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Ended {
    program().args(args).output().expect("the binary was built").into()
}
