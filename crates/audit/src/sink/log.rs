//! The log: a file, or standard output; an event a line.

use std::io::{self, Write as _};

use bytes::Bytes;
use parking_lot::Mutex;

use super::file::{Limits, RotatingFile};
use crate::event::{Event, standing_alone};
use crate::options::LogOptions;

/// Where lines are written.
#[derive(Debug)]
enum Place {
    Output,
    File(Mutex<RotatingFile>),
}

/// The log.
#[derive(Debug)]
pub(super) struct Log {
    place: Place,
    is_json: bool,
}

impl Log {
    pub(super) fn open(options: &LogOptions) -> io::Result<Self> {
        let place = match options.path.as_str() {
            "-" => Place::Output,
            path => Place::File(Mutex::new(RotatingFile::open(path.into(), Limits::of(options))?)),
        };
        Ok(Self {
            place,
            is_json: options.format != "legacy",
        })
    }

    pub(super) fn encode(&self, event: &Event) -> Bytes {
        let mut line = if self.is_json {
            standing_alone(&event.to_json())
        } else {
            event.to_line().into_bytes()
        };
        line.push(b'\n');
        line.into()
    }

    pub(super) fn write(&self, lines: &[Bytes]) -> io::Result<()> {
        for line in lines {
            match &self.place {
                Place::Output => io::stdout().lock().write_all(line)?,
                Place::File(file) => file.lock().write(line)?,
            }
        }
        Ok(())
    }
}
