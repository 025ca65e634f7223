//! What a step needs of the machine, and how to get it there.
//!
//! Promises: what is there already is left alone; what can be installed without asking is (Debian's
//! packages as root, `npm ci` from a committed lockfile, a crate's program in one version); what cannot fails with its name and the
//! one command that mends it. Leaves out: Rust, Node and npm themselves, which the README names as
//! given.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use super::{Cmd, child};
use crate::repo::Repo;

/// Downloading Chromium over a slow line fits, and building a crate's program on two busy cores; a
/// hanging mirror does not.
const INSTALL_DEADLINE: Duration = Duration::from_secs(10 * 60);

/// The oldest Node whose test runner the tests are written for.
const NODE_MAJOR_MIN: u32 = 20;

/// Something that must be there before a step can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// A program of a Debian package; `instead` names a variable that may hold another path to it.
    Debian {
        /// The program's name, or the whole path of a file that is no program.
        program: &'static str,
        /// The package that has it.
        package: &'static str,
        /// The variable that replaces the search.
        instead: Option<&'static str>,
    },
    /// Node and npm, new enough.
    Node,
    /// A program of the crate of the same name, in this version, under `target/tools`.
    Crate {
        /// The name of program and crate.
        name: &'static str,
        /// The exact version.
        version: &'static str,
    },
    /// What the `package-lock.json` in this folder lists, installed beside it.
    Npm(&'static str),
    /// A Python of its own with what the `requirements.txt` in this folder lists: see [`python_of`].
    Python(&'static str),
}

impl Need {
    /// A Debian package named like its program.
    pub const fn package(name: &'static str) -> Self {
        Self::Debian {
            program: name,
            package: name,
            instead: None,
        }
    }

    /// Chromium, or what a variable names in its place.
    pub const CHROMIUM: Self = Self::Debian {
        program: "chromium",
        package: "chromium",
        instead: Some("RINGSIDE_CHROMIUM"),
    };

    /// Sees to it that the need is met; says what was installed, if anything.
    ///
    /// # Errors
    /// What is missing and how to mend it, in one or more lines.
    pub fn meet(&self, repo: &Repo, log: &Path) -> Result<Option<String>, String> {
        match self {
            Self::Debian {
                program,
                package,
                instead,
            } => {
                if instead.is_some_and(|name| env::var_os(name).is_some())
                    || find(program).is_some()
                {
                    return Ok(None);
                }
                install_debian(repo, program, package, log)
            }
            Self::Node => node().map(|()| None),
            Self::Crate { name, version } => install_crate(repo, name, version, log),
            Self::Npm(folder) => npm_ci(repo, folder, log),
            Self::Python(folder) => venv(repo, folder, log),
        }
    }
}

/// The program's path, if the search path has it; that of a file that is named with its whole path, if it is there.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn install_debian(
    repo: &Repo,
    program: &str,
    package: &str,
    log: &Path,
) -> Result<Option<String>, String> {
    let mend = format!("{program} is missing. Mend: apt-get install {package}");
    if find("apt-get").is_none() {
        return Err(format!(
            "{program} is missing. Mend: install it from your system's packages ({package} on Debian)"
        ));
    }
    if first_line("id", ["-u"]).as_deref() != Some("0") {
        return Err(format!("{mend} (as root)"));
    }
    let quietly = |cmd: Cmd| cmd.env("DEBIAN_FRONTEND", "noninteractive");
    // An old package list names versions that the mirror no longer has; a failed update may still
    // leave a usable one.
    let update = quietly(Cmd::new("apt-get", ["update", "-qq"]));
    let install = quietly(Cmd::new(
        "apt-get",
        ["install", "-y", "-qq", "--no-install-recommends", package],
    ));
    let _ = child::run(repo, &update, log, INSTALL_DEADLINE, false);
    let ended = child::run(repo, &install, log, INSTALL_DEADLINE, false)
        .map_err(|error| format!("{mend}\n{error}"))?;
    if !ended.well || find(program).is_none() {
        return Err(format!("{mend}\n{}", ended.output));
    }
    Ok(Some(format!("{package} (apt-get)")))
}

/// The folder of a crate's program; another version has another.
pub fn crate_bin(repo: &Repo, name: &str, version: &str) -> PathBuf {
    let root = repo
        .target()
        .join("tools")
        .join(format!("{name}-{version}"));
    root.join("bin")
}

