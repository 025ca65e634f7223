//! The keeper: writes saved rooms to a folder, beside the game threads.
//!
//! One file a room, `KIND.CODE.PRIVACY.room`, replaced as a whole (written aside, then renamed), so that a crash
//! leaves the last whole one. Promises: a game thread never waits for a disk; a room that is over leaves no
//! file; at the end everything still to be written is written.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::JoinHandle,
};

use crate::driver::RoomAddress;

/// Rooms that may wait to be written. A room that finds it full is written the next time.
const WAITING_MAX: usize = 1_024;

enum Task {
    Write(PathBuf, Vec<u8>),
    Delete(PathBuf),
    End,
}

/// The way to the keeper's thread.
pub(crate) struct Keeper {
    folder: PathBuf,
    tasks: SyncSender<Task>,
}

/// A saved room that was found.
pub(crate) struct Found {
    pub(crate) kind: String,
    pub(crate) code: String,
    pub(crate) bytes: Vec<u8>,
}

impl Keeper {
    /// Starts the thread; [`finish`](Self::finish) ends it.
    pub(crate) fn start(folder: &Path) -> io::Result<(Self, JoinHandle<()>)> {
        fs::create_dir_all(folder)?;
        let (tasks, queue) = sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new().name("rooms keeper".to_owned());
        let thread = thread.spawn(move || work(&queue))?;
        let folder = folder.to_owned();
        Ok((Self { folder, tasks }, thread))
    }

    fn path(&self, of: &RoomAddress) -> PathBuf {
        let private = if of.private { "private" } else { "public" };
        self.folder
            .join(format!("{}.{}.{private}.room", of.kind, of.code))
    }

    /// Has a room written, if the disk keeps up.
    pub(crate) fn keep(&self, address: &RoomAddress, bytes: Vec<u8>) {
        if self
            .tasks
            .try_send(Task::Write(self.path(address), bytes))
            .is_err()
        {
            tracing::warn!(
                room = address.code,
                "the disk does not keep up; a room was not saved this time"
            );
        }
    }

    /// Has a room written that has no next time: waits for the disk.
    pub(crate) fn keep_at_last(&self, address: &RoomAddress, bytes: Vec<u8>) {
        // The thread has died, and has said why.
        let _ = self.tasks.send(Task::Write(self.path(address), bytes));
    }

    /// Ends the thread, when everything before has been written.
    pub(crate) fn finish(&self) {
        // It has ended already.
        let _ = self.tasks.send(Task::End);
    }

    /// A room is over.
    pub(crate) fn forget(&self, address: &RoomAddress) {
        if self
            .tasks
            .try_send(Task::Delete(self.path(address)))
            .is_err()
        {
            tracing::warn!(
                room = address.code,
                "the file of a room that is over was not removed"
            );
        }
    }
}

/// The saved rooms in a folder.
pub(crate) fn found(folder: &Path) -> io::Result<Vec<(Found, bool)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("");
        let parts: Vec<&str> = name.split('.').collect();
        if let [kind, code, privacy, "room"] = parts[..] {
            let found = Found {
                kind: kind.to_owned(),
                code: code.to_owned(),
                bytes: fs::read(&path)?,
            };
            all.push((found, privacy == "private"));
        }
    }
    Ok(all)
}

fn work(queue: &Receiver<Task>) {
    // The newest of each room is enough.
    let mut waiting: HashMap<PathBuf, Option<Vec<u8>>> = HashMap::new();
    let mut ends = false;
    while let Ok(task) = queue.recv() {
        let tasks = std::iter::once(task).chain(queue.try_iter());
        for task in tasks.take(WAITING_MAX) {
            match task {
                Task::Write(path, bytes) => drop(waiting.insert(path, Some(bytes))),
                Task::Delete(path) => drop(waiting.insert(path, None)),
                Task::End => ends = true,
            }
        }
        for (path, bytes) in waiting.drain() {
            let done = match bytes {
                Some(bytes) => replace(&path, &bytes),
                None => fs::remove_file(&path).or_else(|error| match error.kind() {
                    io::ErrorKind::NotFound => Ok(()),
                    _ => Err(error),
                }),
            };
            if let Err(error) = done {
                tracing::error!(path = %path.display(), %error, "a saved room could not be written");
            }
        }
        if ends {
            return;
        }
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("room-new");
    fs::write(&aside, bytes)?;
    fs::rename(&aside, path)
}
