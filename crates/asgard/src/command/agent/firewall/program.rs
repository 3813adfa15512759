//! A program that is given commands on standard input.
//!
//! It gets no argument and no environment that a server could have a say in,
//! and is killed when it takes too long: both programs are atomic, so that
//! leaves either the old or the new.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use crate::command::agent::trouble::Trouble;

/// Where distributions put `nft` and `ipset`.
const PLACES: [&str; 5] =
    ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin"];
/// A million prefixes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(2);
/// Most that it may say.
const MOST_SAID: u64 = 16 << 20;

/// A program that was found.
#[derive(Clone, Debug)]
pub(in super::super) struct Program {
    path: PathBuf,
}

/// What it said, and how it ended.
#[derive(Clone, Debug)]
pub(super) struct Said {
    status: Option<ExitStatus>,
    pub(super) stdout: String,
    stderr: String,
}

impl Program {
    /// Finds a program by its name, or takes the one that was given.
    ///
    /// # Errors
    /// It is not there.
    pub(in super::super) fn find(
        name: &str,
        given: Option<&Path>,
    ) -> Result<Self, Trouble> {
        if let Some(path) = given {
            return match path.is_file() {
                true => Ok(Self { path: path.to_owned() }),
                false => Err(Trouble::usage(format!(
                    "--program `{}` is no file",
                    path.display()
                ))),
            };
        }
        let mut places = PLACES.iter().map(|place| Path::new(place).join(name));
        match places.find(|path| path.is_file()) {
            Some(path) => Ok(Self { path }),
            None => Err(Trouble::usage(format!(
                "`{name}` is not installed (it is in none of {}); install it, \
                 or give --program",
                PLACES.join(", ")
            ))),
        }
    }

    /// Runs it with arguments and input; it must succeed.
    ///
    /// # Errors
    /// It cannot be started, takes too long, or fails; with its own words.
    pub(super) fn run(
        &self,
        args: &[&str],
        input: &[&[u8]],
    ) -> Result<String, Trouble> {
        let said = self.ask(args, input)?;
        match said.succeeded() {
            // Half an answer could hide what is not ours.
            true if said.stdout.len() as u64 >= MOST_SAID => {
                Err(Trouble::machine(format!(
                    "`{}` said more than {} MiB",
                    args.join(" "),
                    MOST_SAID >> 20
                )))
            }
            true => Ok(said.stdout),
            false => Err(self.failure(args, &said)),
        }
    }

    /// The same, where failure is an answer too.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn ask(
        &self,
        args: &[&str],
        input: &[&[u8]],
    ) -> Result<Said, Trouble> {
        let mut child = Command::new(&self.path)
            .args(args)
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", PLACES.join(":"))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let path = self.path.display();
                Trouble::machine(format!("`{path}`: {error}"))
            })?;
        let (mut stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (status, stdout, stderr) = thread::scope(|scope| {
            scope.spawn(move || {
                for part in input {
                    // A program that ends early says why on its stderr.
                    let Some(pipe) = stdin.as_mut() else { return };
                    if pipe.write_all(part).is_err() {
                        return;
                    }
                }
            });
            let stdout = scope.spawn(|| text(stdout));
            let stderr = scope.spawn(|| text(stderr));
            let status = wait(&mut child);
            let said = |text: thread::ScopedJoinHandle<'_, String>| {
                text.join().unwrap_or_default()
            };
            (status, said(stdout), said(stderr))
        });
        Ok(Said { status, stdout, stderr })
    }

    pub(super) fn failure(&self, args: &[&str], said: &Said) -> Trouble {
        let name = self.path.file_name().unwrap_or_default();
        let words: String = said.stderr.trim().chars().take(500).collect();
        let ended = match said.status {
            Some(status) => status.to_string(),
            None => format!("killed after {} s", PATIENCE.as_secs()),
        };
        Trouble::machine(format!(
            "`{} {}` failed ({ended}): {words}",
            name.display(),
            args.join(" ")
        ))
    }
}

impl Said {
    pub(super) fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// Its end; `None` if it had to be killed.
fn wait(child: &mut Child) -> Option<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if begun.elapsed() > PATIENCE {
            // It may have ended in this moment: then there is nothing to kill.
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        sleep(POLL);
    }
}

/// The beginning of what a pipe gives; the rest is read and dropped.
fn text(pipe: Option<impl Read>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let mut bytes = Vec::new();
    // A pipe that breaks has said what it had to say.
    let _ = pipe.by_ref().take(MOST_SAID).read_to_end(&mut bytes);
    let _ = std::io::copy(&mut pipe, &mut std::io::sink());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Program {
        Program::find("sh", None).unwrap()
    }

    #[test]
    fn what_it_is_given_it_reads_and_what_it_says_is_heard() {
        let said = shell().run(&["-c", "cat; env"], &[b"a", b"b\n"]).unwrap();
        assert!(said.starts_with("ab\n"), "{said}");
        assert!(said.contains("LC_ALL=C") && !said.contains("HOME="), "{said}");
    }

    #[test]
    fn its_own_words_tell_a_failure() {
        let error = shell().run(&["-c", "echo no >&2; exit 3"], &[]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("status: 3") && error.contains(": no"));
    }

    #[test]
    fn one_that_neither_reads_nor_ends_its_words_does_not_block() {
        let big = vec![b'x'; 1 << 22];
        shell().run(&["-c", "exit 0"], &[&big]).unwrap();
        let script = "head -c 20000000 /dev/zero | tr '\\0' x";
        let error = shell().run(&["-c", script], &[]).unwrap_err();
        assert!(error.to_string().contains("16 MiB"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Program::find("no-such-program", None).unwrap_err();
        assert!(error.to_string().contains("`no-such-program`"));
        assert!(Program::find("sh", Some(Path::new("/nowhere"))).is_err());
    }
}
