//! Files and folders of the node.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Checks that what is there is of the type asked for, or makes it.
pub fn make(path: &str, kind: Option<&str>) -> Result<PathBuf, String> {
    let at = Path::new(path);
    match kind.unwrap_or_default() {
        "" => return Ok(at.to_owned()),
        "DirectoryOrCreate" if !at.exists() => make_folder(at)?,
        "FileOrCreate" if !at.exists() => make_file(at)?,
        _ => {}
    }
    let found = fs::metadata(at).ok().map(|metadata| metadata.file_type());
    let is = |test: fn(&fs::FileType) -> bool| found.as_ref().is_some_and(test);
    let (fits, what) = match kind.unwrap_or_default() {
        "Directory" | "DirectoryOrCreate" => (is(fs::FileType::is_dir), "a directory"),
        "File" | "FileOrCreate" => (is(fs::FileType::is_file), "a file"),
        "Socket" => (is(FileTypeExt::is_socket), "a socket file"),
        "CharDevice" => (is(FileTypeExt::is_char_device), "a character device"),
        "BlockDevice" => (is(FileTypeExt::is_block_device), "a block device"),
        other => return Err(format!("{other} is an invalid volume type")),
    };
    match fits {
        true => Ok(at.to_owned()),
        false => Err(format!("hostPath type check failed: {path} is not {what}")),
    }
}

fn make_folder(path: &Path) -> Result<(), String> {
    let made = fs::create_dir_all(path).and_then(|()| set_mode(path, 0o755));
    made.map_err(|error| format!("failed to create {}: {error}", path.display()))
}

/// The folder it is to be in must be there.
fn make_file(path: &Path) -> Result<(), String> {
    let made = fs::File::create_new(path).and_then(|_| set_mode(path, 0o644));
    made.map_err(|error| format!("failed to create {}: {error}", path.display()))
}

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn types_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        fs::write(at("file"), "").unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for (name, kind, problem) in [
            ("none", "", None),
            ("none", "Directory", Some("a directory")),
            ("none", "File", Some("a file")),
            ("file", "File", None),
            ("file", "FileOrCreate", None),
            ("file", "Directory", Some("a directory")),
            ("file", "DirectoryOrCreate", Some("a directory")),
            ("file", "Socket", Some("a socket file")),
            ("socket", "Socket", None),
            ("file", "CharDevice", Some("a character device")),
            ("file", "BlockDevice", Some("a block device")),
            ("new/folder", "DirectoryOrCreate", None),
            ("new/folder", "Directory", None),
            ("new/file", "FileOrCreate", None),
        ] {
            let expected = match problem {
                None => Ok(PathBuf::from(at(name))),
                Some(what) => Err(format!("hostPath type check failed: {} is not {what}", at(name))),
            };
            assert_eq!(make(&at(name), Some(kind)), expected, "{name} {kind}");
        }
        assert!(make("/dev/null", Some("CharDevice")).is_ok());
        assert!(make(&at("missing/file"), Some("FileOrCreate")).is_err());
    }
}
