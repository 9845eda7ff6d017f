"""The cold RPCs, one file per noun; `table` lists them.

A handler takes (services, call, request) and returns the reply or raises RpcError.
"""
