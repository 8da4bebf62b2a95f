//! The image of pintle's own program: the program under the names of the components, its loader, its libraries.

use std::io;
use std::path::{Path, PathBuf};

use kubelet::image::layout::{Entry, ImageLayout};
use sha2::{Digest, Sha256};

use super::{FOLDER, libraries};
use crate::flags::Component;

/// The program's name in the image.
pub(super) const PROGRAM: &str = "pintle";

/// The program, and what it needs.
struct Content {
    program: Vec<u8>,
    /// Where the program wants its loader, and the loader.
    loader: Option<(PathBuf, Vec<u8>)>,
    /// Names and content; the first name is the file's, the others are links.
    libraries: Vec<(Vec<String>, Vec<u8>)>,
}

/// Writes the archive of the image of this very program, unless it is there, and gives the image's name, which changes with
/// the program.
pub(super) fn ensure(archive: &Path) -> io::Result<String> {
    let content = Content::read()?;
    let reference = content.reference();
    let noted = archive.with_extension("name");
    let is_there = archive.exists() && std::fs::read_to_string(&noted).is_ok_and(|name| name == reference);
    if !is_there {
        // A note of an archive that was not finished must not be believed.
        let _ = std::fs::remove_file(&noted);
        if let Some(folder) = archive.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // Under another name until it is whole: whoever imports archives looks at this folder.
        let unfinished = archive.with_extension("unfinished");
        content.layout(&reference).write_to(&unfinished)?;
        std::fs::rename(&unfinished, archive)?;
        std::fs::write(&noted, &reference)?;
    }
    Ok(reference)
}

impl Content {
    fn read() -> io::Result<Self> {
        let program = std::fs::read("/proc/self/exe")?;
        let wanted = libraries::loader(&program);
        let loader = match wanted {
            Some(path) => {
                let bytes = std::fs::read(&path)?;
                Some((path, bytes))
            }
            None => None,
        };
        let libraries = libraries::loaded()?
            .into_iter()
            .map(|path| Ok((libraries::names(&path)?, std::fs::read(&path)?)))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            program,
            loader,
            libraries,
        })
    }

    fn reference(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.program);
        self.libraries.iter().for_each(|(_, bytes)| hash.update(bytes));
        let digits: String = hash.finalize()[..6]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("localhost/pintle:{}-{digits}", env!("CARGO_PKG_VERSION"))
    }

    fn layout(&self, reference: &str) -> ImageLayout {
        let folder = Path::new(FOLDER.trim_start_matches('/'));
        let mut files = vec![
            Entry::folder("tmp", 0o1777),
            Entry::file(folder.join(PROGRAM), self.program.clone(), 0o755),
        ];
        files.extend(Component::ALL.map(|component| Entry::link(folder.join(component.name()), PROGRAM)));
        if let Some((path, bytes)) = &self.loader {
            let path = path.strip_prefix("/").unwrap_or(path);
            files.push(Entry::file(path, bytes.clone(), 0o755));
        }
        for (names, bytes) in &self.libraries {
            let Some((name, links)) = names.split_first() else {
                continue;
            };
            files.push(Entry::file(folder.join(name), bytes.clone(), 0o755));
            files.extend(links.iter().map(|link| Entry::link(folder.join(link), name)));
        }
        ImageLayout {
            reference: reference.to_owned(),
            entrypoint: vec![format!("{FOLDER}/{PROGRAM}")],
            environment: vec![
                format!("PATH={FOLDER}"),
                // The loader's own places differ from one distribution to the next.
                format!("LD_LIBRARY_PATH={FOLDER}"),
            ],
            files,
            ..ImageLayout::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use kubelet::image::layout::Content as FileContent;

    use super::*;

    #[test]
    fn the_image_holds_all_the_program_needs() {
        let content = Content::read().expect("read");
        let layout = content.layout("localhost/pintle:x");
        let root = tempfile::tempdir().expect("folder");
        for entry in &layout.files {
            let path = root.path().join(&entry.path);
            std::fs::create_dir_all(path.parent().expect("below the root")).expect("made");
            match &entry.content {
                FileContent::File(bytes) => std::fs::write(&path, bytes).expect("written"),
                FileContent::Folder => std::fs::create_dir_all(&path).expect("made"),
                FileContent::Link(target) => std::os::unix::fs::symlink(target, &path).expect("linked"),
            }
        }
        // The test program itself, by its copied loader and libraries alone.
        let (loader, _) = content.loader.as_ref().expect("tests are linked dynamically");
        let in_root = |path: &str| root.path().join(path.trim_start_matches('/'));
        let program = in_root(&format!("{FOLDER}/{PROGRAM}"));
        let output = Command::new("sh")
            .arg("-c")
            .arg("chmod -R a+rx \"$0\" && \"$1\" --inhibit-cache --library-path \"$2\" --list \"$3\"")
            .arg(root.path())
            .arg(in_root(loader.to_str().expect("text")))
            .arg(in_root(FOLDER))
            .arg(program)
            .output()
            .expect("a shell is there");
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{listed}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let libraries = listed.lines().filter_map(|line| line.split_once(" => "));
        for (name, found) in libraries {
            let is_in_image = Path::new(found).starts_with(root.path());
            assert!(is_in_image, "{name} is not in the image: {found}");
        }
    }

    #[test]
    fn the_archive_is_written_once() {
        let folder = tempfile::tempdir().expect("folder");
        let archive = folder.path().join("images/p.tar");
        let name = ensure(&archive).expect("written");
        assert!(name.starts_with("localhost/pintle:"), "{name}");
        let modified = || archive.metadata().expect("there").modified().expect("known");
        let before = modified();
        assert_eq!(ensure(&archive).expect("there"), name);
        assert_eq!(modified(), before);
        std::fs::remove_file(&archive).expect("removed");
        ensure(&archive).expect("written again");
        assert!(archive.exists());
    }
}
