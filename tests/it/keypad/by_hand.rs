//! `siprig phone press` and `siprig phone dial` on a bench whose key board is emulated here.

use std::{
    fs,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::process::Command;

use super::{DEAD_MAN_MS, Fault, Rig};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_pressed_by_hand_and_the_pin_is_written_nowhere() {
    let mut rig = Rig::bare(Fault::None);
    let said = siprig(&rig, &["phone", "press", "p1", "1", "2:200ms", "~50ms", "1+2"]).await;
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let unconfirmed = "pressed; unconfirmed, as nothing tells of keys";
    let expected = format!("1: {unconfirmed}\n2:200ms: {unconfirmed}\n~50ms: waited\n1+2: {unconfirmed}\n");
    assert_eq!(text, expected);
    let edges = ["+0.0", "-0.0", "+0.1", "-0.1", "+0.0", "+0.1", "-0.0", "-0.1"];
    assert_eq!(rig.edges(8).await, edges);

    let said = siprig(&rig, &["phone", "dial", "p1", "*{pin}#"]).await;
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(rig.edges(8).await, ["+1.0", "-1.0", "+0.1", "-0.1", "+0.0", "-0.0", "+1.1", "-1.1"]);
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(text.contains("{pin}: pressed") && !text.contains("2: pressed") && !text.contains("1: pressed"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_pressed_by_hand_is_said_before_a_key_is() {
    let mut rig = Rig::bare(Fault::None);
    for (arguments, code, expected) in [
        (&["phone", "press", "p1", "hook"][..], 78, "the key `hook`"),
        (&["phone", "press", "p9", "1"], 2, "the bench has no phone `p9`"),
        (&["phone", "press", "p1", "1:70s"], 2, "no time from 1ms to 60s"),
        (&["phone", "dial", "p1", "12x"], 2, "`x` is not on a key pad"),
    ] {
        let said = siprig(&rig, arguments).await;
        let text = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.code() == Some(code) && text.contains(expected), "{arguments:?}: {said:?}");
    }
    assert_eq!(rig.edges_left(), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_ends_it_lets_go_at_once_and_whoever_kills_it_holds_no_key_longer_than_the_dead_man_allows() {
    let mut rig = Rig::bare(Fault::None);
    let dead_man = Duration::from_millis(u64::from(DEAD_MAN_MS));
    for (signal, within, code) in [
        (Signal::SIGINT, Duration::from_secs(1), Some(130)),
        (Signal::SIGKILL, dead_man + Duration::from_millis(100), None),
    ] {
        let mut child = command(&rig, &["phone", "press", "p1", "1+2:30s"]).stderr(Stdio::null()).spawn().unwrap();
        assert_eq!(rig.edges(2).await, ["+0.0", "+0.1"]);
        let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap());
        let ended = rig.clock.now();
        kill(pid, signal).unwrap();
        assert_eq!(rig.edges(2).await, ["-0.0", "-0.1"]);
        let took = rig.clock.now().since(ended);
        assert!(took <= within, "{signal}: {took:?}");
        assert_eq!(child.wait().await.unwrap().code(), code);
    }
}

async fn siprig(rig: &Rig, arguments: &[&str]) -> Output {
    command(rig, arguments).output().await.unwrap()
}

fn command(rig: &Rig, arguments: &[&str]) -> Command {
    let folder = rig.folder();
    write(folder);
    let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
    command.args(arguments).arg("--bench").arg(folder.join("bench.toml")).env("SIPRIG_STATE", folder.join("state"));
    command
}

fn write(folder: &Path) {
    fs::write(folder.join("pin"), "21\n").unwrap();
    fs::write(
        folder.join("model.toml"),
        "name = \"model\"\n[keys]\n1 = \"0.0\"\n2 = \"0.1\"\nstar = \"1.0\"\npound = \"1.1\"\n",
    )
    .unwrap();
    let bench = "\
[bench]
name = \"by-hand\"
[network]
phone-side = \"p0\"
server-side = \"s0\"
[[server]]
name = \"a\"
role = \"primary\"
addresses = [\"192.0.2.1\"]
[[phone]]
name = \"p1\"
model = \"model.toml\"
mac = \"00:08:5d:23:74:29\"
extension = \"1001\"
pin-file = \"pin\"
keypad = { kind = \"kp1\", port = \"keypad\" }
";
    fs::write(folder.join("bench.toml"), bench).unwrap();
}
