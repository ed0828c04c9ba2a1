//! What can be set, and what a child finds.

use crate::{Test, start};
use polyproc::prelude::*;
use polyproc::{JoinError, Phase, StartError};
use std::io::Read;

pub(crate) const TESTS: &[Test] = &[
    ("names_tell_the_lineage", names_tell_the_lineage),
    ("who_is_who", who_is_who),
    ("the_environment", the_environment),
    ("the_working_directory", the_working_directory),
    ("streams", streams),
    ("lines_of_several_do_not_mix", lines_of_several_do_not_mix),
    ("a_daemons_children_are_daemons", a_daemons_children_are_daemons),
    ("impossible_settings_are_refused", impossible_settings_are_refused),
    ("the_family_knows_its_members", the_family_knows_its_members),
    ("children_start_as_their_parent_does", children_start_as_their_parent_does),
];

fn names_tell_the_lineage(method: StartMethod) {
    let process = start(method, |()| spawn_named(), ());
    let (own, child, grandchild) = process.join().unwrap();
    assert_eq!(own, process.name());
    let number = own.strip_prefix("Process-").unwrap();
    assert_eq!(child, format!("Process-{number}:1"));
    assert_eq!(grandchild, format!("Process-{number}:1:1"));
    let named = polyproc::context(method).builder().name("own name");
    let process = named.spawn(|()| polyproc::current().unwrap().name, ()).unwrap();
    assert_eq!(process.join().unwrap(), "own name");
}

fn spawn_named() -> (String, String, String) {
    fn name() -> String {
        polyproc::current().unwrap().name
    }
    let child = polyproc::spawn(
        |()| (name(), polyproc::spawn(|()| name(), ()).unwrap().join().unwrap()),
        (),
    );
    let (child, grandchild) = child.unwrap().join().unwrap();
    (name(), child, grandchild)
}

fn who_is_who(method: StartMethod) {
    assert_eq!(polyproc::current().unwrap().name, "MainProcess");
    assert!(polyproc::parent().is_none());
    let process = start(
        method,
        |()| {
            let (current, parent) = (polyproc::current().unwrap(), polyproc::parent().unwrap());
            let parent_lives = parent.is_alive();
            (current.pid, parent.pid(), parent.name().to_owned(), parent_lives)
        },
        (),
    );
    let expected = (process.pid(), std::process::id(), "MainProcess".to_owned(), true);
    assert_eq!(process.join().unwrap(), expected);
}

fn the_environment(method: StartMethod) {
    let seen = |()| ["A", "B", "HOME_OF_NOBODY"].map(|name| std::env::var(name).ok());
    let builder = polyproc::context(method).builder().env("A", "1").env("B", "2").env_remove("B");
    assert_eq!(builder.spawn(seen, ()).unwrap().join().unwrap(), [Some("1".into()), None, None]);
    let builder = polyproc::context(method).builder().env_clear().env("B", "ü=\n");
    let process = builder.spawn(|()| std::env::vars().collect::<Vec<_>>(), ()).unwrap();
    assert_eq!(process.join().unwrap(), [("B".to_owned(), "ü=\n".to_owned())]);
    // As this process has it now, not as it was when the fork server started.
    let before = std::env::vars_os().count();
    assert_eq!(start(method, |()| std::env::vars_os().count(), ()).join().unwrap(), before);
}

fn the_working_directory(method: StartMethod) {
    let seen = |()| std::env::current_dir().unwrap();
    let here = std::env::current_dir().unwrap();
    assert_eq!(start(method, seen, ()).join().unwrap(), here);
    let builder = polyproc::context(method).builder().current_dir("/");
    assert_eq!(builder.spawn(seen, ()).unwrap().join().unwrap().to_str(), Some("/"));
    // Also after this process has changed its own.
    std::env::set_current_dir("/").unwrap();
    let process = polyproc::context(method).spawn(seen, ());
    std::env::set_current_dir(here).unwrap();
    assert_eq!(process.unwrap().join().unwrap().to_str(), Some("/"));
    let missing = polyproc::context(method).builder().current_dir("/no/such/directory");
    let error = missing.spawn(seen, ()).unwrap_err();
    assert!(error.to_string().contains("/no/such/directory"), "{error}");
}

