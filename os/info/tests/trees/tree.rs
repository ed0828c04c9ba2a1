//! A made-up system: a folder with the files that a kernel would have.

use polyproc_info::System;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Removed when dropped.
pub(crate) struct Tree(PathBuf);

impl Tree {
    /// With these files, below its root.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("polyproc-tree-{}-{number}", std::process::id());
        let tree = Self(std::env::temp_dir().join(name));
        tree.folder("proc");
        for (path, text) in files {
            tree.file(path, text);
        }
        tree
    }

    pub(crate) fn file(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn link(&self, path: &str, target: impl AsRef<Path>) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    pub(crate) fn folder(&self, path: &str) {
        fs::create_dir_all(self.0.join(path)).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_dir_all(self.0.join(path)).unwrap();
    }

    pub(crate) fn system(&self) -> System {
        System::at(&self.0)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A process with the least that a kernel shows.
    pub(crate) fn process(&self, pid: u32, parent: u32, name: &str) {
        self.stat(pid, parent, name, ('S', 1));
        self.file(&format!("proc/{pid}/cmdline"), format!("/usr/bin/{name}\0-x\0"));
        self.file(&format!("proc/{pid}/statm"), "765 414 380 5 0 115 0\n");
    }

    /// Its `stat`, with the letter of its state and how many threads it has.
    pub(crate) fn stat(&self, pid: u32, parent: u32, name: &str, (state, threads): (char, u32)) {
        let line = format!(
            "{pid} ({name}) {state} {parent} {pid} {pid} 34817 -1 4194304 101 0 7 0 76 1 2 3 20 0 \
             {threads} 0 {} 3133440 414 18446744073709551615 1 1 1 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n",
            100 + pid
        );
        self.file(&format!("proc/{pid}/stat"), line);
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // A folder that stays in the temporary directory is no reason to fail.
        drop(fs::remove_dir_all(&self.0));
    }
}
