//! The state of the live view. Pure: events in, and out comes what is to be shown and done. It reads
//! no clock, no terminal and no process.

use super::input::Key;
use super::keys::{self, Action};
use super::sample::{Machine, Sample};
use crate::process::tree::{self, Branch};
use crate::process::{Filter, Identity, Order, Pool, Row, columns};
use crate::units;
use polyproc_sys::signal::Signal;
use std::collections::HashSet;

/// As much of the past as the widest screen shows.
const HISTORY: usize = 300;

/// What happens to the view.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A key was pressed.
    Key(Key),
    /// The list has so many lines now.
    Page(usize),
    /// A new look at the machine.
    Sample(Sample),
    /// What became of a signal.
    Told(String),
}

/// What the view wants to have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing more than to be drawn again.
    Stay,
    /// A look now.
    Look,
    /// A signal to these processes.
    Send(Vec<Target>, Signal),
    /// Back to the shell until it brings the program back.
    Background,
    /// The end.
    Leave,
}

/// Who gets a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) identity: Identity,
    pub(crate) name: String,
}

/// What the keys mean now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The list.
    #[default]
    Browse,
    /// A text is being typed for the filter; the list follows.
    Filter,
    /// A text is being typed to be found; the cursor follows.
    Find,
    /// A column is being chosen: which one the cursor is on.
    Order(usize),
    /// A signal waits for a yes.
    Confirm(Question),
    /// The keys are explained.
    Help,
}

/// Whether to send a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) signal: Signal,
    pub(crate) target: Target,
    /// Those below it in the tree, whether listed or not.
    pub(crate) below: Vec<Target>,
}

/// The columns that can be chosen to sort by.
pub(crate) const ORDERS: &[&str] = &[
    "cpu",
    "memory",
    "io_rate",
    "read_rate",
    "write_rate",
    "cpu_time",
    "age",
    "threads",
    "pid",
    "user",
    "state",
    "name",
];

/// See the [module](self).
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is switched by a key of its own")]
pub(crate) struct Top {
    pub(crate) machine: Machine,
    /// How busy each processor was, look by look.
    pub(crate) history: Vec<Vec<f64>>,
    /// All processes, in order.
    pub(crate) rows: Vec<Row>,
    /// All pools.
    pub(crate) pools: Vec<Pool>,
    /// The lines of the list.
    pub(crate) lines: Vec<Branch>,
    pub(crate) order: Order,
    /// That of the list while the tree is shown.
    flat_order: Order,
    pub(crate) tree: bool,
    pub(crate) paused: bool,
    pub(crate) mode: Mode,
    /// The line under the cursor, and the first one on the screen.
    pub(crate) cursor: usize,
    pub(crate) first: usize,
    /// What is typed for the filter and for the search.
    pub(crate) filter_text: String,
    pub(crate) find_text: String,
    pub(crate) message: Option<String>,
    pub(crate) families_only: bool,
    pub(crate) kernel_hidden: bool,
    /// Whether programs are listed with their directories.
    pub(crate) paths: bool,
    filter: Filter,
    folded: HashSet<Identity>,
    /// Once the cursor was moved it stays with its process, wherever that goes.
    followed: Option<Identity>,
    page: usize,
}

impl Top {
    /// The view before the first look.
    pub(crate) fn new(filter: Filter, order: Order) -> Self {
        Self {
            machine: Machine::default(),
            history: Vec::new(),
            rows: Vec::new(),
            pools: Vec::new(),
            lines: Vec::new(),
            order,
            flat_order: order,
            tree: false,
            paused: false,
            mode: Mode::Browse,
            cursor: 0,
            first: 0,
            filter_text: String::new(),
            find_text: String::new(),
            message: None,
            families_only: false,
            kernel_hidden: false,
            paths: false,
            filter,
            folded: HashSet::new(),
            followed: None,
            page: 1,
        }
    }

    /// The view as a tree, by pid unless an `order` is asked for.
    pub(crate) fn into_tree(mut self, order: Option<Order>) -> Self {
        self.toggle_tree();
        self.order = order.unwrap_or(self.order);
        self
    }

    /// Takes in what happened; says what is to be done.
    pub(crate) fn handle(&mut self, event: Event) -> Effect {
        match event {
            Event::Key(key) => return self.key(key),
            Event::Page(lines) => {
                self.page = lines.max(1);
                self.scroll();
            }
            Event::Sample(sample) => self.take(sample),
            Event::Told(message) => self.message = Some(message),
        }
        Effect::Stay
    }

    /// The process under the cursor.
    pub(crate) fn selected(&self) -> Option<&Row> {
        self.lines.get(self.cursor).map(|line| &self.rows[line.index])
    }

