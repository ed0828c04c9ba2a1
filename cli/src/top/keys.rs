//! What the keys do: one table, from which the help is made, too.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What can be done while the list is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Fold,
    Unfold,
    Tree,
    ChooseOrder,
    OrderBy(&'static str),
    Reverse,
    Filter,
    Find,
    FindNext,
    FindPrevious,
    Terminate,
    Kill,
    Suspend,
    Pause,
    Families,
    KernelThreads,
    Look,
    Paths,
    Help,
    Back,
    Background,
    Leave,
}

/// Keys that do something.
#[derive(Debug)]
pub(crate) struct Binding {
    keys: &'static [Key],
    /// What the help calls the keys; empty: not worth a line.
    pub(crate) shown: &'static str,
    pub(crate) doc: &'static str,
    action: Action,
}

type Key = (KeyCode, KeyModifiers);

const fn key(code: KeyCode) -> Key {
    (code, KeyModifiers::NONE)
}

const fn letter(letter: char) -> Key {
    key(KeyCode::Char(letter))
}

const fn control(letter: char) -> Key {
    (KeyCode::Char(letter), KeyModifiers::CONTROL)
}

const fn bind(
    shown: &'static str,
    doc: &'static str,
    action: Action,
    keys: &'static [Key],
) -> Binding {
    Binding { keys, shown, doc, action }
}

/// All of them. Of two that belong together the first explains both.
pub(crate) const BINDINGS: &[Binding] = &[
    bind("↑ ↓", "move", Action::Up, &[key(KeyCode::Up)]),
    bind("", "", Action::Down, &[key(KeyCode::Down)]),
    bind("PgUp PgDn", "move by a page", Action::PageUp, &[key(KeyCode::PageUp), control('b')]),
    bind("", "", Action::PageDown, &[key(KeyCode::PageDown), control('f'), letter(' ')]),
    bind(
        "Home End",
        "to the first, to the last",
        Action::First,
        &[key(KeyCode::Home), letter('g')],
    ),
    bind("", "", Action::Last, &[key(KeyCode::End), letter('G')]),
    bind(
        "/",
        "list only what has a text in its name or command line",
        Action::Filter,
        &[letter('/')],
    ),
    bind("f", "find a text", Action::Find, &[letter('f')]),
    bind("n N", "the next, the previous that has it", Action::FindNext, &[letter('n')]),
    bind("", "", Action::FindPrevious, &[letter('N')]),
    bind("s", "choose the column to sort by", Action::ChooseOrder, &[letter('s')]),
    bind(
        "P M T I",
        "sort by processor, memory, time, disk traffic",
        Action::OrderBy("cpu"),
        &[letter('P')],
    ),
    bind("", "", Action::OrderBy("memory"), &[letter('M')]),
    bind("", "", Action::OrderBy("cpu_time"), &[letter('T')]),
    bind("", "", Action::OrderBy("io_rate"), &[letter('I')]),
    bind("r", "turn the order round", Action::Reverse, &[letter('r')]),
    bind("t", "children below their parents", Action::Tree, &[letter('t'), key(KeyCode::F(5))]),
    bind(
        "← →",
        "fold and unfold a branch of the tree",
        Action::Fold,
        &[key(KeyCode::Left), letter('-')],
    ),
    bind("", "", Action::Unfold, &[key(KeyCode::Right), letter('+')]),
    bind(
        "k",
        "ask the process to end (SIGTERM)",
        Action::Terminate,
        &[letter('k'), key(KeyCode::F(9))],
    ),
    bind("K", "kill it (SIGKILL)", Action::Kill, &[letter('K')]),
    bind("z", "suspend it, or resume it", Action::Suspend, &[letter('z')]),
    bind("m", "only families that use polyproc", Action::Families, &[letter('m')]),
    bind("h", "hide or show the kernel's threads", Action::KernelThreads, &[letter('h')]),
    bind("c", "show or hide the directories of programs", Action::Paths, &[letter('c')]),
    bind("p", "pause, go on", Action::Pause, &[letter('p')]),
    bind("l", "look now", Action::Look, &[letter('l'), control('l')]),
    bind("?", "this help", Action::Help, &[letter('?'), key(KeyCode::F(1))]),
    bind(
        "Esc",
        "undo a filter; let the list scroll by itself again",
        Action::Back,
        &[key(KeyCode::Esc)],
    ),
    bind("Ctrl-Z", "back to the shell; `fg` comes back", Action::Background, &[control('z')]),
    bind("q", "leave", Action::Leave, &[letter('q'), control('c'), key(KeyCode::F(10))]),
];

/// What `key` does while the list is shown.
pub(crate) fn action(key: KeyEvent) -> Option<Action> {
    // A capital letter comes with the shift key, which says nothing more.
    let pressed = (key.code, key.modifiers - KeyModifiers::SHIFT);
    BINDINGS.iter().find(|binding| binding.keys.contains(&pressed)).map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_key_does_one_thing() {
        let keys: Vec<_> = BINDINGS.iter().flat_map(|binding| binding.keys).collect();
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
        let shifted = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(action(shifted), Some(Action::Last));
        assert_eq!(action(KeyEvent::from(KeyCode::Char('Z'))), None);
    }
}
