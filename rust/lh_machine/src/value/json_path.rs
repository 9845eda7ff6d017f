//! JSONPath (PTH-1, PTH-2).
