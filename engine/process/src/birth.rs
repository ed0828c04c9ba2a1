//! What a child is told at birth, beside its call. Pure: values to bytes and back.

use crate::environment::{Variables, os_string};
use crate::policy::{OnParentDeath, StartMethod};
use crate::roster::{Identity, Ticket};
use crate::wire::{Putter, Taker};
use polyproc_shm::Content;
use std::os::unix::ffi::OsStrExt;

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
    /// For a forked copy, when it is not the environment of what it is a copy of.
    pub(crate) environment: Option<Variables>,
    /// For an executed child: whether the file of the family's arena is the first descriptor beside
    /// the record. The front's own follow.
    pub(crate) has_memory: bool,
}

/// What the members know of the fork server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerFacts {
    pub(crate) pid: u32,
    /// The fingerprint of its environment: a child is told its environment only when it differs.
    pub(crate) environment: u64,
    /// As whom it acts: see [`polyproc_sys::fork::authority`].
    pub(crate) authority: (u32, u32),
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
        let server = self.server.unwrap_or_default();
        out.number(self.server.is_some().into());
        out.number(server.pid.into()).number(server.environment);
        out.number(server.authority.0.into()).number(server.authority.1.into());
        put_environment(&mut out, self.environment.as_ref());
        out.number(self.has_memory.into());
        out.0
    }

    /// A birth record, and the call behind it.
    pub(crate) fn receive(body: Content) -> Option<(Self, Content)> {
        let mut input = Taker(&body);
        let birth = Self::decode(&mut input)?;
        let len = body.len() - input.0.len();
        Some((birth, body.without_first(len)))
    }

    fn decode(input: &mut Taker<'_>) -> Option<Self> {
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
            environment: take_environment(input).ok()?,
            has_memory: input.number()? != 0,
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
    let authority = (input.small().ok_or(())?, input.small().ok_or(())?);
    Ok(is_there.then_some(ServerFacts { pid, environment, authority }))
}

fn put_environment(out: &mut Putter, environment: Option<&Variables>) {
    out.number(environment.is_some().into());
    let variables = environment.map(Vec::as_slice).unwrap_or_default();
    out.number(variables.len() as u64);
    for (name, value) in variables {
        out.bytes(name.as_bytes()).bytes(value.as_bytes());
    }
}

/// `Err` when the input ends too early.
fn take_environment(input: &mut Taker<'_>) -> Result<Option<Variables>, ()> {
    let is_there = input.number().ok_or(())? != 0;
    let len = input.number().ok_or(())?;
    let mut take = || Some((os_string(input.bytes()?), os_string(input.bytes()?)));
    let variables = (0..len).map(|_| take()).collect::<Option<Variables>>().ok_or(())?;
    Ok(is_there.then_some(variables))
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
            server: Some(ServerFacts { pid: 3, environment: 4, authority: (5, 6) }),
            environment: Some(vec![("A".into(), "B".into())]),
            has_memory: true,
        }
    }

    #[test]
    fn arrives_as_it_was_sent() {
        for role in [Role::Worker, Role::ForkServer] {
            for environment in [birth().environment, None] {
                let birth = Birth { role, environment, ..birth() };
                let body = [birth.encode(), vec![1, 2, 3]].concat();
                let (arrived, call) = Birth::receive(body.into()).unwrap();
                assert_eq!((arrived, &*call), (birth, &[1, 2, 3][..]));
            }
        }
    }

    #[test]
    fn a_part_of_it_is_refused() {
        let bytes = birth().encode();
        for len in 0..bytes.len() {
            let part = Birth::receive(bytes[..len].to_vec().into());
            assert!(part.is_none(), "{len} of {} bytes", bytes.len());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            Birth::receive(bytes.into());
        }
    }
}
