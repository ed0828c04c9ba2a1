//! This process as a member of its family: who it is, whose child, and what it holds for its own
//! children.
//!
//! There is one [`Member`] in a process. It comes about at birth (in a child) or with the first call
//! that needs it (in the program itself), and a fork forgets it: the copy is another process.

use crate::birth::Birth;
use crate::error::{PreloadError, StartError};
use crate::handle::Child;
use crate::memory::FamilyMemory;
use crate::policy::StartMethod;
use crate::reaper::Reaper;
use crate::roster::{Entry, Identity, Listing, Roster, Ticket};
use crate::server::Server;
use polyproc_sync::Owner;
use polyproc_sys::clock::Deadline;
use polyproc_sys::fork::{self, ForkLocal};
use polyproc_sys::lifeline::{self, Lifeline};
use polyproc_sys::{moment, poll, stat};
use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

static MEMBER: ForkLocal<Member> = ForkLocal::new();
/// The member's end of its lifeline, which a forked copy must not keep open: the children would
/// outlive their parent for as long as the copy runs.
static LINE_WRITER: AtomicI32 = AtomicI32::new(-1);
static DEFAULT_METHOD: AtomicU8 = AtomicU8::new(StartMethod::ForkServer as u8);
static EXECUTABLE: Mutex<Option<PathBuf>> = Mutex::new(None);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Member {
    identity: Identity,
    name: String,
    lineage: Vec<u32>,
    daemon: bool,
    origin: Option<Origin>,
    roster: &'static Roster,
    memory: &'static FamilyMemory,
    ticket: Option<Ticket>,
    /// These two come about with the first child.
    lifeline: OnceLock<Lifeline>,
    null: OnceLock<File>,
    /// How many children it has started, for their names.
    started: AtomicU32,
    /// Whoever holds a handle keeps a child here, and so does the reaper.
    children: Mutex<Vec<Weak<Child>>>,
    server: Mutex<ServerState>,
    reaper: Reaper,
    is_leaving: AtomicBool,
}

/// Where a child comes from.
#[derive(Debug)]
struct Origin {
    parent: Identity,
    parent_name: String,
    method: StartMethod,
    /// To the parent.
    socket: OwnedFd,
    /// Closed at the other side when the parent is gone.
    line: OwnedFd,
}

/// What a member knows of the family's fork server.
#[derive(Debug, Default)]
pub(crate) struct ServerState {
    pub(crate) server: Option<Arc<Server>>,
    /// What the next fork server runs before it serves.
    pub(crate) preload: Vec<Vec<u8>>,
}

/// What a child inherits for its own children.
#[derive(Debug)]
pub(crate) struct Inheritance {
    pub(crate) roster: &'static Roster,
    pub(crate) memory: &'static FamilyMemory,
    pub(crate) line: OwnedFd,
    pub(crate) server: Option<Server>,
}

/// The member that this process is; the first call makes it the founder of a family.
pub(crate) fn member() -> Result<&'static Member, StartError> {
    match MEMBER.get() {
        Some(member) => Ok(member),
        None => install(found()?),
    }
}

/// The member that this process is, if it is one yet.
pub(crate) fn existing() -> Option<&'static Member> {
    MEMBER.get()
}

/// Makes this process, a new child, a member.
pub(crate) fn join(
    birth: &Birth,
    socket: OwnedFd,
    inheritance: Inheritance,
) -> Result<&'static Member, StartError> {
    DEFAULT_METHOD.store(birth.default_method as u8, Ordering::Relaxed);
    let member = Member {
        name: birth.name.clone(),
        lineage: birth.lineage.clone(),
        daemon: birth.daemon,
        origin: Some(Origin {
            parent: birth.parent,
            parent_name: birth.parent_name.clone(),
            method: birth.method,
            socket,
            line: inheritance.line,
        }),
        ticket: Some(birth.ticket),
        ..blank(inheritance.roster, inheritance.memory)
    };
    if let Some(server) = inheritance.server {
        member.server().server = Some(Arc::new(server));
    }
    // A program that asked who it is before it came to `init` has founded a family of its own.
    MEMBER.forget();
    install(member)
}

