//! Run-time results of operations (section 9.3).
