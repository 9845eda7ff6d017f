//! A timer finer than tokio's tick of 1 ms, for the half millisecond between two batches of a busy shard.
//!
//! The only module of the shard with unsafe code: tokio wants a promise about the descriptor that it watches.
#![allow(unsafe_code)]

use std::io;

use crate::ports::Waits;

/// One alarm at a time.
pub enum FineTimer {
    /// A timer of the operating system.
    #[cfg(target_os = "linux")]
    Fine(Timerfd),
    /// As coarse as tokio's: elsewhere than on Linux, and in the simulator.
    Coarse(Option<tokio::time::Instant>),
}

impl FineTimer {
    /// A timer that is not set. Must be called within a tokio runtime with time and, for fine waits, I/O.
    pub fn new(waits: Waits) -> io::Result<Self> {
        match waits {
            #[cfg(target_os = "linux")]
            Waits::Fine => Ok(Self::Fine(Timerfd::new()?)),
            _ => Ok(Self::Coarse(None)),
        }
    }

    /// Sets the alarm to `delay_ns` from now, in place of an earlier one.
    pub fn set(&mut self, delay_ns: u64) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fine(timer) => timer.set(delay_ns),
            Self::Coarse(at) => {
                *at = Some(tokio::time::Instant::now() + std::time::Duration::from_nanos(delay_ns));
                Ok(())
            }
        }
    }

    /// Waits for the alarm; for ever if it is not set.
    pub async fn rang(&mut self) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fine(timer) => timer.rang().await,
            Self::Coarse(at) => {
                match *at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
                *at = None;
                Ok(())
            }
        }
    }
}

/// Linux has timers that are descriptors.
#[cfg(target_os = "linux")]
pub struct Timerfd {
    timer: tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl Timerfd {
    fn new() -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let interest = tokio::io::Interest::READABLE;
        // SAFETY: an `OwnedFd` names the same open descriptor until it is dropped, and `AsyncFd` owns it until then.
        let timer = unsafe { tokio::io::unix::AsyncFd::register_with_interest(timer, interest) }?;
        Ok(Self { timer })
    }

    fn set(&mut self, delay_ns: u64) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let at = |ns: u64| Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 };
        // Zero would switch the alarm off.
        let spec = Itimerspec { it_interval: at(0), it_value: at(delay_ns.max(1)) };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::empty(), &spec)?;
        Ok(())
    }

    async fn rang(&mut self) -> io::Result<()> {
        loop {
            let mut guard = self.timer.readable().await?;
            let read = guard.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0; 8])?));
            if let Ok(read) = read {
                return read.map(|_| ());
            }
        }
    }
}