fn streams(method: StartMethod) {
    let builder = polyproc::context(method).builder().stdout(Stdio::Piped).stderr(Stdio::Piped);
    let write = |()| {
        println!("to stdout");
        eprintln!("to stderr");
        let mut input = Vec::new();
        std::io::stdin().read_to_end(&mut input).unwrap()
    };
    let process = builder.spawn(write, ()).unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    process.take_stdout().unwrap().read_to_string(&mut out).unwrap();
    process.take_stderr().unwrap().read_to_string(&mut err).unwrap();
    assert!(process.take_stdout().is_none());
    assert_eq!((out.as_str(), err.as_str()), ("to stdout\n", "to stderr\n"));
    assert_eq!(process.join().unwrap(), 0, "standard input is empty");
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let builder = polyproc::context(method).builder().stdout(Stdio::To(full.into()));
    let process = builder.stderr(Stdio::Null).spawn(|()| println!("no room"), ()).unwrap();
    let error = process.join().unwrap_err();
    assert!(matches!(error, JoinError::Panicked { .. }), "{error}");
    assert!(error.to_string().contains("No space left"), "{error}");
}

fn lines_of_several_do_not_mix(method: StartMethod) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let processes: Vec<_> = ["a", "b", "c"]
        .map(|letter| {
            let output = Stdio::To(writer.try_clone().unwrap().into());
            let builder = polyproc::context(method).builder().stdout(output);
            let print = |letter: String| (0..200).for_each(|_| println!("{}", letter.repeat(60)));
            builder.spawn(print, letter.to_owned()).unwrap()
        })
        .into();
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    for process in &processes {
        process.join().unwrap();
    }
    assert_eq!(text.lines().count(), 600);
    assert!(text.lines().all(|line| line == line[..1].repeat(60)));
}

fn a_daemons_children_are_daemons(method: StartMethod) {
    let daemon = || polyproc::current().unwrap().daemon;
    assert!(!start(method, |()| polyproc::current().unwrap().daemon, ()).join().unwrap());
    let process = polyproc::context(method).builder().daemon(true).spawn(
        |()| {
            let child = polyproc::spawn(|()| polyproc::current().unwrap().daemon, ()).unwrap();
            (polyproc::current().unwrap().daemon, child.join().unwrap())
        },
        (),
    );
    assert_eq!(process.unwrap().join().unwrap(), (true, true));
    assert!(!daemon());
}

fn impossible_settings_are_refused(method: StartMethod) {
    let builder = || polyproc::context(method).builder();
    for builder in [builder().name("a\0b"), builder().env("A=B", "1"), builder().env("A", "\0")] {
        let error = builder.spawn(|()| (), ()).unwrap_err();
        assert!(matches!(error, SpawnError::Start(StartError::Forbidden { .. })), "{error}");
    }
}

fn the_family_knows_its_members(method: StartMethod) {
    let listed = |()| {
        let pid = std::process::id();
        let family = polyproc::family();
        let own = family.iter().find(|member| member.pid == pid).cloned().unwrap();
        let main = family.iter().find(|member| member.name == "MainProcess").unwrap();
        (own.name, own.parent_pid == main.pid, own.daemon, own.phase == Phase::Running)
    };
    let builder = polyproc::context(method).builder().name("listed").daemon(true);
    let process = builder.spawn(listed, ()).unwrap();
    assert_eq!(process.join().unwrap(), ("listed".to_owned(), true, true, true));
    assert!(polyproc::family().iter().all(|member| member.name != "listed"));
}

fn children_start_as_their_parent_does(method: StartMethod) {
    let process = start(
        method,
        |()| {
            let child = polyproc::spawn(|()| (), ()).unwrap();
            child.join().unwrap();
            (polyproc::start_method().to_string(), child.start_method().to_string())
        },
        (),
    );
    assert_eq!(process.join().unwrap(), (method.to_string(), method.to_string()));
}
