//! A disk in memory that fails and forgets as real ones do, when it is told to.
//!
//! It keeps apart what was written and what was synced. [`SimulatedDisk::crash`] gives the disk as it may be
//! found after a power cut: of what was not synced, each sector and each name is there or not, as a seeded
//! die falls. Faults can be set to come at a given operation.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use store::dice::Dice;

use crate::disk::{Disk, DiskFile};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// By how many operations [`Omission::Late`] is late.
const LATE_BY: u64 = 12;

/// What goes wrong, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes with the operation of this number, which may have had its effect; nothing works
    /// afterwards.
    PowerCut {
        /// Counted from the first operation on this disk.
        operation: u64,
    },
    /// The operation of this number fails. If it is a sync, some of what it should have made durable never
    /// will be.
    Error {
        /// Counted from the first operation on this disk.
        operation: u64,
    },
    /// There is no space for new files and for longer ones.
    Full,
    /// Nothing can be written.
    ReadOnly,
}

/// A call that the disk pretends to follow, and does not: to see whether tests notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Omission {
    /// Contents of files with this ending are not made durable.
    Contents {
        /// The end of their names.
        ending: &'static str,
    },
    /// Names are not made durable.
    Names,
    /// Contents of files with this ending are made durable some operations later than asked for: behind the change of a name
    /// that was to come after.
    Late {
        /// The end of their names.
        ending: &'static str,
    },
    /// The first sector of files with this ending is not made durable before the disk finds the time for it.
    FirstSector {
        /// The end of their names.
        ending: &'static str,
    },
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    name_changes: Vec<NameChange>,
    files: Vec<Contents>,
    operations: u64,
    fault: Option<Fault>,
    omission: Option<Omission>,
    dice: Option<Dice>,
    /// Files whose contents were to be made durable, and will be with the operation of this number.
    late: VecDeque<(usize, u64)>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Set { name: String, file: usize },
    Rename { from: String, to: String },
    Remove { name: String },
}

/// A file as it is seen, and as it is if the power goes.
#[derive(Clone, Debug, Default)]
struct Contents {
    name: String,
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors written since the last sync.
    dirty: BTreeSet<usize>,
}

impl SimulatedDisk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has something go wrong from now on.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.state.lock().fault = fault;
    }

    /// Has the disk leave something out.
    pub fn set_omission(&self, omission: Omission) {
        self.state.lock().omission = Some(omission);
    }

    /// How many operations there have been that change or sync something.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// Another disk with the same files.
    pub fn copy(&self) -> Self {
        let state = self.state.lock();
        let copy = State {
            names: state.names.clone(),
            durable_names: state.names.clone(),
            files: state.files.clone(),
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(copy)),
        }
    }

    /// The disk as it may be found after the power has gone now.
    pub fn crash(&self, dice: &mut Dice) -> Self {
        let state = self.state.lock();
        // Sometimes nearly all is lost, sometimes nearly nothing: the borders are where mistakes are.
        let chance = [0, 5, 50, 95, 100][dice.below(5) as usize];
        let mut names = state.durable_names.clone();
        for change in &state.name_changes {
            if dice.percent(chance) {
                apply(change, &mut names);
            }
        }
        let files: Vec<Contents> = state
            .files
            .iter()
            .map(|file| file.after_crash(chance, dice))
            .collect();
        let crashed = State {
            durable_names: names.clone(),
            names,
            files,
            omission: state.omission,
            dice: Some(dice.clone()),
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(crashed)),
        }
    }

    /// Changes a byte of a file, as damage does.
    pub fn damage(&self, name: &str, offset: usize) {
        let mut state = self.state.lock();
        if let Some(&file) = state.names.get(name)
            && let Some(byte) = state.files[file].seen.get_mut(offset)
        {
            *byte ^= 0x40;
            state.files[file].durable = state.files[file].seen.clone();
        }
    }

    /// Takes a file away, as damage does.
    pub fn lose(&self, name: &str) {
        let mut state = self.state.lock();
        state.names.remove(name);
        state.durable_names.remove(name);
    }

    /// How long a file is.
    pub fn length(&self, name: &str) -> usize {
        let state = self.state.lock();
        state
            .names
            .get(name)
            .map_or(0, |&file| state.files[file].seen.len())
    }
}

fn apply(change: &NameChange, names: &mut BTreeMap<String, usize>) {
    match change {
        NameChange::Set { name, file } => {
            names.insert(name.clone(), *file);
        }
        NameChange::Rename { from, to } => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        NameChange::Remove { name } => {
            names.remove(name);
        }
    }
}

/// What an operation does to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Write,
    Grow,
    Sync,
}

impl State {
    /// Counts an operation; gives whether it fails, and whether it has its effect although it fails.
    fn operate(&mut self, kind: Kind) -> Result<(), (io::Error, bool)> {
        self.operations += 1;
        let now = self.operations;
        while let Some((file, _)) = self.late.pop_front_if(|(_, due)| *due <= now) {
            self.files[file].sync();
        }
        match self.fault {
            Some(Fault::PowerCut { operation }) if now > operation => {
                Err((io::Error::other("no power"), false))
            }
            Some(Fault::PowerCut { operation }) if now == operation => {
                Err((io::Error::other("no power"), kind != Kind::Sync))
            }
            Some(Fault::Error { operation }) if now == operation => {
                Err((io::Error::other("simulated error"), false))
            }
            Some(Fault::Full) if kind == Kind::Grow => Err((io::ErrorKind::StorageFull.into(), false)),
            Some(Fault::ReadOnly) => Err((io::ErrorKind::ReadOnlyFilesystem.into(), false)),
            _ => Ok(()),
        }
    }

