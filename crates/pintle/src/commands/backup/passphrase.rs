//! Where a passphrase comes from: a file, or the person at the terminal.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::Command;

use backup::Passphrase;
use clap::Args;

use crate::commands::CommandError;

/// Where the passphrase comes from.
#[derive(Debug, Clone, Args)]
pub struct PassphraseOptions {
    /// The passphrase is the text of this file.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Ask for the passphrase on the terminal.
    #[arg(long, conflicts_with = "passphrase_file")]
    ask_passphrase: bool,
}

const TERMINAL: &str = "/dev/tty";

impl PassphraseOptions {
    /// The passphrase of a file that is there; none if none was given.
    pub fn given(&self) -> Result<Option<Passphrase>, CommandError> {
        match &self.passphrase_file {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| CommandError::Read {
                    path: path.clone(),
                    source,
                })?;
                Ok(Some(Passphrase::new(&text)?))
            }
            None if self.ask_passphrase => Ok(Some(Passphrase::new(&ask("Passphrase: ")?)?)),
            None => Ok(None),
        }
    }

    /// The passphrase of a file that is to be made: who types it does so twice.
    pub fn new_one(&self) -> Result<Option<Passphrase>, CommandError> {
        if self.passphrase_file.is_some() || !self.ask_passphrase {
            return self.given();
        }
        let (first, second) = (ask("New passphrase: ")?, ask("The same again: ")?);
        if first != second {
            return Err(CommandError::PassphrasesDiffer);
        }
        Ok(Some(Passphrase::new(&first)?))
    }
}

fn ask(prompt: &str) -> Result<String, CommandError> {
    let failed = |source| CommandError::Read {
        path: TERMINAL.into(),
        source,
    };
    let mut terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open(TERMINAL)
        .map_err(failed)?;
    write!(terminal, "{prompt}").map_err(failed)?;
    let quiet = Quiet::on(&terminal).map_err(failed)?;
    let mut line = String::new();
    let read = BufReader::new(&terminal).read_line(&mut line);
    drop(quiet);
    let _ = writeln!(terminal);
    read.map_err(failed)?;
    Ok(line)
}

/// While this is there, the terminal does not show what is typed.
struct Quiet<'a>(&'a File);

impl<'a> Quiet<'a> {
    fn on(terminal: &'a File) -> std::io::Result<Self> {
        stty(terminal, "-echo")?;
        Ok(Self(terminal))
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // The next command line sets it as well.
        let _ = stty(self.0, "echo");
    }
}

fn stty(terminal: &File, setting: &str) -> std::io::Result<()> {
    let status = Command::new("stty")
        .arg(setting)
        .stdin(terminal.try_clone()?)
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(std::io::Error::other("the terminal cannot be made quiet")),
    }
}
