//! The view on a machine that does not exist: what is drawn, and what the keys do.

use super::input::Key;
use super::model::{Effect, Event, Mode, Target, Top};
use super::sample::{Machine, Sample};
use super::view::{self, Look};
use crate::process::{Filter, Identity, Job, Order, Place, Pool, Role, Row};
use polyproc_sys::signal::Signal;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::time::Duration;

fn row(pid: u32, parent: u32, name: &str, cpu: f64, memory: u64) -> Row {
    Row {
        identity: Identity { pid, start_ticks: u64::from(pid) * 10 },
        parent,
        name: name.into(),
        command: vec![format!("/usr/bin/{name}").into(), format!("--number={pid}").into()],
        user: "ada".into(),
        state: if cpu > 20.0 { "running" } else { "sleeping" },
        cpu: Some(cpu),
        memory: Some(memory << 20),
        memory_percent: Some(crate::units::float(memory) / 80.0),
        read_rate: Some(0.0),
        write_rate: Some(cpu * 1000.0),
        cpu_time: Duration::from_secs(u64::from(pid)),
        age: Duration::from_secs(5000),
        threads: 2,
        ..Row::default()
    }
}

fn role(place: Place, name: &str, remark: Option<&'static str>) -> Role {
    Role { family: 77, place, name: name.into(), remark, job: None }
}

fn worker(pool: &str, work: &'static str) -> Role {
    let job = Job { pool: pool.into(), work, task_time: None, done: 12 };
    Role { job: Some(job), ..role(Place::Child, &format!("{pool}-1"), None) }
}

fn pool(name: &str, parent: u32) -> Pool {
    Pool {
        name: name.into(),
        parent,
        workers: 4,
        present: Some(2),
        busy: 1,
        queued: 120,
        in_flight: 2,
        done: 10_234,
        rate: 250.4,
        ..Pool::default()
    }
}

fn sample() -> Sample {
    let rows = vec![
        Row { user: "root".into(), ..row(1, 0, "init", 0.0, 12) },
        Row {
            is_kernel: true,
            command: Vec::new(),
            user: "root".into(),
            state: "idle",
            memory: None,
            ..row(2, 0, "kthreadd", 0.0, 0)
        },
        row(100, 1, "shell", 0.1, 8),
        Row { role: Some(role(Place::Program, "main", None)), ..row(200, 100, "render", 3.5, 310) },
        Row {
            role: Some(role(Place::ForkServer, "fork server", None)),
            ..row(201, 200, "render", 0.0, 40)
        },
        Row { role: Some(worker("tiles", "busy")), ..row(202, 201, "render", 97.2, 520) },
        Row {
            role: Some(role(Place::Child, "worker-2", Some("starting"))),
            ..row(203, 201, "render", 64.0, 512)
        },
        Row {
            state: "zombie",
            command: Vec::new(),
            memory: None,
            ..row(300, 100, "old one", 0.0, 0)
        },
        Row {
            state: "stopped",
            user: "someone-with-a-long-name".into(),
            ..row(301, 100, "vim\u{1b}[2J", 0.0, 30)
        },
    ];
    let machine = Machine {
        cpus: vec![97.0, 4.0],
        memory_used: 3 << 30,
        memory_total: 8 << 30,
        swap_used: 0,
        swap_total: 2 << 30,
        memory_limit: None,
        cpu_limit: None,
        load: [1.25, 0.7, 0.31],
        uptime: Duration::from_secs(11_000),
        hidden: 0,
    };
    Sample { machine, rows, pools: vec![pool("tiles", 200)] }
}

/// A view after two looks, on a screen of that size.
struct Screen {
    top: Top,
    terminal: Terminal<TestBackend>,
}

impl Screen {
    fn new(width: u16, height: u16) -> Self {
        let order = Order::by("cpu", false).unwrap();
        let top = Top::new(Filter::default(), order);
        let terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let mut screen = Self { top, terminal };
        for busy in [20.0, 97.0] {
            let mut sample = sample();
            sample.machine.cpus[0] = busy;
            screen.top.handle(Event::Sample(sample));
        }
        screen
    }

    fn key(&mut self, code: Key) -> Effect {
        self.draw();
        self.top.handle(Event::Key(code))
    }

    fn keys(&mut self, text: &str) -> Effect {
        text.chars().map(|letter| self.key(Key::Char(letter))).last().unwrap_or(Effect::Stay)
    }

    /// The frame as text.
    fn shown(&mut self) -> String {
        self.draw();
        self.terminal.backend().to_string()
    }