/// Makes this process the family's fork server. It has no parent here, since each of its copies
/// joins with its own.
pub(crate) fn join_server(
    birth: &Birth,
    roster: &'static Roster,
    memory: &'static FamilyMemory,
) -> Result<(), StartError> {
    let member = Member {
        name: birth.name.clone(),
        daemon: birth.daemon,
        ticket: Some(birth.ticket),
        ..blank(roster, memory)
    };
    install(member).map(drop)
}

fn found() -> Result<Member, StartError> {
    let roster = Roster::create()
        .map_err(|source| StartError::system("set up the family's memory", source))?;
    let mut member = blank(Box::leak(Box::new(roster)), FamilyMemory::found());
    let entry = Entry {
        name: &member.name,
        parent: Identity { pid: 0, seen: 0 },
        method: None,
        daemon: false,
        fork_server: false,
    };
    member.ticket = member.roster.claim(&entry);
    if let Some(ticket) = member.ticket {
        member.roster.run(ticket);
    }
    Ok(member)
}

fn blank(roster: &'static Roster, memory: &'static FamilyMemory) -> Member {
    Member {
        identity: Identity { pid: std::process::id(), seen: moment::now() },
        name: "MainProcess".into(),
        lineage: Vec::new(),
        daemon: false,
        origin: None,
        roster,
        memory,
        ticket: None,
        lifeline: OnceLock::new(),
        null: OnceLock::new(),
        started: AtomicU32::new(0),
        children: Mutex::default(),
        server: Mutex::default(),
        reaper: Reaper::default(),
        is_leaving: AtomicBool::new(false),
    }
}

/// Of two threads that come here at once, one's member stays.
fn install(member: Member) -> Result<&'static Member, StartError> {
    static HOOKS: OnceLock<()> = OnceLock::new();
    get_or_make(&HOOKS, || fork::at_fork_in_child(forget))
        .map_err(|source| StartError::system("register what a fork does", source))?;
    Ok(MEMBER.set(Box::new(member)))
}

/// In a forked copy: async-signal-safe, as only atomics and one `close` are.
extern "C" fn forget() {
    MEMBER.forget();
    OWN_THREADS.store(0, Ordering::Release);
    let writer = LINE_WRITER.swap(-1, Ordering::AcqRel);
    if writer >= 0 {
        lifeline::close_copy(writer);
    }
}

impl Member {
    pub(crate) fn pid(&self) -> u32 {
        self.identity.pid
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn daemon(&self) -> bool {
        self.daemon
    }

    pub(crate) fn roster(&self) -> &'static Roster {
        self.roster
    }

