//! Struct and map builders (ASG-8, NEW-4).
