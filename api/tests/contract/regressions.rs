//! What broke once: each test is named after it.

use crate::subject::{command, command_under};
use crate::{LONG, Test};
use polyproc::prelude::*;
use polyproc_testkit::run_with_deadline;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

pub(crate) const TESTS: &[Test] = &[
    ("a_start_timeout_without_end_is_no_timeout", a_start_timeout_without_end_is_no_timeout),
    ("a_nameless_variable_is_refused", a_nameless_variable_is_refused),
    ("a_panic_in_a_codec_is_a_panic", a_panic_in_a_codec_is_a_panic),
    ("descriptors_closed_before_init_start_no_avalanche", no_avalanche),
    ("a_stopped_server_holds_nobody_up", a_stopped_server_holds_nobody_up),
    ("a_function_runs_once_though_its_server_dies", a_function_runs_once_though_its_server_dies),
    ("privileges_given_up", privileges_given_up),
    ("a_limit_on_file_sizes_is_an_error", a_limit_on_file_sizes_is_an_error),
    ("a_deleted_working_directory", a_deleted_working_directory),
];

fn builder(method: StartMethod) -> polyproc::Builder {
    Process::builder().start_method(method)
}

fn a_start_timeout_without_end_is_no_timeout(method: StartMethod) {
    let nap = |()| std::thread::park_timeout(Duration::from_millis(30));
    builder(method).start_timeout(Duration::MAX).spawn(nap, ()).unwrap().join().unwrap();
}

fn a_nameless_variable_is_refused(method: StartMethod) {
    let error = builder(method).env("", "x").spawn(|()| (), ()).unwrap_err();
    assert!(error.to_string().contains("must have a name"), "{error}");
}

#[derive(Debug)]
struct Unfit;

impl Serialize for Unfit {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("no way out")
    }
}

impl<'de> Deserialize<'de> for Unfit {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

fn a_panic_in_a_codec_is_a_panic(method: StartMethod) {
    let error = builder(method).spawn(|()| Unfit, ()).unwrap().join().unwrap_err();
    assert!(matches!(error, JoinError::Panicked { .. }), "{error}");
    assert!(error.to_string().contains("no way out"), "{error}");
}

fn run(name: &str, method: StartMethod) {
    let output = run_with_deadline(command(name, method), LONG);
    assert!(output.status.success(), "{output:?}");
}

fn no_avalanche(method: StartMethod) {
    if method != StartMethod::Fork {
        let output = run_with_deadline(command("closed descriptors", method), LONG);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text.matches("main runs").count(), 1, "{text}");
    }
}

fn a_stopped_server_holds_nobody_up(method: StartMethod) {
    if method == StartMethod::ForkServer {
        run("stopped server", method);
    }
}

fn a_function_runs_once_though_its_server_dies(method: StartMethod) {
    if method == StartMethod::ForkServer {
        run("dying server", method);
    }
}

fn a_limit_on_file_sizes_is_an_error(method: StartMethod) {
    // In units of 512 bytes: too little for the family's table, then for a large result.
    for (limit, message) in [("100", "the limit on the size of files"), ("8000", "passed on")] {
        let script = format!("ulimit -f {limit}; exec \"$0\"");
        let subject = command_under(&["sh", "-c", &script], "large result", method);
        let output = run_with_deadline(subject, LONG);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains(message), "{output:?}");
    }
}

fn a_deleted_working_directory(method: StartMethod) {
    let here = std::env::current_dir().unwrap();
    let gone = std::env::temp_dir().join(format!("polyproc-gone-{}", std::process::id()));
    std::fs::create_dir(&gone).unwrap();
    std::env::set_current_dir(&gone).unwrap();
    std::fs::remove_dir(&gone).unwrap();
    let process = builder(method).spawn(|()| std::env::current_dir().is_err(), ());
    std::env::set_current_dir(here).unwrap();
    assert!(process.unwrap().join().unwrap(), "the child is in the deleted directory, too");
}

fn privileges_given_up(method: StartMethod) {
    run("less privileged", method);
}
