"""`lh`: the command line. A client of the wire like any other; only `server` starts the server in this process."""
