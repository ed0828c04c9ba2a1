//! What the help teaches by example. No line is longer than the smallest usual terminal is wide: the help
//! is folded there, which would spoil the columns.

pub(crate) const ALL: &str = "\
Examples:
  polyproc ps                          processes, by processor use
  polyproc ps --port 8080              who has port 8080
  polyproc show 4242                   everything about process 4242
  polyproc net --listening             who listens
  polyproc kill --name 'worker-*'      end by name: ask, wait, then kill
  polyproc wait 4242 && make           go on when it has ended
  polyproc top                         watch all of it

`polyproc COMMAND --help` has more of them for each command.";

pub(crate) const PS: &str = "\
Examples:
  polyproc ps                            all, by processor use over their lives
  polyproc ps -i 1s -n 10                the ten busiest of the next second
  polyproc ps python --sort memory       those of python, largest first
  polyproc ps --user www-data --state running
  polyproc ps --port 443                 who has port 443
  polyproc ps --tree --no-kernel         who started whom
  polyproc ps --families --tree          programs that use polyproc
  polyproc ps --pool resize              the workers of a pool: who is busy
  polyproc ps -c pid,name,threads,open   these columns
  polyproc ps -c +started,terminal       the usual columns and these
  polyproc ps -c help                    which columns there are
  polyproc ps --json | jq '.[] | select(.memory > 1e9) | .pid'
  polyproc ps --csv > processes.csv

The exit code is 1 when no process is what was asked for.";

pub(crate) const SHOW: &str = "\
Examples:
  polyproc show 4242                     everything about it
  polyproc show nginx                    the same, if only one is called so
  polyproc show $$ --only files,sockets  these sections
  polyproc show 4242 --json | jq .threads
  polyproc show 4242 --only environment --csv
  polyproc show 4242 --only pools        what its pools do, if it uses polyproc

What is not yours to see (others' files, environment and so on) is missing,
with a line that says why. With several processes the section `process` is
always there.

The exit code is 1 when there is no such process. Where several have the name
they are listed, none of them is shown, and it is 2.";

pub(crate) const SYS: &str = "\
Examples:
  polyproc sys                           the machine as it is now
  polyproc sys --interval 5s             use and traffic over five seconds
  polyproc sys --all                     also file systems that are on no disk
  polyproc sys --only processor,memory   these sections
  polyproc sys --json | jq .memory.available";

pub(crate) const NET: &str = "\
Examples:
  polyproc net                           all TCP and UDP sockets
  polyproc net --listening               who waits for connections
  polyproc net --established nginx       whom nginx talks to
  polyproc net --port 5432               who has this port, at either end
  polyproc net --unix --pid 4242         also UNIX sockets, of one process
  polyproc net -l --json | jq -r '.[].local_port'

Sockets of other users' processes are listed without their process unless you
are root.";

pub(crate) const KILL: &str = "\
Examples:
  polyproc kill 4242                     ask to end (SIGTERM), wait 5 s, kill
  polyproc kill 4242 --grace 1m          give it a minute
  polyproc kill 4242 --signal KILL       at once
  polyproc kill 4242 --grace 0           only ask, do not wait
  polyproc kill --tree 4242              with all that it has started
  polyproc kill --name 'worker-*' -n     which would it be?
  polyproc kill --name worker-3 --yes    and do not ask me
  polyproc kill 4242 --signal STOP       suspend; CONT resumes
  polyproc kill 4242 --json              what became of it, for programs

On a terminal it lists those with a name or of a tree first, and asks. It
never hits a later process that got the same pid. Pid 1, this program and
those that started it are spared without --force.

The exit code is 0 when all have ended (or got their signal), 1 when there was
nobody, 3 when one could not be ended, 4 when one still runs.";

pub(crate) const WAIT: &str = "\
Examples:
  polyproc wait 4242                     until it has ended
  polyproc wait 4242 4243 --timeout 10m  both, ten minutes at most
  polyproc wait --any 4242 4243          until one of them has
  polyproc wait $(pgrep make); notify-send done

The exit code is 0 when they have ended, 1 when one was not there to begin
with, 4 when time ran out.";

pub(crate) const TOP: &str = "\
Examples:
  polyproc top                           all processes, busiest first
  polyproc top --tree --sort memory
  polyproc top --user $USER firefox      yours of firefox
  polyproc top --families                programs that use polyproc, with roles
  polyproc top --pool resize             the workers of a pool
  polyproc top --delay 5s                over a slow line
  polyproc top --frames 1 > now.txt      one frame, as text
  polyproc top --json | jq -c .pools     what pools do, look by look

Keys: arrows and page keys move, `s` sorts, `t` tree, `/` filters, `f` finds,
`k` ends a process, `z` suspends and resumes it, `m` shows families that use
polyproc alone, `?` lists all keys, `q` leaves. A program's pools have a line
each, with busy workers, queue and tasks per second.";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  source <(polyproc completions bash)    at once, in this shell; also in zsh

  For good:
  d=~/.local/share/bash-completion/completions; mkdir -p $d
  polyproc completions bash > $d/polyproc
  polyproc completions zsh > ~/.zfunc/_polyproc
  polyproc completions fish > ~/.config/fish/completions/polyproc.fish

For zsh the folder has to be in `fpath` before `compinit` is called.";