    pub(crate) fn memory(&self) -> &'static FamilyMemory {
        self.memory
    }

    /// The process that started this one, unless it is gone.
    pub(crate) fn living_parent(&self) -> Option<Owner> {
        let parent = &self.origin.as_ref()?.parent;
        let stat = stat::read(parent.pid).ok().flatten()?;
        let is_same = stat::is_running_since(parent.pid, parent.seen);
        is_same.then(|| Owner::new(parent.pid, stat.start_ticks))
    }

    /// The way to the parent.
    pub(crate) fn socket(&self) -> Option<&OwnedFd> {
        self.origin.as_ref().map(|origin| &origin.socket)
    }

    /// For a new child: its end of what this member's children depend on.
    pub(crate) fn dependent_end(&self) -> Result<OwnedFd, StartError> {
        let make = || {
            let line = get_or_make(&self.lifeline, Lifeline::new)?;
            LINE_WRITER.store(line.writer(), Ordering::Release);
            line.dependent_end()
        };
        make().map_err(|source| {
            StartError::system("tie a process to its parent (is /proc mounted?)", source)
        })
    }

    pub(crate) fn null(&self) -> Result<&File, StartError> {
        get_or_make(&self.null, || File::options().read(true).write(true).open("/dev/null"))
            .map_err(|source| StartError::system("open /dev/null", source))
    }

    /// The fork server of the process that this one is a copy of.
    pub(crate) fn server_of_copy(&self) -> Option<Server> {
        // A copy has one thread. If another held this lock when the copy was made, it stays locked.
        let state = self.server.try_lock().ok()?;
        let server = state.server.as_ref()?;
        let client = server.client().try_clone_to_owned().ok()?;
        Some(Server::inherited(client, server.facts()))
    }

    pub(crate) fn server(&self) -> MutexGuard<'_, ServerState> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the fork server, if this process started it.
    pub(crate) fn stop_server(&self) {
        let server = self.server().server.take();
        if let Some(server) = server {
            server.stop();
        }
    }

    /// The lineage of the next child.
    pub(crate) fn next_lineage(&self) -> Vec<u32> {
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        self.lineage.iter().copied().chain([number]).collect()
    }

    /// From now on no more children are started.
    pub(crate) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Release);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Acquire)
    }

    pub(crate) fn adopt_child(&self, child: &Arc<Child>) {
        let mut children = self.lock_children();
        children.retain(|other| other.strong_count() > 0);
        children.push(Arc::downgrade(child));
    }

    /// The children that run. The list's lock is not held while they are asked.
    pub(crate) fn children(&self) -> Vec<Arc<Child>> {
        let children: Vec<_> = self.lock_children().iter().filter_map(Weak::upgrade).collect();
        children.into_iter().filter(|child| child.poll().is_none()).collect()
    }

    fn lock_children(&self) -> MutexGuard<'_, Vec<Weak<Child>>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of two threads that come here at once, one's value stays.
fn get_or_make<T>(cell: &OnceLock<T>, make: impl FnOnce() -> io::Result<T>) -> io::Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}

/// The calling process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// `MainProcess`, or the name that it was started under.
    pub name: String,
    /// Its pid.
    pub pid: u32,
    /// Whether it ends with its parent's orderly end.
    pub daemon: bool,
    /// How it was started; `None` for the program itself.
    pub start_method: Option<StartMethod>,
}

/// Who the calling process is.
///
/// # Errors
/// [`StartError`] when the first call in a program cannot set up its family (out of descriptors).
pub fn current() -> Result<Current, StartError> {
    let member = member()?;
    Ok(Current {
        name: member.name.clone(),
        pid: member.pid(),
        daemon: member.daemon,
        start_method: member.origin.as_ref().map(|origin| origin.method),
    })
}

/// The process that started this one.
pub struct Parent {
    origin: &'static Origin,
}

/// The parent, unless this is the program itself.
pub fn parent() -> Option<Parent> {
    MEMBER.get()?.origin.as_ref().map(|origin| Parent { origin })
}

impl fmt::Debug for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parent").field("name", &self.name()).field("pid", &self.pid()).finish()
    }
}

impl Parent {
    /// Its pid, which may be another process's by the time that it is gone.
    pub fn pid(&self) -> u32 {
        self.origin.parent.pid
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.origin.parent_name
    }

    /// Whether it is still there.
    pub fn is_alive(&self) -> bool {
        !poll::is_hung_up(self.origin.line.as_fd())
    }

    /// Whether the kernel will end this process when the parent is gone. Not so for a child that was started to survive
    /// it, nor after something has closed descriptors that are not its own.
    pub fn is_lifeline_armed(&self) -> bool {
        lifeline::is_armed(&self.origin.line)
    }

    /// A descriptor that becomes readable when it is gone.
    pub fn sentinel(&self) -> BorrowedFd<'_> {
        self.origin.line.as_fd()
    }

    /// Waits until it is gone; says whether it is. Only for a child that survives its parent
    /// ([`OnParentDeath`](crate::OnParentDeath)): any other is gone first.
    ///
    /// # Errors
    /// What polling a descriptor may give.
    pub fn wait(&self, deadline: Deadline) -> io::Result<bool> {
        Ok(poll::readable([Some(self.sentinel())], deadline)?[0])
    }
}

