//! The programs that Cargo builds for tests alone.

#![expect(clippy::print_stdout, reason = "tests that can't run say so")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Builds one of them from the same sources as this test: `cargo test --test it` alone would leave an old one in place.
/// None, after a word about it: Cargo can't build it here.
pub fn build(name: &str) -> Option<PathBuf> {
    let folder = std::env::current_exe().unwrap();
    let folder = folder.parent().and_then(Path::parent).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline", "--example", name, "--target-dir"]);
    cargo.arg(folder.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    if cargo.status().is_ok_and(|status| status.success()) {
        return Some(folder.join("examples").join(name));
    }
    println!("SKIPPED: Cargo can't build the example `{name}` here");
    None
}
