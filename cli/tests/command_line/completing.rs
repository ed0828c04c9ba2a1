//! What the tab key offers, in the shells that are installed.

use super::{PATIENCE, polyproc, printed};
use polyproc_testkit::run_with_deadline;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// What could stand in the place of the last word, one a line, as the script of `shell` gets it.
fn offered(shell: &str, words: &[&str]) -> String {
    let mut ask = polyproc(&[]);
    ask.env("POLYPROC_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    ask.args(["--", "polyproc"]).args(words);
    let output = run_with_deadline(ask, PATIENCE);
    assert!(output.status.success() && output.stderr.is_empty());
    String::from_utf8(output.stdout).unwrap()
}

fn sleeper() -> Child {
    Command::new("sleep").arg("100000").spawn().unwrap()
}

fn end(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn processes_are_offered_with_what_they_run() {
    let sleeper = sleeper();
    let pid = sleeper.id().to_string();
    for words in [["show", &pid], ["wait", &pid], ["kill", &pid], ["ps", &format!("--pid={pid}")]] {
        let lines = offered("zsh", &words);
        assert!(
            lines.lines().any(|line| line.ends_with(&format!("{pid}:sleep 100000"))),
            "{lines}"
        );
    }
    // A longer pid may begin with the same digits.
    assert!(offered("bash", &["show", &pid]).lines().any(|line| line == pid));
    let names = offered("fish", &["kill", "--name", "slee"]);
    assert!(names.lines().any(|line| line.starts_with("sleep\t")), "{names}");
    end(sleeper);
}

#[test]
fn words_of_the_command_line_are_offered_with_their_meaning() {
    let columns = offered("zsh", &["ps", "--columns", "pid,+mem"]);
    assert!(columns.contains("pid,+memory:memory that it has in RAM"), "{columns}");
    assert!(offered("fish", &["show", "--only", "envi"]).contains("environment"));
    assert!(offered("bash", &["kill", "--signal", "KI"]).contains("KILL"));
    assert!(offered("zsh", &["sy"]).starts_with("sys:Show the machine"));
    let folders = offered("bash", &["ps", "--root", "/pro"]);
    assert!(folders.contains("/proc/"), "{folders}");
}

#[test]
fn a_port_that_somebody_listens_on_is_offered() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    assert!(offered("bash", &["net", "--port", &port]).lines().any(|line| line == port));
}

/// Removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(shell: &str) -> Self {
        let name = format!("polyproc-{shell}-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir(&folder.0).unwrap();
        fs::write(folder.0.join("_polyproc"), printed(&["completions", shell])).unwrap();
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Runs a script in a shell that finds this build of `polyproc`; `None`, and says so, without that
/// shell.
#[expect(clippy::print_stdout, reason = "a test that has tried nothing says so")]
fn in_shell(program: &str, arguments: &[&str], shell: &str) -> Option<String> {
    if Command::new(shell).args(["-c", "exit"]).status().is_err() {
        println!("{shell} is not installed: its completions were not tried");
        return None;
    }
    let build = Path::new(env!("CARGO_BIN_EXE_polyproc")).parent().unwrap();
    let path = format!("{}:{}", build.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", path).env("TERM", "xterm");
    let output = run_with_deadline(command, PATIENCE);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn bash_completes() {
    let sleeper = sleeper();
    let pid = sleeper.id().to_string();
    let script = printed(&["completions", "bash"]);
    let ask = format!(
        "{script}\nCOMP_WORDS=(polyproc show {pid}); COMP_CWORD=2; COMP_TYPE=9\n\
         _clap_complete_polyproc polyproc {pid} show; echo \"${{COMPREPLY[@]}}\""
    );
    let answer = in_shell("bash", &["--norc", "-c", &ask], "bash");
    assert!(answer.is_none_or(|answer| answer.split_whitespace().any(|word| word == pid)));
    end(sleeper);
}

#[test]
fn fish_completes() {
    let sleeper = sleeper();
    let pid = sleeper.id();
    let folder = Folder::new("fish");
    let ask = format!("source {}/_polyproc; complete -C 'polyproc show {pid}'", folder.0.display());
    let answer = in_shell("fish", &["--no-config", "-c", &ask], "fish");
    let line = format!("{pid}\tsleep 100000");
    assert!(answer.is_none_or(|answer| answer.lines().any(|one| one == line)));
    end(sleeper);
}

/// zsh completes on a terminal only, and the first time by the file itself: then nothing happened.
#[test]
fn zsh_completes_at_the_first_tab() {
    let folder = Folder::new("zsh");
    let place = folder.0.display();
    let typed = format!(
        "fpath=({place} $fpath); autoload -Uz compinit; compinit -u -D\n\
         polyproc sho\t --help > {place}/shown\nexit\n"
    );
    fs::write(folder.0.join("typed"), typed).unwrap();
    let ask = format!("script -q -c 'zsh -f -i' /dev/null < {place}/typed");
    if in_shell("sh", &["-c", &ask], "zsh").is_some() {
        let shown = fs::read_to_string(folder.0.join("shown")).unwrap();
        assert!(shown.starts_with("Show everything about one process"), "{shown}");
    }
}
