//! What a program needs beside itself: the loader and the libraries that this very process has in its memory.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Files that are mapped into this process and are libraries.
pub(super) fn loaded() -> io::Result<Vec<PathBuf>> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    Ok(libraries(&maps))
}

/// `ADDRESSES PERMISSIONS OFFSET DEVICE INODE PATH`, a line for each mapping.
fn libraries(maps: &str) -> Vec<PathBuf> {
    let paths = maps.lines().filter_map(|line| {
        let path = line.splitn(6, ' ').nth(5)?.trim_start();
        let name = Path::new(path).file_name()?.to_str()?;
        let is_library = name.ends_with(".so") || name.contains(".so.");
        (path.starts_with('/') && is_library).then(|| PathBuf::from(path))
    });
    paths.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Names under which programs ask for a library: its own, and the links to it that lie beside it.
pub(super) fn names(library: &Path) -> io::Result<Vec<String>> {
    let folder = library.parent().unwrap_or(Path::new("/"));
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder)?.flatten() {
        let is_it = entry.path() == library
            || (entry.file_type()?.is_symlink()
                && std::fs::canonicalize(entry.path()).is_ok_and(|target| target == library));
        if is_it {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    names.sort();
    Ok(names)
}

/// Type of the segment that names the loader.
const INTERPRETER: u32 = 3;

/// The loader that a 64-bit little-endian program asks for by an absolute path; none if it is linked statically.
pub(super) fn loader(program: &[u8]) -> Option<PathBuf> {
    let number = |offset: usize, size: usize| -> Option<usize> {
        let bytes = program.get(offset..offset.checked_add(size)?)?;
        let value = bytes
            .iter()
            .rev()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        usize::try_from(value).ok()
    };
    if program.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let (table, entry_size, entries) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let entry = (0..entries)
        .map(|index| table + index * entry_size)
        .find(|&entry| number(entry, 4) == Some(INTERPRETER as usize))?;
    let (offset, size) = (number(entry + 8, 8)?, number(entry + 32, 8)?);
    let path = program.get(offset..offset.checked_add(size)?)?;
    let path = path.strip_suffix(b"\0").unwrap_or(path);
    std::str::from_utf8(path).ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_told_from_other_files() {
        let maps = "1-2 r--p 0 fe:00 5      /usr/bin/pintle\n\
            2-3 r--p 0 fe:00 6      /usr/lib/x86_64-linux-gnu/libc.so.6\n\
            3-4 r-xp 0 fe:00 6      /usr/lib/x86_64-linux-gnu/libc.so.6\n\
            4-5 rw-p 0 00:00 0 \n\
            5-6 rw-p 0 00:00 0      [heap]\n\
            6-7 r--p 0 fe:00 7      /a b/ld.so\n";
        assert_eq!(
            libraries(maps),
            ["/a b/ld.so", "/usr/lib/x86_64-linux-gnu/libc.so.6"].map(PathBuf::from)
        );
    }

    #[test]
    fn this_program_names_its_loader() {
        let program = std::fs::read("/proc/self/exe").expect("read");
        let loader = loader(&program).expect("tests are linked dynamically");
        let real = std::fs::canonicalize(loader).expect("there");
        let loaded = loaded().expect("read");
        assert!(loaded.contains(&real), "{loaded:?}");
        assert!(super::loader(b"#!/bin/sh").is_none());
        assert!(super::loader(&program[..100]).is_none());
    }

    #[test]
    fn a_library_has_the_names_of_its_links() {
        let folder = tempfile::tempdir().expect("folder");
        let library = folder.path().canonicalize().expect("real").join("libx.so.1.2");
        std::fs::write(&library, "").expect("written");
        std::os::unix::fs::symlink("libx.so.1.2", folder.path().join("libx.so.1")).expect("linked");
        std::fs::write(folder.path().join("liby.so.1"), "").expect("written");
        assert_eq!(names(&library).expect("read"), ["libx.so.1", "libx.so.1.2"]);
    }
}
