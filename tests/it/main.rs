//! The one integration binary.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that can not go on says so by panicking")]

mod analyze;
mod bridge;
mod cli;
mod config;
mod configure;
mod consoles;
mod discover;
mod docs;
mod drills;
mod examples;
mod first_day;
mod free_seating;
mod hooks;
mod hostile;
mod keypad;
mod lab;
mod layering;
mod learning;
mod net;
mod night_asked;
mod nightly;
mod operator_console;
mod operator_deaths;
mod operator_garbage;
mod operator_hands;
mod operator_load;
mod operator_network;
mod operator_prompts;
mod operator_table;
mod operator_terminal;
mod pbx;
mod peers;
mod phone_console;
mod real_software;
mod real_traffic;
mod registrars;
mod sample;
mod scrub;
mod second_reader;
mod serial_line;
mod torture;
mod virtual_phone;
mod virtual_run;
mod window;
