//! Conversions between types of values (CST-4, MUT-3).
