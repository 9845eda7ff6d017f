//! Numbers and times from and to text (CST-4).
