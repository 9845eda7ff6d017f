//! CPU time of a process, from `/proc` (Linux); elsewhere there is none to tell.
use std::{fs, time::Duration};

/// Length of one tick in `/proc/<pid>/stat`: `USER_HZ` is 100 in the interface that Linux shows to programs.
const TICK: Duration = Duration::from_millis(10);

/// User plus system time that a process and its threads have used so far. `None` if it cannot be read.
pub fn cpu_time(process: &str) -> Option<Duration> {
    parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// The fields `utime` and `stime`: 14th and 15th, counted after the command name, which may contain blanks.
fn parse(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u32>().ok()? + fields.next()?.parse::<u32>().ok()?;
    Some(TICK * ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_brackets_in_the_command_name_do_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 500 0 1 0 150 50 0 0 20 0 4 0 100";
        assert_eq!(parse(stat), Some(Duration::from_secs(2)));
        assert_eq!(parse("7 (a) S 1"), None);
    }
}
