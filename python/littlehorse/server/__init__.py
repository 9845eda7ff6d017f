"""The server process: composition root, settings, metadata, cold RPCs. `app` starts it, `rpc/table` lists what it answers."""
