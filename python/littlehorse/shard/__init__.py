"""The store of one shard and how index entries in it are paged; knows nothing about workflows."""
