//! The transport server as a child process, so that it has its own runtime and its CPU time can be told apart.
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// A running `lh_load transport-server`; ends when dropped, and also when this process dies (its standard input closes).
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    /// `HOST:PORT` it serves on.
    pub address: String,
}

impl ServerProcess {
    /// Starts it and waits until it serves.
    pub fn start() -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot start the transport server: {error}");
        let program = std::env::current_exe().map_err(failed)?;
        let mut child = Command::new(program)
            .args(["transport-server", "--listen", "127.0.0.1:0", "--exit-with-stdin", "true"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(failed)?;
        }
        match line.trim_end().strip_prefix("ready ") {
            Some(address) => Ok(Self { address: address.to_owned(), child }),
            None => Err(format!("the transport server said '{}' instead of 'ready HOST:PORT'", line.trim_end())),
        }
    }

    /// Its process id.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Either fails only if the child has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
