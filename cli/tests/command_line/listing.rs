//! What is printed about a machine, on one where everything is known.

use super::machine::Machine;
use super::{code, json, run};
use serde_json::json;
use std::collections::BTreeSet;

/// On a made-up machine.
fn on(machine: &Machine, arguments: &[&str]) -> String {
    let output = run(&[arguments, &["--root", machine.root()]].concat());
    assert_eq!((code(&output), output.stderr.as_slice()), (Some(0), &b""[..]));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Without what depends on the machine that the test runs on.
fn settings(machine: &Machine) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(&regex_escaped(machine.root()), "ROOT");
    settings
}

/// A path without characters that mean something in a pattern, but for the dot, which fits itself.
fn regex_escaped(path: &str) -> String {
    path.replace('.', r"\.")
}

macro_rules! snapshots {
    ($($name:ident: $arguments:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let machine = Machine::new();
                let arguments: &[&str] = &$arguments;
                settings(&machine).bind(|| insta::assert_snapshot!(on(&machine, arguments)));
            }
        )*
    };
}

snapshots! {
    ps: ["ps"];
    ps_tree: ["ps", "--tree"];
    ps_first_lines_of_a_tree: ["ps", "--tree", "-n", "3"];
    ps_tree_of_numbers: ["ps", "--tree", "-c", "pid,parent,threads"];
    ps_json: ["ps", "--json", "--sort", "pid"];
    ps_csv: ["ps", "--csv", "--sort", "pid", "-c", "pid,name,command,memory,started"];
    ps_columns: ["ps", "--sort", "pid", "-c", "pid,parent,uid,nice,read,written,shared,virtual,terminal,open,ports,cgroup"];
    ps_added_columns: ["ps", "-n", "2", "-c", "+started"];
    ps_help_about_columns: ["ps", "-c", "help"];
    ps_of_a_user_by_memory: ["ps", "--user", "ada", "--sort", "memory"];
    show: ["show", "50"];
    show_json: ["show", "50", "--json"];
    show_one_section_as_csv: ["show", "50", "--only", "environment", "--csv"];
    show_a_zombie: ["show", "51", "--only", "process,memory,files,environment,maps"];
    show_a_kernel_thread: ["show", "9", "--only", "process,memory,environment"];
    show_two: ["show", "40", "60", "--only", "children"];
    net: ["net"];
    net_unix_json: ["net", "--unix", "--json"];
    sys: ["sys", "--interval", "0", "--only", "system,processor,memory,limits,disks,interfaces,users"];
    sys_json: ["sys", "--interval", "0", "--json", "--only", "system,memory,limits,disks"];
    top_as_text: ["top", "--frames", "1", "--delay", "100ms"];
    top_as_tree: ["top", "--frames", "1", "--delay", "100ms", "--tree", "--no-kernel"];
}

/// The pids that are listed.
fn pids(machine: &Machine, arguments: &[&str]) -> Vec<u64> {
    let all = [&["ps", "--sort", "pid", "--root", machine.root()], arguments].concat();
    let rows = json(&all);
    rows.as_array().unwrap().iter().map(|row| row["pid"].as_u64().unwrap()).collect()
}

#[test]
fn processes_are_filtered() {
    let machine = Machine::new();
    let cases: [(&[&str], &[u64]); 10] = [
        (&["--user", "ada"], &[40, 50, 51]),
        (&["--user", "4242"], &[60]),
        (&["--state", "zombie", "--state", "stopped"], &[51, 60]),
        (&["--port", "8080"], &[50]),
        (&["--port", "53", "--port", "50000"], &[60, 70]),
        (&["--no-kernel", "--user", "root"], &[1, 70]),
        (&["SERVER"], &[50]),
        (&["NAMED", "8080"], &[50, 70]),
        (&["--pid", "1,70"], &[1, 70]),
        (&["-n", "3"], &[1, 2, 9]),
    ];
    for (arguments, expected) in cases {
        assert_eq!(pids(&machine, arguments), expected, "{arguments:?}");
    }
}

#[test]
fn names_that_are_not_utf_8_are_exact_in_json() {
    let machine = Machine::new();
    let rows = json(&["ps", "--pid", "60", "--root", machine.root()]);
    let name = json!({"bytes": "6f6464ff1b5b324a", "shown": "odd\\xff\\u{1b}[2J"});
    assert_eq!(rows[0]["name"], name);
    assert_eq!(rows[0]["command"][1], json!({"bytes": "fe", "shown": "\\xfe"}));
    assert_eq!(rows[0]["command"][2], json!(""));
}

#[test]
fn nothing_found_has_a_code_of_its_own() {
    let machine = Machine::new();
    for arguments in [&["ps", "nosuchthing"][..], &["show", "77"], &["net", "--port", "1"]] {
        let output = run(&[arguments, &["--root", machine.root()]].concat());
        assert_eq!(code(&output), Some(1), "{arguments:?}");
    }
    let output = run(&["show", "40", "77", "--root", machine.root()]);
    assert_eq!(code(&output), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("40"), "the other one is shown");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "polyproc: there is no process 77 (any more)\n"
    );
}

/// Every field of every object, wherever.
fn fields(value: &serde_json::Value, into: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (name, value) in object {
                into.insert(name.clone());
                fields(value, into);
            }
        }
        serde_json::Value::Array(array) => array.iter().for_each(|value| fields(value, into)),
        _ => {}
    }
}

#[test]
fn every_field_is_documented() {
    let machine = Machine::new();
    let mut found = BTreeSet::new();
    let commands: [&[&str]; 5] = [
        &["ps"],
        &[
            "ps",
            "-c",
            "shared,read,written,read_rate,write_rate,io_rate,open,ports,role,family,pool,task_time,tasks,executable,directory,cgroup",
        ],
        &["show", "50"],
        &["sys", "-i", "0"],
        &["net", "--unix"],
    ];
    for command in commands {
        fields(&json(&[command, &["--root", machine.root()]].concat()), &mut found);
    }
    let own = std::process::id().to_string();
    fields(&json(&["kill", "--dry-run", "--force", &own]), &mut found);
    fields(&json(&["sys", "-i", "0"]), &mut found);
    fields(&json(&["top", "--frames", "1", "--delay", "0.1"]), &mut found);
    assert!(found.len() > 100, "{found:?}");
    let manual = include_str!("../../README.md");
    let is_unknown = |name: &&String| {
        // The two of a text that is not UTF-8.
        !manual.contains(&format!("`{name}`")) && !["bytes", "shown"].contains(&name.as_str())
    };
    assert_eq!(found.iter().find(is_unknown), None);
}