fn install_crate(
    repo: &Repo,
    name: &str,
    version: &str,
    log: &Path,
) -> Result<Option<String>, String> {
    let bin = crate_bin(repo, name, version);
    if bin.join(name).is_file() {
        return Ok(None);
    }
    let root = bin.with_file_name("").display().to_string();
    let words = [
        "install",
        name,
        "--version",
        version,
        "--locked",
        "--root",
        &root,
    ];
    let install = Cmd::new("cargo", words);
    let mend = format!("{name} is missing. Mend: {}", install.line());
    let ended = child::run(repo, &install, log, INSTALL_DEADLINE, false)
        .map_err(|error| format!("{mend}\n{error}"))?;
    if !ended.well {
        return Err(format!("{mend}\n{}", ended.output));
    }
    Ok(Some(format!("{name} {version} (cargo install)")))
}

fn node() -> Result<(), String> {
    let mend = format!("Mend: install Node.js {NODE_MAJOR_MIN} or newer with npm");
    let Some(version) = first_line("node", ["--version"]) else {
        return Err(format!("node is missing. {mend}"));
    };
    let major = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_MAJOR_MIN) {
        return Err(format!("node is {version}, which is too old. {mend}"));
    }
    find("npm")
        .map(drop)
        .ok_or_else(|| format!("npm is missing. {mend}"))
}

/// Installs what the lockfile lists, unless that very lockfile was installed last time.
fn npm_ci(repo: &Repo, folder: &str, log: &Path) -> Result<Option<String>, String> {
    let dir = repo.path(folder);
    let mend = format!("{folder} lacks its packages. Mend: (cd {folder} && npm ci)");
    let wanted = fs::read(dir.join("package-lock.json")).map_err(|error| {
        format!(
            "{folder}/package-lock.json cannot be read: {error}. Mend: (cd {folder} && npm install)"
        )
    })?;
    let stamp = dir.join("node_modules/.installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(None);
    }
    node()?;
    let install = Cmd::new("npm", ["ci", "--no-audit", "--no-fund"]).dir(&dir);
    let ended = child::run(repo, &install, log, INSTALL_DEADLINE, false)
        .map_err(|error| format!("{mend}\n{error}"))?;
    if !ended.well {
        return Err(format!("{mend}\n{}", ended.output));
    }
    // A folder without packages gets no node_modules from npm.
    fs::create_dir_all(dir.join("node_modules"))
        .and_then(|()| fs::write(&stamp, wanted))
        .map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(Some(format!("{folder} (npm ci)")))
}

/// The Python that has what a folder's tests need.
pub fn python_of(repo: &Repo, folder: &str) -> PathBuf {
    let home = format!("python/{}", folder.replace('/', "-"));
    repo.target().join(home).join("bin/python")
}

fn venv(repo: &Repo, folder: &str, log: &Path) -> Result<Option<String>, String> {
    let list = repo.path(folder).join("requirements.txt");
    let wanted = fs::read(&list).map_err(|error| format!("{}: {error}", list.display()))?;
    let python = python_of(repo, folder);
    let home = python.parent().and_then(Path::parent).unwrap_or(&python);
    let stamp = home.join("installed-requirements.txt");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(None);
    }
    let mend = "Mend: install Python 3.9 or newer with its venv module (python3-venv on Debian)";
    let make = Cmd::new(
        "python3",
        [OsStr::new("-m"), OsStr::new("venv"), home.as_os_str()],
    );
    let made = |log| child::run(repo, &make, log, INSTALL_DEADLINE, false);
    if !made(log).is_ok_and(|ended| ended.well) {
        // Debian's Python comes without it.
        let _ = install_debian(repo, "python3", "python3-venv", log);
        let ended = made(log).map_err(|error| format!("{error}\n{mend}"))?;
        if !ended.well {
            return Err(format!("{}\n{mend}", ended.output));
        }
    }
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ]
    .map(OsStr::new);
    let install = Cmd::new(&python, pip.into_iter().chain([list.as_os_str()]));
    let ended = child::run(repo, &install, log, INSTALL_DEADLINE, false)
        .map_err(|error| format!("{folder}: {error}"))?;
    if !ended.well {
        return Err(format!("{folder} lacks its packages.\n{}", ended.output));
    }
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(Some(format!("{folder} (pip)")))
}

fn first_line<A: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = A>) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Need, find};
    use crate::repo::Repo;

    #[test]
    fn what_is_there_is_left_alone() {
        let repo = Repo::here();
        let need = Need::Debian {
            program: "sh",
            package: "dash",
            instead: None,
        };
        assert_eq!(
            need.meet(&repo, &repo.target().join("unused.log")),
            Ok(None)
        );
        assert!(find("no-such-program-anywhere").is_none());
        assert!(find("/proc/self/status").is_some());
    }

    #[test]
    fn a_missing_lockfile_is_named_with_its_mend() {
        let repo = Repo::here();
        let error = Need::Npm("xtask/src")
            .meet(&repo, &repo.target().join("unused.log"))
            .expect_err("no lockfile");
        assert!(
            error.contains("xtask/src/package-lock.json") && error.contains("Mend:"),
            "{error}"
        );
    }
}