    /// Changes the names, unless that fails.
    fn change_names(&mut self, kind: Kind, change: NameChange) -> io::Result<()> {
        let result = self.operate(kind);
        if matches!(result, Ok(()) | Err((_, true))) {
            apply(&change, &mut self.names);
            self.name_changes.push(change);
        }
        result.map_err(|(error, _)| error)
    }

    /// Makes the contents of a file durable, as far as nothing is to be left out.
    fn sync_contents(&mut self, file: usize) {
        let contents = &mut self.files[file];
        match self.omission {
            Some(Omission::Contents { ending }) if contents.name.ends_with(ending) => {}
            Some(Omission::Late { ending }) if contents.name.ends_with(ending) => {
                self.late.push_back((file, self.operations + LATE_BY));
            }
            Some(Omission::FirstSector { ending }) if contents.name.ends_with(ending) => {
                let kept = contents.dirty.take(&0);
                contents.sync();
                contents.dirty.extend(kept);
            }
            _ => contents.sync(),
        }
    }

    fn powerless(&self) -> io::Result<()> {
        match self.fault {
            Some(Fault::PowerCut { operation }) if self.operations >= operation => {
                Err(io::Error::other("no power"))
            }
            _ => Ok(()),
        }
    }
}

impl Contents {
    fn after_crash(&self, chance: u64, dice: &mut Dice) -> Self {
        let mut durable = self.durable.clone();
        if durable.len() != self.seen.len() && dice.percent(chance) {
            durable.resize(self.seen.len(), 0);
        }
        for &sector in &self.dirty {
            if dice.percent(chance) {
                copy_sector(&self.seen, &mut durable, sector);
            }
        }
        Self {
            name: self.name.clone(),
            seen: durable.clone(),
            durable,
            dirty: BTreeSet::new(),
        }
    }

    fn sync(&mut self) {
        self.durable.resize(self.seen.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            copy_sector(&self.seen, &mut self.durable, sector);
        }
    }

    /// The kernel tried to write, and forgets what it could not.
    fn fail_sync(&mut self, dice: &mut Dice) {
        for sector in std::mem::take(&mut self.dirty) {
            if dice.percent(50) {
                copy_sector(&self.seen, &mut self.durable, sector);
            }
        }
    }

    fn write(&mut self, data: &[u8], offset: usize) {
        let end = offset + data.len();
        if self.seen.len() < end {
            self.seen.resize(end, 0);
        }
        self.seen[offset..end].copy_from_slice(data);
        self.dirty.extend(offset / SECTOR..end.div_ceil(SECTOR));
    }
}

fn copy_sector(from: &[u8], to: &mut [u8], sector: usize) {
    let start = (sector * SECTOR).min(from.len()).min(to.len());
    let end = (start + SECTOR).min(from.len()).min(to.len());
    to[start..end].copy_from_slice(&from[start..end]);
}

impl Disk for SimulatedDisk {
    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("/simulated").join(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        state.powerless()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state.lock();
        state.powerless()?;
        let file = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimulatedFile {
            disk: self.clone(),
            file,
        }))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        let file = state.files.len();
        state.files.push(Contents {
            name: name.to_owned(),
            ..Contents::default()
        });
        state.change_names(
            Kind::Grow,
            NameChange::Set {
                name: name.to_owned(),
                file,
            },
        )?;
        Ok(Arc::new(SimulatedFile {
            disk: self.clone(),
            file,
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        if let Some(&file) = state.names.get(from) {
            state.files[file].name = to.to_owned();
        }
        state.change_names(
            Kind::Write,
            NameChange::Rename {
                from: from.to_owned(),
                to: to.to_owned(),
            },
        )
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.state.lock().change_names(
            Kind::Write,
            NameChange::Remove {
                name: name.to_owned(),
            },
        )
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operate(Kind::Sync).map_err(|(error, _)| error)?;
        if state.omission != Some(Omission::Names) {
            state.durable_names = state.names.clone();
            state.name_changes.clear();
        }
        Ok(())
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    file: usize,
}

impl SimulatedFile {
    fn change(&self, kind: Kind, change: impl FnOnce(&mut Contents)) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        let result = state.operate(kind);
        if matches!(result, Ok(()) | Err((_, true))) {
            change(&mut state.files[self.file]);
        }
        result.map_err(|(error, _)| error)
    }
}

impl DiskFile for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.state.lock();
        state.powerless()?;
        let seen = &state.files[self.file].seen;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(seen.len());
        let length = buffer.len().min(seen.len() - start);
        buffer[..length].copy_from_slice(&seen[start..start + length]);
        Ok(length)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let grows = offset + data.len() > self.size()? as usize;
        let kind = if grows { Kind::Grow } else { Kind::Write };
        self.change(kind, |contents| contents.write(data, offset))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        let result = state.operate(Kind::Sync);
        let mut dice = state.dice.take().unwrap_or(Dice::new(0));
        match &result {
            Ok(()) => state.sync_contents(self.file),
            Err(_) => state.files[self.file].fail_sync(&mut dice),
        }
        state.dice = Some(dice);
        result.map_err(|(error, _)| error)
    }

    fn size(&self) -> io::Result<u64> {
        let state = self.disk.state.lock();
        state.powerless()?;
        Ok(state.files[self.file].seen.len() as u64)
    }

    fn reserve(&self, size: u64) -> io::Result<()> {
        let size = usize::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.change(Kind::Grow, |contents| {
            if contents.seen.len() < size {
                contents.seen.resize(size, 0);
            }
        })
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        let size = usize::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.change(Kind::Write, |contents| {
            contents.seen.truncate(size);
        })
    }
}