/// The children of this process that run.
pub fn active_children() -> Vec<Arc<Child>> {
    MEMBER.get().map(Member::children).unwrap_or_default()
}

/// Lets a child run on without anybody waiting for it: no zombie will be left of it.
pub fn detach(child: &Arc<Child>) {
    if let Some(member) = MEMBER.get()
        && child.is_ours()
        && child.poll().is_none()
    {
        member.reaper.adopt(Arc::clone(child));
    }
}

/// Has the futures that wait for a child woken when it has ended.
pub(crate) fn watch(child: &Arc<Child>) -> io::Result<()> {
    let member = MEMBER.get().ok_or_else(|| io::Error::other("not the process that started it"))?;
    member.reaper.watch(Arc::clone(child))
}

/// All members of this process's family that run, in no order: read from the memory that they
/// share, without asking any of them.
pub fn family() -> Vec<Listing> {
    MEMBER.get().map(|member| member.roster.members()).unwrap_or_default()
}

/// What processes start by that do not say it themselves, here and in the children to come.
pub fn set_start_method(method: StartMethod) {
    DEFAULT_METHOD.store(method as u8, Ordering::Relaxed);
}

/// What [`set_start_method`] said last, here or in a parent.
pub fn start_method() -> StartMethod {
    StartMethod::from_number(DEFAULT_METHOD.load(Ordering::Relaxed)).unwrap_or_default()
}

/// The program file that `spawn` and the fork server execute, instead of this process's own.
pub fn set_executable(path: Option<PathBuf>) {
    *EXECUTABLE.lock().unwrap_or_else(PoisonError::into_inner) = path;
}

pub(crate) fn executable() -> PathBuf {
    let set = EXECUTABLE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // The kernel's name for the file that runs here: also right when it was replaced or deleted.
    set.unwrap_or_else(|| "/proc/self/exe".into())
}

/// Has the fork server run `call` (the front's [`preload`](crate::Front::preload)) before it serves.
///
/// # Errors
/// [`PreloadError::AlreadyRunning`] once the fork server runs.
pub fn set_preload(call: Vec<u8>) -> Result<(), PreloadError> {
    let mut state = member()?.server();
    if let Some(server) = &state.server {
        return Err(PreloadError::AlreadyRunning { pid: server.facts().pid });
    }
    state.preload.push(call);
    Ok(())
}

/// A thread that is polyproc's own: it holds nothing that a forked copy of this process needs.
/// Counted from before it is started until this is dropped.
#[derive(Debug)]
pub struct OwnThread {
    is_entered: bool,
}

static OWN_THREADS: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static IS_OWN: Cell<bool> = const { Cell::new(false) };
}

impl OwnThread {
    /// For a thread that is about to be started, and that is to call [`enter`](Self::enter).
    pub fn announce() -> Self {
        OWN_THREADS.fetch_add(1, Ordering::AcqRel);
        Self { is_entered: false }
    }

    /// The calling thread is meant. A thread has at most one, which stays with it.
    #[must_use]
    pub fn enter(mut self) -> Self {
        IS_OWN.set(true);
        self.is_entered = true;
        self
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        if self.is_entered {
            IS_OWN.set(false);
        }
        OWN_THREADS.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Waits, for a moment, until our own thread is done with what it does for futures.
pub(crate) fn await_quiet() {
    if let Some(member) = MEMBER.get() {
        member.reaper.await_quiet();
    }
}

/// How many threads this process has besides the calling one and polyproc's own.
pub(crate) fn other_threads() -> io::Result<u32> {
    let own = OWN_THREADS.load(Ordering::Acquire) + u32::from(!IS_OWN.get());
    Ok(stat::own_threads()?.saturating_sub(own))
}
