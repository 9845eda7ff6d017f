//! Run-time results on collections (MUT-16).
