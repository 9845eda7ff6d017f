//! JSON text (VAL-2).