    /// How busy all processors were on average at a look of the past.
    pub(crate) fn average(&self, look: usize) -> f64 {
        let busy = self.history.iter().filter_map(|history| history.get(look));
        busy.sum::<f64>() / units::float(self.history.len().max(1) as u64)
    }

    fn take(&mut self, sample: Sample) {
        if self.history.len() != sample.machine.cpus.len() {
            // A processor came or went: their pasts would no longer match.
            self.history = vec![Vec::new(); sample.machine.cpus.len()];
        }
        for (history, &busy) in self.history.iter_mut().zip(&sample.machine.cpus) {
            history.push(busy);
            if history.len() > HISTORY {
                history.remove(0);
            }
        }
        self.machine = sample.machine;
        self.rows = sample.rows;
        self.pools = sample.pools;
        self.arrange();
    }

    /// Makes the lines anew from the processes.
    fn arrange(&mut self) {
        self.order.sort(&mut self.rows);
        let typed = self.filter_text.to_ascii_lowercase();
        let passes = |row: &Row| {
            self.filter.passes(row)
                && (!self.families_only || row.role.is_some())
                && !(self.kernel_hidden && row.is_kernel)
                && row.mentions(typed.as_bytes())
        };
        let listed: Vec<usize> =
            (0..self.rows.len()).filter(|&at| passes(&self.rows[at])).collect();
        self.lines =
            if self.tree { self.branches(&listed) } else { listed.into_iter().map(flat).collect() };
        if let Some(followed) = self.followed {
            let is_it = |line: &Branch| self.rows[line.index].identity == followed;
            match self.lines.iter().position(is_it) {
                Some(at) => self.cursor = at,
                None => self.followed = None,
            }
        }
        self.scroll();
    }

    fn branches(&self, listed: &[usize]) -> Vec<Branch> {
        let pair = |&at: &usize| (self.rows[at].pid(), self.rows[at].parent);
        let processes: Vec<_> = listed.iter().map(pair).collect();
        let folded = self.folded.iter().map(|identity| identity.pid).collect();
        let branches = tree::arrange(&processes, &folded).into_iter();
        branches.map(|branch| Branch { index: listed[branch.index], ..branch }).collect()
    }

    /// Keeps the cursor on a line, and the line on the screen.
    fn scroll(&mut self) {
        self.cursor = self.cursor.min(self.lines.len().saturating_sub(1));
        let last_first = self.lines.len().saturating_sub(self.page);
        let lowest = (self.cursor + 1).saturating_sub(self.page);
        self.first = self.first.clamp(lowest, self.cursor.max(lowest)).min(last_first);
    }

    fn key(&mut self, key: Key) -> Effect {
        self.message = None;
        match std::mem::take(&mut self.mode) {
            Mode::Browse => keys::action(key).map_or(Effect::Stay, |action| self.act(action)),
            Mode::Help => Effect::Stay,
            Mode::Order(at) => self.choose_order(at, key),
            Mode::Confirm(question) => self.answer(question, key),
            mode @ (Mode::Filter | Mode::Find) => self.type_key(mode, key),
        }
    }

    fn act(&mut self, action: Action) -> Effect {
        match action {
            Action::Up => self.go(self.cursor.saturating_sub(1)),
            Action::Down => self.go(self.cursor + 1),
            Action::PageUp => self.go(self.cursor.saturating_sub(self.page)),
            Action::PageDown => self.go(self.cursor + self.page),
            Action::First => self.go(0),
            Action::Last => self.go(usize::MAX - 1),
            Action::Fold => self.fold(true),
            Action::Unfold => self.fold(false),
            Action::Tree => self.toggle_tree(),
            Action::ChooseOrder => self.mode = Mode::Order(self.order_index()),
            Action::OrderBy(name) => self.order_by(name),
            Action::Reverse => self.order.reverse ^= true,
            Action::Filter => self.mode = Mode::Filter,
            Action::Find => self.mode = Mode::Find,
            Action::FindNext => self.find(1),
            Action::FindPrevious => self.find(-1),
            Action::Terminate => self.ask(Signal::TERM),
            Action::Kill => self.ask(Signal::KILL),
            Action::Suspend => self.ask_to_suspend(),
            Action::Pause => self.paused ^= true,
            Action::Families => self.families_only ^= true,
            Action::KernelThreads => self.kernel_hidden ^= true,
            Action::Paths => self.paths ^= true,
            Action::Help => self.mode = Mode::Help,
            Action::Back => self.back(),
            Action::Look => return Effect::Look,
            Action::Background => return Effect::Background,
            Action::Leave => return Effect::Leave,
        }
        self.arrange();
        Effect::Stay
    }

    fn go(&mut self, line: usize) {
        self.cursor = line;
        self.scroll();
        self.followed = self.selected().map(|row| row.identity);
    }

