//! The engine: observed records in; derived facts, actions and deadlines out. No clock, no socket, no thread.
