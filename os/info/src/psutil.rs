//! Where each of psutil's names is.
//!
//! All public names of psutil 7.2.2 for Linux, and what to write here instead; `cargo xtask facts` fails when
//! one is missing. What psutil answers with named tuples are structs here; amounts are the same, times are
//! [`Duration`](std::time::Duration) and [`SystemTime`](std::time::SystemTime), names and paths are
//! [`OsString`](std::ffi::OsString) and [`PathBuf`](std::path::PathBuf). What psutil remembers between two calls
//! for the whole program is a value here: a meter, or a [`Monitor`].
//!
//! # The machine
//!
//! | psutil | here |
//! |---|---|
//! | `cpu_count` | [`System::cpu_count`]: all, cores, and those that this process may use |
//! | `cpu_times` | [`System::cpu_times`], [`System::cpu_times_each`] |
//! | `cpu_percent`, `cpu_times_percent` | [`System::cpu_usage`] over an interval; [`ProcessorMeter`] since its last look. Both: all together and each |
//! | `cpu_freq` | [`System::cpu_frequency_mean`]; with `percpu` [`System::cpu_frequency`] |
//! | `cpu_stats` | [`System::cpu_stats`] |
//! | `getloadavg` | [`System::load_average`] |
//! | `virtual_memory`, `swap_memory` | [`System::virtual_memory`], [`System::swap_memory`] |
//! | `disk_partitions`, `disk_usage` | [`System::disk_partitions`], [`System::disk_usage`] |
//! | `disk_io_counters` | [`DiskMeter::counters`]: the sum and each disk; `cache_clear` is a new meter. With `nowrap=False` [`System::disk_io_total`] and [`System::disk_io_counters`] |
//! | `net_io_counters` | [`NetworkMeter::counters`]; with `nowrap=False` [`System::net_io_total`] and [`System::net_io_counters`] |
//! | `net_if_addrs` | [`System::net_if_addresses`]: a row for each address |
//! | `net_if_stats` | [`System::net_if_states`] |
//! | `net_connections` | [`System::connections`] of [`Kinds`]: [`Kinds::from_name`] knows psutil's names |
//! | `sensors_temperatures` | [`System::temperatures`]: a row for each sensor, in degrees Celsius |
//! | `sensors_fans`, `sensors_battery` | [`System::fans`], [`System::battery`] |
//! | `boot_time`, `users` | [`System::boot_time`], [`System::users`] |
//! | `pids`, `pid_exists` | [`pids`], [`pid_exists`] |
//! | `process_iter` | [`System::snapshot`] with [`Attributes`]: what may not be seen is [`Missing`] in its place (`ad_value`). Again and again: [`Monitor`] |
//! | `wait_procs` | [`wait_all`] |
//! | `heap_info`, `heap_trim` | [`heap()`], [`heap_trim`] |
//! | `PROCFS_PATH` | [`System::at`], for `/sys` and `/etc`, too |
//!
//! # A process
//!
//! | psutil | here |
//! |---|---|
//! | `Process` | [`Process::new`], [`Process::current`]; equal, and the same key, when pid and start are |
//! | `Process.pid`, `Process.is_running` | [`Process::pid`], [`Process::is_running`] |
//! | `Process.as_dict`, `Process.oneshot` | [`Process::facts`]: everything asked for at once |
//! | `Process.name`, `Process.exe`, `Process.cwd`, `Process.terminal` | [`Process::name`], [`Process::exe`], [`Process::cwd`], [`Process::terminal`] |
//! | `Process.cmdline` | [`Process::arguments`]; [`Arguments::split_title`] splits a title as psutil does |
//! | `Process.environ` | [`Process::environment`] |
//! | `Process.status` | [`Process::state`] |
//! | `Process.create_time` | [`Process::create_time`] |
//! | `Process.ppid`, `Process.parent`, `Process.parents`, `Process.children` | [`Process::parent_pid`], [`Process::parent`], [`Process::parents`], [`Process::children`] |
//! | `Process.username`, `Process.uids`, `Process.gids` | [`Process::username`], [`Process::identities`] |
//! | `Process.cpu_times`, `Process.cpu_num` | [`Process::cpu_times`], [`Process::cpu_num`] |
//! | `Process.cpu_percent` | [`Process::cpu_percent`] over an interval; [`CpuMeter`] since its last look |
//! | `Process.cpu_affinity` | [`Process::affinity`], [`Process::set_affinity`]; with an empty list [`Process::clear_affinity`] |
//! | `Process.nice`, `Process.ionice`, `Process.rlimit` | [`Process::nice`], [`Process::set_nice`]; [`Process::io_priority`], [`Process::set_io_priority`]; [`Process::limit`], [`Process::set_limit`] |
//! | `Process.memory_info` | [`Process::memory`] |
//! | `Process.memory_full_info` | [`Process::memory_detail`] has what it adds to that |
//! | `Process.memory_percent` | [`Process::memory_percent`]; with another `memtype` [`VirtualMemory::percent_of`] |
//! | `Process.memory_maps` | [`Process::mapped_files`]; with `grouped=False` [`Process::memory_maps`] |
//! | `Process.io_counters`, `Process.num_ctx_switches` | [`Process::io_counters`], [`Process::num_ctx_switches`] |
//! | `Process.num_fds`, `Process.open_files` | [`Process::num_fds`], [`Process::open_files`] |
//! | `Process.num_threads`, `Process.threads` | [`Process::num_threads`], [`Process::threads`] |
//! | `Process.net_connections`, `Process.connections` | [`Process::connections`] |
//! | `Process.send_signal`, `Process.terminate`, `Process.kill`, `Process.suspend`, `Process.resume` | [`Process::send_signal`], [`Process::terminate`], [`Process::kill`], [`Process::suspend`], [`Process::resume`] |
//! | `Process.wait` | [`Process::wait`]; [`End::code`] is the number that psutil gives |
//! | `Popen` | [`std::process::Command`], then [`Process::new`] with [`Child::id`](std::process::Child::id) |
//!
//! # Errors
//!
//! | psutil | here |
//! |---|---|
//! | `Error` | [`Error`]; of one attribute of many [`Missing`] |
//! | `NoSuchProcess`, `ZombieProcess`, `AccessDenied` | [`Error::Gone`], [`Error::Zombie`], [`Error::Denied`] |
//! | `TimeoutExpired` | no error: `Ok(None)` of [`Process::wait`], [`Waited::alive`] of [`wait_all`] |
//!
//! # Constants
//!
//! | psutil | here |
//! |---|---|
//! | `STATUS_RUNNING`, `STATUS_SLEEPING`, `STATUS_DISK_SLEEP`, `STATUS_STOPPED`, `STATUS_TRACING_STOP`, `STATUS_ZOMBIE`, `STATUS_DEAD`, `STATUS_WAKING`, `STATUS_IDLE`, `STATUS_PARKED` | [`State`], by the same names |
//! | `STATUS_LOCKED`, `STATUS_WAITING` | none: no state of Linux |
//! | `CONN_ESTABLISHED`, `CONN_SYN_SENT`, `CONN_FIN_WAIT1`, `CONN_FIN_WAIT2`, `CONN_TIME_WAIT`, `CONN_CLOSE`, `CONN_CLOSE_WAIT`, `CONN_LAST_ACK`, `CONN_LISTEN`, `CONN_CLOSING`, `CONN_NONE` | [`ConnectionState`], by the same names |
//! | `CONN_SYN_RECV` | [`ConnectionState::SynReceived`] |
//! | `IOPRIO_CLASS_NONE`, `IOPRIO_CLASS_RT`, `IOPRIO_CLASS_BE`, `IOPRIO_CLASS_IDLE` | [`IoPriority`] |
//! | `RLIMIT_CPU`, `RLIMIT_FSIZE`, `RLIMIT_DATA`, `RLIMIT_STACK`, `RLIMIT_CORE`, `RLIMIT_RSS`, `RLIMIT_NPROC`, `RLIMIT_NOFILE`, `RLIMIT_MEMLOCK`, `RLIMIT_AS`, `RLIMIT_LOCKS`, `RLIMIT_SIGPENDING`, `RLIMIT_MSGQUEUE`, `RLIMIT_NICE`, `RLIMIT_RTPRIO`, `RLIMIT_RTTIME` | [`Resource`], in this order |
//! | `RLIM_INFINITY` | `None` in a [`Limit`] |
//! | `NIC_DUPLEX_FULL`, `NIC_DUPLEX_HALF`, `NIC_DUPLEX_UNKNOWN` | [`Duplex`] |
//! | `AF_LINK` | [`Address::Hardware`] |
//! | `POWER_TIME_UNKNOWN`, `POWER_TIME_UNLIMITED` | `None` of [`Battery::left`]; [`Battery::power`] tells which |
//! | `LINUX`, `POSIX`, `AIX`, `BSD`, `FREEBSD`, `MACOS`, `NETBSD`, `OPENBSD`, `OSX`, `SUNOS`, `WINDOWS` | `cfg!(target_os = "linux")` and its like |
//! | `version_info` | none |

use crate::*;
