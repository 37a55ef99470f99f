//! Namespaces with a phone's and a server's side, and between them what is measured.

use std::{
    error::Error,
    fs::File,
    process::Command,
    thread::{self, JoinHandle},
};

use nix::sched::{CloneFlags, setns};

pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The namespaces at the two ends.
pub const ENDS: [&str; 2] = ["phone", "server"];

/// Where bridges are that siprig's rules must not reach.
pub const ELSEWHERE: &str = "elsewhere";

/// Makes the namespaces. What is between the two ends is made by [`path`].
pub fn build() -> Outcome<()> {
    run("mount", "-t tmpfs tmpfs /run")?;
    for end in ENDS.into_iter().chain([ELSEWHERE]) {
        ip(&format!("netns add {end}"))?;
        ip(&format!("-n {end} link set lo up"))?;
    }
    quiet()?;
    ip("link set lo up")
}

/// Two veth pairs whose outer ends are called `name` at phone and server; returns the names of the inner ends, which are here.
pub fn path(name: &str) -> Outcome<[String; 2]> {
    let inner = ENDS.map(|end| format!("{name}-{end}"));
    for (end, inner) in ENDS.iter().zip(&inner) {
        ip(&format!("link add {inner} type veth peer name {name} netns {end}"))?;
        ip(&format!("-n {end} link set {name} up"))?;
        ip(&format!("link set {inner} up"))?;
    }
    Ok(inner)
}

/// The same with the inner ends [elsewhere](ELSEWHERE).
pub fn path_elsewhere(name: &str) -> Outcome<[String; 2]> {
    let inner = path(name)?;
    for inner in &inner {
        ip(&format!("link set {inner} netns {ELSEWHERE}"))?;
        ip(&format!("-n {ELSEWHERE} link set {inner} up"))?;
    }
    Ok(inner)
}

/// A veth pair from end to end.
pub fn wire(name: &str) -> Outcome<()> {
    ip(&format!("-n {} link add {name} type veth peer name {name} netns {}", ENDS[0], ENDS[1]))?;
    ENDS.iter().try_for_each(|end| ip(&format!("-n {end} link set {name} up")))
}

/// A bridge of the kernel between two interfaces that are [elsewhere](ELSEWHERE).
pub fn bridge(name: &str, ports: &[String; 2]) -> Outcome<()> {
    ip(&format!("-n {ELSEWHERE} link add {name} type bridge mcast_snooping 0"))?;
    for port in ports {
        ip(&format!("-n {ELSEWHERE} link set {port} master {name}"))?;
    }
    ip(&format!("-n {ELSEWHERE} link set {name} up"))
}

/// Nobody speaks of his own accord.
fn quiet() -> Outcome<()> {
    let silence = || {
        for which in ["default", "all"] {
            // A kernel without IPv6 has no such file.
            let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6"), "1");
        }
        Ok(())
    };
    silence()?;
    ENDS.iter().try_for_each(|end| there(end, silence))
}

/// Does something in a namespace, on a thread of its own.
pub fn within<T: Send + 'static>(
    end: &'static str,
    work: impl FnOnce() -> Outcome<T> + Send + 'static,
) -> JoinHandle<Outcome<T>> {
    thread::spawn(move || {
        setns(File::open(format!("/run/netns/{end}"))?, CloneFlags::CLONE_NEWNET)?;
        work()
    })
}

/// Does it there and waits for it.
pub fn there<T: Send + 'static>(end: &'static str, work: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<T> {
    within(end, work).join().map_err(|_| "a thread failed")?
}

pub fn ip(arguments: &str) -> Outcome<()> {
    run("ip", arguments).map(|_| ())
}

/// Runs a program to its end; what it said.
pub fn run(program: &str, arguments: &str) -> Outcome<String> {
    let output = Command::new(program).args(arguments.split_whitespace()).output()?;
    if !output.status.success() {
        return Err(format!("{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