    fn draw(&mut self) {
        let area = self.terminal.size().unwrap();
        let page = view::page(
            &self.top,
            ratatui::layout::Rect::from((ratatui::layout::Position::ORIGIN, area)),
        );
        self.top.handle(Event::Page(page));
        self.terminal
            .draw(|frame| {
                view::draw(&self.top, Look { color: false }, frame.area(), frame.buffer_mut());
            })
            .unwrap();
    }

    fn listed(&self) -> Vec<u32> {
        self.top.lines.iter().map(|line| self.top.rows[line.index].pid()).collect()
    }

    fn selected(&self) -> u32 {
        self.top.selected().unwrap().pid()
    }
}

#[test]
fn frame_80x24() {
    insta::assert_snapshot!(Screen::new(80, 24).shown());
}

#[test]
fn frame_200x50() {
    insta::assert_snapshot!(Screen::new(200, 50).shown());
}

#[test]
fn frame_40x10() {
    insta::assert_snapshot!(Screen::new(40, 10).shown());
}

#[test]
fn frame_tree() {
    let mut screen = Screen::new(100, 20);
    screen.keys("t");
    insta::assert_snapshot!(screen.shown());
}

#[test]
fn frame_with_64_processors() {
    let mut screen = Screen::new(80, 24);
    let mut sample = sample();
    sample.machine.cpus = (0..64).map(|index| f64::from(index) * 1.5).collect();
    screen.top.handle(Event::Sample(sample));
    insta::assert_snapshot!(screen.shown());
}

#[test]
fn frame_with_more_pools_than_lines() {
    let mut screen = Screen::new(80, 24);
    let mut sample = sample();
    let idle = Pool { busy: 0, queued: 0, in_flight: 0, rate: 0.0, ..pool("idle", 7) };
    let large = Pool { workers: 500, present: None, busy: 224, ..pool("x", 41_234) };
    let long = pool("thumbnails\u{1b} of all pictures", 7);
    sample.pools = vec![idle, large, pool("a", 8), long, pool("b", 9)];
    screen.top.handle(Event::Sample(sample));
    insta::assert_snapshot!(screen.shown());
}

