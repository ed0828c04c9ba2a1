//! What a child is told at birth. Pure: values to bytes and back.

use crate::environment::{Variables, os_string};
use crate::policy::{OnParentDeath, StartMethod};
use crate::roster::{Identity, Ticket};
use crate::wire::{Putter, Taker};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What the new process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// To run one call.
    Worker,
    /// To fork on request.
    ForkServer,
}

/// What a new process has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Birth {
    pub(crate) role: Role,
    pub(crate) name: String,
    /// How the default names come about: child 2 of child 1 is `[1, 2]`.
    pub(crate) lineage: Vec<u32>,
    pub(crate) daemon: bool,
    pub(crate) method: StartMethod,
    /// What its own children start by unless they say otherwise.
    pub(crate) default_method: StartMethod,
    pub(crate) on_parent_death: OnParentDeath,
    pub(crate) parent: Identity,
    pub(crate) parent_name: String,
    pub(crate) ticket: Ticket,
    /// The fork server that its own children may ask.
    pub(crate) server: Option<ServerFacts>,
    pub(crate) surroundings: Surroundings,
    pub(crate) call: Vec<u8>,
}

/// What the members know of the fork server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerFacts {
    pub(crate) pid: u32,
    /// The fingerprint of its environment: a child is told its environment only when it differs.
    pub(crate) environment: u64,
}

/// What a forked copy does not inherit from the process that asked for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    pub(crate) directory: Option<PathBuf>,
    /// `None` when it is the fork server's.
    pub(crate) environment: Option<Variables>,
}

impl Birth {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Putter::default();
        out.number(u64::from(self.role == Role::ForkServer)).bytes(self.name.as_bytes());
        out.number(self.lineage.len() as u64);
        for number in &self.lineage {
            out.number((*number).into());
        }
        out.number(self.daemon.into()).number(self.method as u64);
        out.number(self.default_method as u64).number(self.on_parent_death as u64);
        out.number(self.parent.pid.into()).number(self.parent.seen);
        out.bytes(self.parent_name.as_bytes()).number(self.ticket.to_number());
        let server = self.server.unwrap_or(ServerFacts { pid: 0, environment: 0 });
        out.number(self.server.is_some().into());
        out.number(server.pid.into()).number(server.environment);
        self.surroundings.encode(&mut out);
        out.bytes(&self.call);
        out.0
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Taker(bytes);
        let input = &mut input;
        Some(Self {
            role: if input.number()? == 0 { Role::Worker } else { Role::ForkServer },
            name: input.text()?,
            lineage: take_lineage(input)?,
            daemon: input.number()? != 0,
            method: StartMethod::from_number(input.small()?)?,
            default_method: StartMethod::from_number(input.small()?)?,
            on_parent_death: OnParentDeath::from_number(input.small()?)?,
            parent: Identity { pid: input.small()?, seen: input.number()? },
            parent_name: input.text()?,
            ticket: Ticket::from_number(input.number()?),
            server: take_server(input).ok()?,
            surroundings: Surroundings::decode(input)?,
            call: input.bytes()?.to_vec(),
        })
    }
}

fn take_lineage(input: &mut Taker<'_>) -> Option<Vec<u32>> {
    let len = input.number()?;
    (0..len).map(|_| input.small()).collect()
}

/// `Err` when the input ends too early.
fn take_server(input: &mut Taker<'_>) -> Result<Option<ServerFacts>, ()> {
    let is_there = input.number().ok_or(())? != 0;
    let pid = input.small().ok_or(())?;
    let environment = input.number().ok_or(())?;
    Ok(is_there.then_some(ServerFacts { pid, environment }))
}

impl Surroundings {
    fn encode(&self, out: &mut Putter) {
        let directory = self.directory.as_ref().map(|path| path.as_os_str().as_bytes());
        out.number(directory.is_some().into()).bytes(directory.unwrap_or_default());
        out.number(self.environment.is_some().into());
        let variables = self.environment.as_deref().unwrap_or_default();
        out.number(variables.len() as u64);
        for (name, value) in variables {
            out.bytes(name.as_bytes()).bytes(value.as_bytes());
        }
    }

    fn decode(input: &mut Taker<'_>) -> Option<Self> {
        let has_directory = input.number()? != 0;
        let directory = PathBuf::from(os_string(input.bytes()?));
        let has_environment = input.number()? != 0;
        let len = input.number()?;
        let variables: Option<Variables> = (0..len)
            .map(|_| Some((os_string(input.bytes()?), os_string(input.bytes()?))))
            .collect();
        let variables = variables?;
        Some(Self {
            directory: has_directory.then_some(directory),
            environment: has_environment.then_some(variables),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn birth() -> Birth {
        Birth {
            role: Role::Worker,
            name: "Process-1:2".into(),
            lineage: vec![1, 2],
            daemon: true,
            method: StartMethod::Spawn,
            default_method: StartMethod::Fork,
            on_parent_death: OnParentDeath::Terminate,
            parent: Identity { pid: 5, seen: 6 },
            parent_name: "Process-1".into(),
            ticket: Ticket::from_number(77),
            server: Some(ServerFacts { pid: 3, environment: 4 }),
            surroundings: Surroundings {
                directory: Some("/tmp".into()),
                environment: Some(vec![("A".into(), "B".into())]),
            },
            call: vec![1, 2, 3],
        }
    }

    #[test]
    fn arrives_as_it_was_sent() {
        for role in [Role::Worker, Role::ForkServer] {
            for surroundings in [birth().surroundings, Surroundings::default()] {
                let birth = Birth { role, surroundings, ..birth() };
                assert_eq!(Birth::decode(&birth.encode()), Some(birth));
            }
        }
    }

    #[test]
    fn a_part_of_it_is_refused() {
        let bytes = birth().encode();
        for len in 0..bytes.len() {
            assert_eq!(Birth::decode(&bytes[..len]), None, "{len} of {} bytes", bytes.len());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            Birth::decode(&bytes);
        }
    }
}
