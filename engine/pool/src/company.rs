//! Whether a worker and its parent take turns on one processor while another one is free.
//!
//! The kernel leaves two that wait for each other where they are, since only one of them wants to run at a
//! time, whether they sleep between their turns or look out for each other and lend the processor. A task
//! then takes two context switches on its way there and back, some six microseconds, where it could take
//! one. A worker that is soon given one task after the other so goes elsewhere. Where it goes others may run, so it does
//! that less and less often.

/// So many tasks in a row come before the first move.
const FIRST: u32 = 16;
/// And no more than so many before a later one.
const MOST: u32 = 1 << 16;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Company {
    /// Tasks in a row that came from the same processor.
    together: u32,
    /// How many of those lead to a move: twice as many after each, one less with each task that came from
    /// elsewhere.
    patience: u32,
}

impl Company {
    pub(crate) const fn new() -> Self {
        Self { together: 0, patience: FIRST }
    }

    /// A task came soon after the one before. Says whether to go elsewhere.
    pub(crate) fn noted(&mut self, is_shared: bool) -> bool {
        if !is_shared {
            self.together = 0;
            self.patience = FIRST.max(self.patience - 1);
            return false;
        }
        self.together += 1;
        let moves = self.together >= self.patience;
        if moves {
            self.together = 0;
            self.patience = MOST.min(2 * self.patience);
        }
        moves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many tasks from the same processor lead to a move.
    fn until_move(company: &mut Company) -> u32 {
        (1..=MOST).find(|_| company.noted(true)).unwrap()
    }

    #[test]
    fn a_worker_moves_and_does_so_less_often_where_it_is_no_use() {
        let mut company = Company::new();
        assert_eq!([(); 3].map(|()| until_move(&mut company)), [FIRST, 2 * FIRST, 4 * FIRST]);
        (0..1000).for_each(|_| assert!(!company.noted(false)));
        assert_eq!(until_move(&mut company), FIRST, "it was of use");
        for _ in 0..20 {
            until_move(&mut company);
        }
        assert_eq!(until_move(&mut company), MOST);
    }

    #[test]
    fn one_task_from_elsewhere_begins_the_count_anew() {
        let mut company = Company::new();
        (1..FIRST).for_each(|_| assert!(!company.noted(true)));
        assert!(!company.noted(false));
        assert!(!company.noted(true));
    }
}
