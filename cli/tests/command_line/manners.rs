//! How the program behaves among others: pipes, terminals, wrong arguments.

use super::{PATIENCE, code, json, polyproc, printed, run};
use polyproc_testkit::{run_with_deadline, try_run};
use std::fs::File;
use std::process::{Command, Stdio};

/// Every command that prints something about this machine, and needs nothing else.
fn commands() -> Vec<Vec<String>> {
    let own = std::process::id().to_string();
    let of = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    vec![
        of(&["ps"]),
        of(&["ps", "--tree", "-i", "20ms", "-c", "+role,ports"]),
        of(&["show", &own]),
        of(&["sys", "-i", "20ms"]),
        of(&["net", "--unix"]),
        of(&["kill", &own, "--dry-run", "--force"]),
        of(&["wait", &own, "--timeout", "1ms"]),
    ]
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let more: [&[&str]; 5] = [
        &["man"],
        &["completions", "bash"],
        &["--help"],
        &["top", "--frames", "2", "-d", "100ms"],
        &["ps", "--json"],
    ];
    let more = more.iter().map(|words| words.iter().map(|&word| word.to_owned()).collect());
    for arguments in commands().into_iter().chain(more) {
        let mut command = polyproc(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child =
            command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        // Its end is in the exit code; the deadline is that of the test.
        drop(command);
        let status = child.wait().unwrap();
        let mut said = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
        let expected = if arguments[0] == "wait" { Some(4) } else { Some(0) };
        assert_eq!((status.code(), said.as_str()), (expected, ""), "{arguments:?}");
    }
}

#[test]
fn a_full_disk_is_an_error_with_a_reason() {
    for arguments in [&["ps"][..], &["sys", "-i", "1ms"], &["man"]] {
        let mut command = polyproc(arguments);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(code(&output), Some(3), "{said}");
        assert!(said.starts_with("polyproc: cannot write the output: "), "{said}");
    }
}

#[test]
fn every_command_speaks_json() {
    for arguments in commands() {
        let mut words: Vec<_> = arguments.iter().map(String::as_str).collect();
        words.push("--json");
        let output = run(&words);
        let parsed = serde_json::from_slice::<serde_json::Value>(&output.stdout);
        assert!(parsed.is_ok_and(|value| !value.is_null()), "{arguments:?}");
    }
}

#[test]
fn nothing_is_painted_into_a_pipe_unless_asked() {
    for arguments in commands() {
        let words: Vec<_> = arguments.iter().map(String::as_str).collect();
        assert!(!run(&words).stdout.contains(&0x1b), "{arguments:?}");
    }
    assert!(printed(&["ps", "--color", "always"]).contains('\u{1b}'));
    let mut command = polyproc(&["ps", "--color", "always", "--json"]);
    command.env("TERM", "xterm");
    assert!(!run_with_deadline(command, PATIENCE).stdout.contains(&0x1b));
}

#[test]
fn wrong_arguments_are_named_with_a_remedy() {
    let cases: [(&[&str], &str); 11] = [
        (&[], "Usage: polyproc"),
        (&["ps", "--colour"], "--color"),
        (&["ps", "--columns", "pid,colour"], "there are: pid,"),
        (&["ps", "--sort", "nothing"], "there is no column `nothing`"),
        (&["ps", "--interval", "soon"], "write it as 10s"),
        (&["ps", "--json", "--csv"], "cannot be used with"),
        (&["kill"], "<PID|--name <NAME>>"),
        (&["kill", "1", "--signal", "TREM"], "there is no signal `TREM`"),
        (&["top"], "polyproc top --frames 1"),
        (&["top", "--sort", "ports"], "`ps --sort ports` does"),
        (&["top", "--port", "80"], "`ps --port` does"),
    ];
    for (arguments, remedy) in cases {
        let output = run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((code(&output), output.stdout.len()), (Some(2), 0), "{arguments:?}: {said}");
        assert!(said.contains(remedy), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn help_teaches_by_example() {
    assert!(printed(&["--help"]).contains("Exit codes:"));
    for command in ["ps", "show", "sys", "net", "kill", "wait", "top", "completions"] {
        let text = printed(&[command, "--help"]);
        assert!(text.contains(&format!("  polyproc {command}")), "{text}");
    }
}

#[test]
fn completions_are_scripts_of_their_shells() {
    assert!(printed(&["completions", "bash"]).contains("complete -o nospace"));
    assert!(printed(&["completions", "zsh"]).starts_with("#compdef polyproc"));
    assert!(printed(&["completions", "fish"]).contains("--command polyproc"));
    for shell in ["elvish", "powershell"] {
        assert!(printed(&["completions", shell]).contains("polyproc"));
    }
}

#[test]
fn the_manual_has_every_command() {
    let page = printed(&["man"]);
    for section in
        ["NAME", "POLYPROC PS", "POLYPROC TOP", "EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "VERSION"]
    {
        assert!(
            page.contains(&format!(".SH {section}"))
                || page.contains(&format!(".SH \"{section}\"")),
            "{section}"
        );
    }
    assert!(page.contains("who has port 443") && !page.contains("POLYPROC HELP"));
}

#[test]
fn help_is_a_command_too() {
    assert_eq!(printed(&["help", "kill"]), printed(&["kill", "--help"]));
}

#[test]
fn this_process_is_listed_as_it_is() {
    let own = std::process::id();
    let rows = json(&["ps", "--pid", &own.to_string()]);
    assert_eq!(rows[0]["pid"], own);
    assert!(rows[0]["memory"].as_u64().unwrap() > 100_000);
    let shown = json(&["show", &own.to_string(), "--only", "threads"]);
    assert!(!shown.as_array().unwrap().is_empty());
}

/// A name that nothing else here has: the kernel takes that of the link.
#[test]
fn a_name_is_as_good_as_a_pid_if_one_process_has_it() {
    let name = format!("pp{}", std::process::id());
    let place = std::env::temp_dir().join(&name);
    std::os::unix::fs::symlink("/bin/sleep", &place).unwrap();
    let start = || Command::new(&place).arg("100000").spawn().unwrap();
    let mut first = start();
    let shown = json(&["show", &name, "--only", "process"]);
    assert_eq!((&shown["pid"], &shown["name"]), (&first.id().into(), &name.clone().into()));
    let mut second = start();
    let output = run(&["show", &name, "--json"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((code(&output), output.stdout.len()), (Some(2), 0), "{said}");
    for part in
        ["2 processes are called", &first.id().to_string(), &second.id().to_string(), "by its pid"]
    {
        assert!(said.contains(part), "{said}");
    }
    // What is clear is shown, also beside what is not.
    let output = run(&["show", &name, &second.id().to_string(), "--json"]);
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), rows.as_array().map(Vec::len)), (Some(2), Some(1)));
    for process in [&mut first, &mut second] {
        process.kill().unwrap();
        process.wait().unwrap();
    }
    std::fs::remove_file(&place).unwrap();
    let output = run(&["show", &name]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), Some(1));
    assert!(said.contains("polyproc ps TEXT"), "{said}");
}

#[test]
fn a_listening_port_is_found_with_whose_it_is() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (text, own) = (port.to_string(), u64::from(std::process::id()));
    let rows = json(&["net", "--listening", "--port", &text]);
    assert_eq!((&rows[0]["pid"], &rows[0]["state"]), (&own.into(), &"listen".into()));
    let rows = json(&["ps", "--port", &text]);
    assert_eq!(rows[0]["pid"], own);
    let talks = json(&["net", "--established", "--port", &text]);
    let ours = client.local_addr().unwrap().port();
    let end = talks.as_array().unwrap().iter().find(|row| row["local_port"] == ours);
    assert_eq!(end.unwrap()["remote_port"], port);
}

#[test]
fn no_error_channel_is_no_reason_to_fail() {
    let script = format!("exec '{}' show 1073741824 2>&-", env!("CARGO_BIN_EXE_polyproc"));
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]);
    assert_eq!(try_run(shell, PATIENCE).unwrap().status.code(), Some(1));
    let script = format!("exec '{}' ps >&-", env!("CARGO_BIN_EXE_polyproc"));
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]);
    let output = try_run(shell, PATIENCE).unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}
