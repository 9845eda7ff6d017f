"""The server process: composition root (`app`), settings (`config`), metadata, cold RPCs (`rpc/table` lists them)."""
