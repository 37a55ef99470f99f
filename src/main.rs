//! The `siprig` command: parse, call, exit.

fn main() -> std::process::ExitCode {
    siprig::cli::main()
}
