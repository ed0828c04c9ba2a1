//! Which processes.

use super::Row;
use super::columns::Need;
use crate::arguments::Selection;
use crate::text::matches_pattern;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What [`Selection`] asks for. A process passes when it passes every kind of condition, and a kind
/// when it fits any of its values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// In lower case.
    text: Vec<Vec<u8>>,
    users: Vec<String>,
    states: Vec<String>,
    ports: Vec<u16>,
    pids: Vec<u32>,
    families: bool,
    pools: Vec<String>,
    no_kernel: bool,
    /// This program has the text in its own command line, and is never meant.
    own: u32,
}

impl From<&Selection> for Filter {
    fn from(selection: &Selection) -> Self {
        Self {
            text: selection
                .text
                .iter()
                .map(|text| text.to_ascii_lowercase().into_bytes())
                .collect(),
            users: selection.user.clone(),
            states: selection.state.clone(),
            ports: Vec::new(),
            pids: selection.pid.clone(),
            families: selection.families,
            pools: selection.pool.clone(),
            no_kernel: selection.no_kernel,
            own: std::process::id(),
        }
    }
}

impl Filter {
    /// Those of them that have a socket bound to any of these ports, if any are named.
    pub(crate) fn with_ports(self, ports: &[u16]) -> Self {
        Self { ports: ports.to_owned(), ..self }
    }

    /// Whether `row` is to be seen.
    pub(crate) fn passes(&self, row: &Row) -> bool {
        let user = |user: &String| row.user == user.as_str() || user.parse() == Ok(row.user_id);
        any(&self.pids, |&pid| pid == row.pid())
            && any(&self.users, user)
            && any(&self.states, |state| state == row.state)
            && any(&self.ports, |port| row.ports.contains(port))
            && any(&self.pools, |pool| row.works_for(pool))
            && (!self.families || row.role.is_some())
            && !(self.no_kernel && row.is_kernel)
            && any(&self.text, |text| row.mentions(text) && row.pid() != self.own)
    }

    /// What has to be known of processes.
    pub(crate) fn needs(&self) -> Vec<Need> {
        let kinds = [
            (!self.text.is_empty(), Need::Command),
            (!self.ports.is_empty(), Need::Ports),
            (self.families || !self.pools.is_empty(), Need::Role),
        ];
        kinds.into_iter().filter(|kind| kind.0).map(|kind| kind.1).collect()
    }
}

fn any<T>(wanted: &[T], fits: impl FnMut(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(fits)
}

impl Row {
    /// Whether it is a worker of a pool with such a name.
    fn works_for(&self, pattern: &str) -> bool {
        let job = self.role.as_ref().and_then(|role| role.job.as_ref());
        job.is_some_and(|job| matches_pattern(pattern.as_bytes(), job.pool.as_bytes()))
    }

    /// Whether `text`, in lower case, is in the name, the command line or the role.
    pub(crate) fn mentions(&self, text: &[u8]) -> bool {
        let role = self.role.iter().map(|role| role.name.as_bytes());
        let command = self.command.join(OsStr::new(" "));
        let mut places = [self.name.as_bytes(), command.as_bytes()].into_iter().chain(role);
        text.is_empty() || places.any(|place| contains(&place.to_ascii_lowercase(), text))
    }
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Identity;

    fn row() -> Row {
        Row {
            identity: Identity { pid: 7, start_ticks: 1 },
            name: "python3".into(),
            command: vec!["python3".into(), "-m".into(), "Server".into()],
            user: "ada".into(),
            user_id: 1000,
            state: "sleeping",
            ports: vec![80],
            ..Row::default()
        }
    }

    #[test]
    fn every_kind_of_condition_has_to_fit_with_any_of_its_values() {
        let fits = |selection: Selection| Filter::from(&selection).passes(&row());
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        assert!(fits(Selection::default()));
        assert!(fits(Selection { text: texts(&["nothing", "-M SERV"]), ..Selection::default() }));
        let ada = Selection { user: texts(&["1000"]), ..Selection::default() };
        assert!(Filter::from(&ada).with_ports(&[1, 80]).passes(&row()));
        assert!(!Filter::from(&ada).with_ports(&[81]).passes(&row()));
        let bob = Selection { user: texts(&["bob"]), ..Selection::default() };
        assert!(!Filter::from(&bob).with_ports(&[80]).passes(&row()));
        assert!(!fits(Selection { state: texts(&["zombie"]), ..Selection::default() }));
        assert!(!fits(Selection { pid: vec![8], ..Selection::default() }));
        assert!(!fits(Selection { families: true, ..Selection::default() }));
        assert!(!fits(Selection { pool: texts(&["*"]), ..Selection::default() }));
        assert!(fits(Selection { no_kernel: true, ..Selection::default() }));
    }
}
