//! What the keys do: one table, from which the help is made, too.

use super::input::Key;

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
    bind("↑ ↓", "move", Action::Up, &[Key::Up]),
    bind("", "", Action::Down, &[Key::Down]),
    bind("PgUp PgDn", "move by a page", Action::PageUp, &[Key::PageUp, Key::Control('b')]),
    bind("", "", Action::PageDown, &[Key::PageDown, Key::Control('f'), Key::Char(' ')]),
    bind("Home End", "to the first, to the last", Action::First, &[Key::Home, Key::Char('g')]),
    bind("", "", Action::Last, &[Key::End, Key::Char('G')]),
    bind(
        "/",
        "list only what has a text in its name or command line",
        Action::Filter,
        &[Key::Char('/')],
    ),
    bind(
        "f n N",
        "find a text; the next, the previous that has it",
        Action::Find,
        &[Key::Char('f')],
    ),
    bind("", "", Action::FindNext, &[Key::Char('n')]),
    bind("", "", Action::FindPrevious, &[Key::Char('N')]),
    bind("s", "choose the column to sort by", Action::ChooseOrder, &[Key::Char('s')]),
    bind(
        "P M T I",
        "sort by processor, memory, time, disk traffic",
        Action::OrderBy("cpu"),
        &[Key::Char('P')],
    ),
    bind("", "", Action::OrderBy("memory"), &[Key::Char('M')]),
    bind("", "", Action::OrderBy("cpu_time"), &[Key::Char('T')]),
    bind("", "", Action::OrderBy("io_rate"), &[Key::Char('I')]),
    bind("r", "turn the order round", Action::Reverse, &[Key::Char('r')]),
    bind("t", "children below their parents", Action::Tree, &[Key::Char('t'), Key::Function(5)]),
    bind("← →", "fold and unfold a branch of the tree", Action::Fold, &[Key::Left, Key::Char('-')]),
    bind("", "", Action::Unfold, &[Key::Right, Key::Char('+')]),
    bind(
        "k",
        "ask the process to end (SIGTERM)",
        Action::Terminate,
        &[Key::Char('k'), Key::Function(9)],
    ),
    bind("K", "kill it (SIGKILL)", Action::Kill, &[Key::Char('K')]),
    bind("z", "suspend it, or resume it", Action::Suspend, &[Key::Char('z')]),
    bind("m", "only families that use polyproc", Action::Families, &[Key::Char('m')]),
    bind("h", "hide or show the kernel's threads", Action::KernelThreads, &[Key::Char('h')]),
    bind("c", "show or hide the directories of programs", Action::Paths, &[Key::Char('c')]),
    bind("p", "pause, go on", Action::Pause, &[Key::Char('p')]),
    bind(
        "l",
        "look now, and draw everything anew",
        Action::Look,
        &[Key::Char('l'), Key::Control('l')],
    ),
    bind("?", "this help", Action::Help, &[Key::Char('?'), Key::Function(1)]),
    bind("Esc", "undo a filter; let the list scroll by itself again", Action::Back, &[Key::Escape]),
    bind("Ctrl-Z", "back to the shell; `fg` comes back", Action::Background, &[Key::Control('z')]),
    bind("q", "leave", Action::Leave, &[Key::Char('q'), Key::Control('c'), Key::Function(10)]),
];

/// What `key` does while the list is shown.
pub(crate) fn action(key: Key) -> Option<Action> {
    BINDINGS.iter().find(|binding| binding.keys.contains(&key)).map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_key_does_one_thing() {
        let keys: Vec<_> = BINDINGS.iter().flat_map(|binding| binding.keys).collect();
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
        assert_eq!(action(Key::Char('G')), Some(Action::Last));
        assert_eq!(action(Key::Char('Z')), None);
    }
}