    fn back(&mut self) {
        if self.filter_text.is_empty() {
            self.followed = None;
            self.cursor = 0;
        }
        self.filter_text.clear();
    }

    fn fold(&mut self, fold: bool) {
        let Some(identity) = self.selected().map(|row| row.identity).filter(|_| self.tree) else {
            return;
        };
        self.followed = Some(identity);
        if fold {
            self.folded.insert(identity);
        } else {
            self.folded.remove(&identity);
        }
    }

    /// A tree whose branches jump about with every look cannot be read: it stands by pid, until
    /// another order is chosen.
    fn toggle_tree(&mut self) {
        self.tree ^= true;
        if let Some(pid) = columns::find("pid").filter(|_| self.tree) {
            self.flat_order =
                std::mem::replace(&mut self.order, Order { column: pid, reverse: false });
        } else {
            self.order = self.flat_order;
        }
    }

    fn order_index(&self) -> usize {
        ORDERS.iter().position(|&name| name == self.order.column.column.name).unwrap_or(0)
    }

    /// Sorts by a column; once more by the same column turns the order round.
    fn order_by(&mut self, name: &str) {
        let Some(column) = columns::find(name) else { return };
        let again = self.order.column.column.name == column.column.name;
        self.order = Order { column, reverse: again && !self.order.reverse };
    }

    fn choose_order(&mut self, at: usize, key: Key) -> Effect {
        match key {
            Key::Up => self.mode = Mode::Order(at.saturating_sub(1)),
            Key::Down => self.mode = Mode::Order((at + 1).min(ORDERS.len() - 1)),
            Key::Enter => {
                self.order_by(ORDERS[at]);
                self.arrange();
            }
            _ => {}
        }
        Effect::Stay
    }

    fn type_key(&mut self, mode: Mode, key: Key) -> Effect {
        let text = if mode == Mode::Filter { &mut self.filter_text } else { &mut self.find_text };
        match key {
            Key::Char(letter) => {
                text.push(letter);
                self.mode = mode;
            }
            Key::Control('u') => {
                text.clear();
                self.mode = mode;
            }
            Key::Control('c') | Key::Escape => text.clear(),
            Key::Backspace => {
                text.pop();
                self.mode = mode;
            }
            Key::Enter => {}
            _ => self.mode = mode,
        }
        if self.mode == Mode::Find {
            self.find(0);
        }
        self.arrange();
        Effect::Stay
    }

    /// Goes to the nearest line that has the text: from the next one on downwards (1) or upwards
    /// (-1), or from this one on (0); round the end of the list.
    fn find(&mut self, step: isize) {
        let text = self.find_text.to_ascii_lowercase();
        let count = self.lines.len();
        if text.is_empty() || count == 0 {
            return;
        }
        let line = |distance: usize| match step {
            -1 => (self.cursor + count - distance % count) % count,
            _ => (self.cursor + distance) % count,
        };
        let distances = if step == 0 { 0..count } else { 1..count + 1 };
        let is_it = |&at: &usize| self.rows[self.lines[at].index].mentions(text.as_bytes());
        match distances.map(line).find(is_it) {
            Some(found) => self.go(found),
            None => self.message = Some(format!("nothing here has `{}`", self.find_text)),
        }
    }

    fn ask_to_suspend(&mut self) {
        let stopped = self.selected().is_some_and(|row| row.state == "stopped");
        self.ask(if stopped { Signal::CONT } else { Signal::STOP });
    }

    fn ask(&mut self, signal: Signal) {
        let Some(row) = self.selected() else { return };
        let (target, pid) = (target(row), row.pid());
        let processes: Vec<_> = self.rows.iter().map(|row| (row.pid(), row.parent)).collect();
        let below = tree::descent(&processes, &[pid]).into_iter().filter(|&one| one != pid);
        let below = below
            .filter_map(|pid| self.rows.iter().find(|row| row.pid() == pid))
            .map(self::target)
            .collect();
        self.followed = Some(target.identity);
        self.mode = Mode::Confirm(Question { signal, target, below });
    }

    /// `y` means the process, `a` all below it, too; anything else is no.
    fn answer(&mut self, question: Question, key: Key) -> Effect {
        let Question { signal, target, below } = question;
        match key {
            Key::Char('y' | 'Y') => Effect::Send(vec![target], signal),
            Key::Char('a' | 'A') if !below.is_empty() => {
                Effect::Send(std::iter::once(target).chain(below).collect(), signal)
            }
            _ => {
                self.message = Some("nothing was sent".into());
                Effect::Stay
            }
        }
    }
}

fn flat(index: usize) -> Branch {
    Branch { index, lead: String::new(), folded: 0 }
}

fn target(row: &Row) -> Target {
    Target { identity: row.identity, name: crate::text::shown_os(&row.name) }
}
