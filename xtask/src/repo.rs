//! Where the repository is, and which text files it holds.
//!
//! Promises: paths are relative to the root, with `/` between their parts on every platform, and
//! come in a fixed order. Folders that hold what was built or downloaded are left out; so are files
//! that are not UTF-8 or larger than [`FILE_BYTES_MAX`], because no check reads them. Does not ask
//! git: a tarball has none.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Folders that hold nothing of ours. In a worktree, `.git` is a file.
const FOREIGN_FOLDERS: &[&str] = &[".git", "target", "node_modules", ".venv"];

/// Text that people wrote is far smaller; this keeps recorded data out of memory.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The checkout that this program was built from.
#[derive(Debug, Clone)]
pub struct Repo {
    root: PathBuf,
}

/// A file's path from the root, and its text.
#[derive(Debug, Clone)]
pub struct TextFile {
    /// Relative to the root, parts separated by `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl Repo {
    /// The workspace that holds this package.
    pub fn here() -> Self {
        let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest_dir.parent().unwrap_or(manifest_dir).to_path_buf();
        Self { root }
    }

    /// The absolute path of something in the repository.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Where cargo puts what it builds.
    pub fn target(&self) -> PathBuf {
        match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => self.root.join(folder),
            None => self.root.join("target"),
        }
    }

    /// Every text file of the repository, sorted by path.
    ///
    /// # Errors
    /// A folder or file that cannot be read.
    pub fn text_files(&self) -> io::Result<Vec<TextFile>> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let kind = entry.file_type()?;
                let name = entry.file_name();
                if FOREIGN_FOLDERS.iter().any(|foreign| name == *foreign) {
                    continue;
                }
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() && entry.metadata()?.len() <= FILE_BYTES_MAX {
                    // A file that vanishes meanwhile is an editor's; one that is not UTF-8 is data.
                    if let Ok(text) = fs::read_to_string(entry.path()) {
                        files.push(TextFile {
                            path: self.relative(&entry.path()),
                            text,
                        });
                    }
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    fn relative(&self, path: &Path) -> String {
        let inside = path.strip_prefix(&self.root).unwrap_or(path);
        let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
        parts.join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::Repo;

    #[test]
    fn the_repository_holds_this_file_and_nothing_that_was_built() {
        let files = Repo::here().text_files().expect("the tree is readable");
        let this = files
            .iter()
            .find(|file| file.path == "xtask/src/repo.rs")
            .expect("this file");
        assert!(this.text.starts_with("//!"));
        assert!(files.iter().all(|file| !file.path.starts_with("target/")));
        assert!(files.is_sorted_by(|a, b| a.path < b.path));
    }
}
