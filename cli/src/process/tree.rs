//! Children below their parents.

use std::collections::{HashMap, HashSet};

/// A line of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Branch {
    /// Which of the processes.
    pub(crate) index: usize,
    /// What stands before it: the lines that lead to its parent.
    pub(crate) lead: String,
    /// How many processes are below it and not listed, because it is folded.
    pub(crate) folded: usize,
}

/// Arranges `processes` (pid and parent's pid); siblings keep their order. Whoever has no parent among
/// them is a root. Those below a process of `folded` (by pid) are left out.
///
/// The facts of different processes are of different moments, so parents may form a ring: no process
/// is listed twice, and none is lost.
pub(crate) fn arrange(processes: &[(u32, u32)], folded: &HashSet<u32>) -> Vec<Branch> {
    let known: HashSet<_> = processes.iter().map(|&(pid, _)| pid).collect();
    let mut children: HashMap<u32, Vec<usize>> = HashMap::new();
    let mut roots = Vec::new();
    for (index, &(pid, parent)) in processes.iter().enumerate() {
        if known.contains(&parent) && parent != pid {
            children.entry(parent).or_default().push(index);
        } else {
            roots.push(index);
        }
    }
    let mut forest =
        Forest { processes, children, folded, seen: HashSet::new(), branches: Vec::new() };
    // Whoever is in a ring is found from no root: the first of a ring is taken for one.
    for index in roots.into_iter().chain(0..processes.len()) {
        forest.grow(index);
    }
    forest.branches
}

/// What leads to a child, and what stands below that: of all but the last one, and of the last.
const LINES: [(&str, &str); 2] = [("├─ ", "│  "), ("└─ ", "   ")];

struct Forest<'a> {
    processes: &'a [(u32, u32)],
    children: HashMap<u32, Vec<usize>>,
    folded: &'a HashSet<u32>,
    seen: HashSet<usize>,
    branches: Vec<Branch>,
}

impl Forest<'_> {
    /// Lists a root and all that is below it. A stack of our own: a chain of processes can be longer
    /// than the thread's stack is deep.
    fn grow(&mut self, root: usize) {
        let mut stack = vec![(root, String::new(), String::new())];
        while let Some((index, lead, below)) = stack.pop() {
            if !self.seen.insert(index) {
                continue;
            }
            let pid = self.processes[index].0;
            let mut branch = Branch { index, lead, folded: 0 };
            if self.folded.contains(&pid) {
                branch.folded = self.pass_over(pid);
                self.branches.push(branch);
                continue;
            }
            self.branches.push(branch);
            let children = self.children.get(&pid).map_or(&[][..], Vec::as_slice);
            for (from_last, &child) in children.iter().rev().enumerate() {
                let (own, further) = LINES[usize::from(from_last == 0)];
                stack.push((child, format!("{below}{own}"), format!("{below}{further}")));
            }
        }
    }

    /// Counts all that is below `pid`, and lists none of it.
    fn pass_over(&mut self, pid: u32) -> usize {
        let mut stack: Vec<_> = self.children.get(&pid).cloned().unwrap_or_default();
        let mut count = 0;
        while let Some(index) = stack.pop() {
            if self.seen.insert(index) {
                count += 1;
                stack.extend(self.children.get(&self.processes[index].0).into_iter().flatten());
            }
        }
        count
    }
}

/// The pids of `roots` and of all that is below them, parents first.
pub(crate) fn descent(processes: &[(u32, u32)], roots: &[u32]) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::new();
    let mut seen = HashSet::new();
    let mut next: Vec<u32> = roots.to_vec();
    while let Some(pid) = next.pop() {
        if seen.insert(pid) {
            found.push(pid);
            next.extend(processes.iter().filter(|one| one.1 == pid).map(|one| one.0));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drawn(processes: &[(u32, u32)], folded: &[u32]) -> Vec<String> {
        let branches = arrange(processes, &folded.iter().copied().collect());
        let line = |branch: &Branch| format!("{}{}", branch.lead, processes[branch.index].0);
        branches.iter().map(line).collect()
    }

    #[test]
    fn children_stand_below_their_parents() {
        let processes = [(1, 0), (5, 3), (2, 1), (3, 1), (4, 2), (9, 77)];
        assert_eq!(drawn(&processes, &[]), ["1", "├─ 2", "│  └─ 4", "└─ 3", "   └─ 5", "9"]);
    }

    #[test]
    fn a_folded_branch_counts_what_it_hides() {
        let processes = [(1, 0), (2, 1), (3, 2), (4, 2)];
        assert_eq!(drawn(&processes, &[2]), ["1", "└─ 2"]);
        assert_eq!(arrange(&processes, &HashSet::from([2]))[1].folded, 2);
    }

    #[test]
    fn a_ring_of_parents_loses_nobody() {
        assert_eq!(drawn(&[(1, 2), (2, 1), (3, 3)], &[]), ["3", "1", "└─ 2"]);
    }

    #[test]
    fn the_descent_of_a_process_is_all_that_it_started() {
        let processes = [(1, 0), (2, 1), (3, 2), (4, 1), (5, 9)];
        let mut found = descent(&processes, &[2, 5]);
        found.sort_unstable();
        assert_eq!(found, [2, 3, 5]);
    }

    proptest! {
        #[test]
        fn nobody_is_lost_or_doubled(parents in proptest::collection::vec(0_u32..12, 0..12), folded in proptest::collection::vec(0_u32..12, 0..3)) {
            let processes: Vec<_> = parents.iter().enumerate().map(|(pid, &parent)| (pid as u32, parent)).collect();
            let branches = arrange(&processes, &folded.into_iter().collect());
            let hidden: usize = branches.iter().map(|branch| branch.folded).sum();
            let listed: HashSet<_> = branches.iter().map(|branch| branch.index).collect();
            prop_assert_eq!(listed.len(), branches.len());
            prop_assert_eq!(listed.len() + hidden, processes.len());
        }
    }
}