#[test]
fn frame_help() {
    let mut screen = Screen::new(80, 24);
    screen.keys("?");
    let shown = screen.shown();
    assert!(shown.contains(" q         leave "), "all keys have room: {shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn frame_question() {
    let mut screen = Screen::new(80, 24);
    screen.keys("tg");
    while screen.selected() != 200 {
        screen.key(Key::Down);
    }
    screen.keys("k");
    insta::assert_snapshot!(screen.shown());
}

#[test]
fn frame_order() {
    let mut screen = Screen::new(80, 24);
    screen.keys("s");
    screen.key(Key::Down);
    insta::assert_snapshot!(screen.shown());
}

#[test]
fn frame_filter_without_a_match() {
    let mut screen = Screen::new(80, 16);
    screen.keys("/nothing");
    insta::assert_snapshot!(screen.shown());
}

#[test]
fn no_key_is_cut_and_the_place_is_always_named() {
    let all = "? help  q leave  s sort  t tree  / filter  f find  k end  z suspend  ";
    for width in 45..120 {
        let mut screen = Screen::new(width, 12);
        screen.keys("mh/render");
        screen.key(Key::Enter);
        let shown = screen.shown();
        let (_, foot) = shown.rsplit_once("only with `render` ").unwrap();
        let keys = foot.trim_end_matches(['\n', '"']).strip_suffix("1/4").unwrap().trim_end();
        assert!(keys.is_empty() || all.starts_with(&format!("{keys}  ")), "{width}: {keys}");
    }
}

#[test]
fn every_size_is_drawn_without_a_panic() {
    for width in [0, 1, 2, 5, 10, 19, 31, 57, 81, 150, 400] {
        for height in [0, 1, 2, 3, 4, 9, 15, 16, 30] {
            let mut screen = Screen::new(width, height);
            screen.draw();
            for key in ["?", "?", "s", "q", "k", "n", "/x"] {
                screen.keys(key);
                screen.draw();
            }
        }
    }
}

#[test]
fn the_busiest_is_first_and_the_order_can_be_chosen() {
    let mut screen = Screen::new(80, 24);
    assert_eq!(screen.listed()[..3], [202, 203, 200]);
    screen.keys("M");
    assert_eq!(screen.listed()[..3], [202, 203, 200]);
    screen.keys("r");
    assert_eq!(screen.listed()[..2], [100, 1]);
    screen.keys("s");
    for _ in 0..20 {
        screen.key(Key::Down);
    }
    screen.key(Key::Enter);
    assert_eq!(screen.top.order.column.column.name, "name");
}

#[test]
fn the_cursor_stays_with_its_process_once_it_was_moved() {
    let mut screen = Screen::new(80, 24);
    screen.key(Key::Down);
    assert_eq!(screen.selected(), 203);
    let mut next = sample();
    next.rows.retain(|row| row.pid() != 202);
    next.rows[0].cpu = Some(99.0);
    screen.top.handle(Event::Sample(next.clone()));
    assert_eq!((screen.selected(), screen.top.cursor), (203, 1));
    next.rows.retain(|row| row.pid() != 203);
    screen.top.handle(Event::Sample(next));
    assert_eq!(screen.top.cursor, 1, "its process is gone: the cursor stays in its place");
}

#[test]
fn a_signal_needs_a_yes_and_goes_to_the_process_that_was_asked_about() {
    let mut screen = Screen::new(80, 24);
    screen.keys("k");
    // Meanwhile the list changes.
    let mut next = sample();
    next.rows[0].cpu = Some(400.0);
    screen.top.handle(Event::Sample(next));
    let identity = Identity { pid: 202, start_ticks: 2020 };
    let target = Target { identity, name: "render".into() };
    assert_eq!(screen.keys("y"), Effect::Send(vec![target], Signal::TERM));
    screen.keys("K");
    assert_eq!(screen.keys("x"), Effect::Stay);
    assert_eq!(screen.top.message.as_deref(), Some("nothing was sent"));
}

#[test]
fn a_whole_tree_can_be_ended() {
    let mut screen = Screen::new(80, 24);
    screen.keys("/render");
    screen.key(Key::Enter);
    while screen.selected() != 200 {
        screen.key(Key::Down);
    }
    screen.keys("K");
    let Effect::Send(targets, Signal::KILL) = screen.keys("a") else { unreachable!() };
    let pids: Vec<_> = targets.iter().map(|target| target.identity.pid).collect();
    assert_eq!((pids[0], pids.len()), (200, 4));
}

#[test]
fn a_stopped_process_is_resumed_and_another_suspended() {
    let mut screen = Screen::new(80, 24);
    screen.keys("/vim");
    screen.key(Key::Enter);
    assert_eq!(screen.listed(), [301]);
    screen.keys("z");
    assert!(matches!(screen.keys("y"), Effect::Send(_, Signal::CONT)));
    screen.key(Key::Escape);
    assert_eq!(screen.listed().len(), 9);
    assert_eq!(screen.selected(), 301, "the cursor stays with it");
    screen.key(Key::Home);
    screen.keys("z");
    assert!(matches!(screen.keys("y"), Effect::Send(_, Signal::STOP)));
}

#[test]
fn finding_goes_round_the_list() {
    let mut screen = Screen::new(80, 24);
    screen.keys("finit");
    assert_eq!(screen.selected(), 1);
    screen.key(Key::Enter);
    screen.keys("f");
    for _ in 0..4 {
        screen.key(Key::Backspace);
    }
    screen.keys("render");
    screen.key(Key::Enter);
    let mut found = Vec::new();
    for _ in 0..4 {
        found.push(screen.selected());
        screen.keys("n");
    }
    found.sort_unstable();
    assert_eq!(found, [200, 201, 202, 203]);
    let before = screen.selected();
    screen.keys("nN");
    assert_eq!(screen.selected(), before);
}

#[test]
fn branches_fold() {
    let mut screen = Screen::new(80, 24);
    screen.keys("t/render");
    screen.key(Key::Enter);
    assert_eq!(screen.listed(), [200, 201, 202, 203]);
    screen.key(Key::Down);
    screen.key(Key::Left);
    assert_eq!(screen.listed(), [200, 201]);
    screen.key(Key::Right);
    assert_eq!(screen.listed().len(), 4);
}

#[test]
fn the_list_can_be_narrowed_to_families_and_programs() {
    let mut screen = Screen::new(80, 24);
    screen.keys("m");
    assert_eq!(screen.listed().len(), 4);
    screen.keys("mh");
    assert!(!screen.listed().contains(&2));
}

#[test]
fn the_list_scrolls_with_the_cursor() {
    let mut screen = Screen::new(40, 6);
    screen.key(Key::End);
    screen.draw();
    assert_eq!((screen.top.cursor, screen.top.first), (8, 6));
    screen.key(Key::Home);
    screen.draw();
    assert_eq!((screen.top.cursor, screen.top.first), (0, 0));
    screen.key(Key::PageDown);
    assert_eq!(screen.top.cursor, 3);
    assert_eq!(screen.top.mode, Mode::Browse);
}
