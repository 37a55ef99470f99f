//! `siprig net` as people use it, on interfaces of a lab, as a user who is root nowhere but in there.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStderr, Command, Output, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::{Lab, OTHER_PORT, SIP_PORT, hosts, register};

mod hang;

/// A folder with bench files and the state directory.
pub struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        desk.bench("lab", "phones", "servers");
        desk
    }

    /// Writes a bench file.
    pub fn bench(&self, name: &str, phone_side: &str, server_side: &str) {
        let text = format!(
            "[bench]\nname = \"{name}\"\n\n[network]\nphone-side = \"{phone_side}\"\nserver-side = \"{server_side}\"\n\n\
             [[server]]\nname = \"a\"\nrole = \"primary\"\naddresses = [\"{}\"]\nservices = {{ sip = [{SIP_PORT}], xml = [80] }}\n\n\
             [[server]]\nname = \"b\"\nrole = \"backup\"\naddresses = [\"{}\"]\n\n\
             [[phone]]\nname = \"p1\"\nmodel = \"aastra-6731i\"\nmac = \"{}\"\naddress = \"{}\"\nextension = \"1001\"\n",
            hosts::SERVER.ip,
            hosts::BACKUP.ip,
            hosts::PHONE_MAC,
            hosts::PHONE.ip
        );
        fs::write(self.path().join(format!("{name}.toml")), text).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &str) -> Command {
        self.siprig(&format!("net {arguments}"))
    }

    pub fn siprig(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
        command.args(arguments.split_whitespace()).current_dir(self.path());
        command.env("SIPRIG_STATE", self.path().join("state")).env_remove("SSH_CONNECTION");
        command
    }

    pub fn net(&self, arguments: &str) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Takes the server away for a second. The kernel takes what the helper had away in its own time.
    fn block(&self) {
        assert_eq!(self.net("block a --bench lab.toml --for 1s").status.code(), Some(0));
        hosts::until_no_port_is_left();
    }

    pub fn start(&self, arguments: &str) -> Held {
        self.start_siprig(&format!("net {arguments}"))
    }

    pub fn start_siprig(&self, arguments: &str) -> Held {
        let mut command = self.siprig(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Held { child, stderr, said: String::new() }
    }

    pub fn show(&self) -> Value {
        let output = self.net("show --bench lab.toml --json");
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// A command that goes on.
pub struct Held {
    child: Child,
    stderr: BufReader<ChildStderr>,
    pub said: String,
}

impl Held {
    /// Waits until it says this.
    pub fn until(&mut self, words: &str) {
        while !self.said.contains(words) {
            let mut line = String::new();
            assert!(self.stderr.read_line(&mut line).unwrap() > 0, "it never said {words:?}: {}", self.said);
            self.said += &line;
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits for its end: exit code, stdout, stderr.
    pub fn end(mut self) -> (Option<i32>, String, String) {
        self.stderr.read_to_string(&mut self.said).unwrap();
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap().code(), out, self.said)
    }
}

/// How many datagrams arrive from phone and from neighbour.
fn arrive(count: usize) -> [usize; 2] {
    [hosts::PHONE, hosts::NEIGHBOUR].map(|from| hosts::udp_delivered(from, hosts::SERVER, OTHER_PORT, count))
}

const IN_FORCE: &str = "canaries are dropped both ways";

#[test]
fn a_server_is_taken_away_by_hand_until_the_time_is_over_and_proven_to_be() {
    in_lab!("net::a_server_is_taken_away_by_hand_until_the_time_is_over_and_proven_to_be", |lab| {
        let desk = Desk::new();
        let mut held = desk.start("block primary --bench lab.toml --for 2s");
        held.until(IN_FORCE);
        assert!(held.said.contains("server a: drop, whole host, for 2s at most\nphones: p1\n"), "{}", held.said);
        assert!(
            held.said.contains("with it, for these phones: xml (80), whatever else is at 10.77.0.2"),
            "{}",
            held.said
        );
        assert!(held.said.contains("canaries pass both ways"), "the control: {}", held.said);
        assert_eq!(arrive(5), [0, 5]);
        let shown = desk.show();
        assert_eq!(shown["held"]["by"]["name"], "siprig net block a");
        assert_eq!(shown["table"]["exists"], true);
        assert!(shown["table"]["helper"].is_u64(), "{shown}");
        let (code, out, said) = held.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(
            out.contains("until its time was over") && out.contains("p1: frames: 5 to the server dropped"),
            "{out}"
        );
        assert!(out.contains("of these 5 not SIP (5 other); first to the server after"), "{out}");
        assert!(said.trim_end().ends_with("canaries pass both ways"), "open again: {said}");
        assert_eq!((arrive(5), lab.tables().as_str()), ([5, 5], ""));
    });
}

#[test]
fn ctrl_c_gives_the_server_back_at_once() {
    in_lab!("net::ctrl_c_gives_the_server_back_at_once", |lab| {
        let desk = Desk::new();
        let mut held = desk.start("block a --bench lab.toml --mode refuse");
        held.until(IN_FORCE);
        assert_eq!(arrive(3), [0, 3]);
        held.signal(Signal::SIGINT);
        let (code, out, said) = held.end();
        assert_eq!(code, Some(130), "{said}");
        assert!(out.starts_with("a: refuse for ") && out.contains("until it was ended"), "{out}");
        assert_eq!((arrive(3), lab.tables().as_str()), ([3, 3], ""));
    });
}

#[test]
fn whoever_kills_it_has_the_server_back_too() {
    in_lab!("net::whoever_kills_it_has_the_server_back_too", |lab| {
        let desk = Desk::new();
        let mut held = desk.start("block a --bench lab.toml");
        held.until(IN_FORCE);
        let stream = hosts::Stream::start(hosts::PHONE, hosts::SERVER, OTHER_PORT, Duration::from_millis(1));
        hosts::settle();
        let killed = Instant::now();
        held.signal(Signal::SIGKILL);
        let after = stream.first_arrival_after(killed);
        stream.stop();
        println!("SIGKILL of `net block` to first frame: {after:?}");
        assert!(after < Duration::from_secs(1), "{after:?}");
        assert_eq!(held.end().0, None);
        assert_eq!(lab.tables(), "");
        assert_eq!(
            desk.net("block a --bench lab.toml --for 1s").status.code(),
            Some(0),
            "nothing is in the way of the next"
        );
    });
}

#[test]
fn one_way_a_part_and_certain_messages_are_taken_and_nothing_else() {
    in_lab!("net::one_way_a_part_and_certain_messages_are_taken_and_nothing_else", |_lab| {
        let desk = Desk::new();
        let deliver = |from, to, port| hosts::udp_delivered(from, to, port, 3);
        let mut held = desk.start("block a --bench lab.toml --scope sip --one-way requests");
        held.until("canaries to the server are dropped, those to the phones pass");
        assert!(held.said.contains("nothing but SIP is touched"), "{}", held.said);
        assert_eq!(deliver(hosts::PHONE, hosts::SERVER, SIP_PORT), 0);
        assert_eq!(deliver(hosts::PHONE, hosts::SERVER, OTHER_PORT), 3);
        held.signal(Signal::SIGTERM);
        assert_eq!(held.end().0, Some(143));

        let mut held = desk.start("block a --bench lab.toml --ports 7000 --transport udp");
        held.until(IN_FORCE);
        assert_eq!(deliver(hosts::PHONE, hosts::SERVER, OTHER_PORT), 0);
        assert_eq!(deliver(hosts::PHONE, hosts::SERVER, SIP_PORT), 3);
        held.signal(Signal::SIGINT);
        assert_eq!(held.end().0, Some(130));

        let mut held = desk.start("block a --bench lab.toml --mode unresolvable");
        held.until("canaries to the server are dropped, those to the phones pass");
        held.signal(Signal::SIGINT);
        assert_eq!(held.end().0, Some(130));

        let mut held = desk.start("block a --bench lab.toml --only method=REGISTER,nth=1");
        held.until("canaries pass, as whatever it does not take");
        for _ in 0..2 {
            hosts::send_udp(hosts::PHONE, hosts::SERVER, SIP_PORT, register(7).as_bytes());
        }
        held.until("first bite: a frame from p1 to the server");
        held.signal(Signal::SIGINT);
        let (code, out, said) = held.end();
        assert_eq!(code, Some(130), "{said}");
        assert!(out.contains("p1: frames: 1 to the server dropped;"), "{out}");
    });
}

#[test]
fn a_path_is_made_bad_by_hand() {
    in_lab!("net::a_path_is_made_bad_by_hand", |_lab| {
        let desk = Desk::new();
        let mut held = desk.start("shape a --bench lab.toml --delay 150ms --duplicate 100%");
        held.until("canaries pass, as whatever it does not take");
        assert!(held.said.contains("server a: 150ms late, 100% twice, whole host"), "{}", held.said);
        let sent = Instant::now();
        assert_eq!(hosts::udp_delivered(hosts::PHONE, hosts::SERVER, OTHER_PORT, 4), 8);
        assert!(sent.elapsed() >= Duration::from_millis(150));
        assert_eq!(arrive(1)[1], 1, "the neighbour's path is as it was");
        held.signal(Signal::SIGINT);
        let (code, out, said) = held.end();
        assert_eq!(code, Some(130), "{said}");
        assert!(out.contains("late") && out.contains("twice"), "{out}");
        assert_eq!(arrive(4), [4, 4]);
    });
}

#[test]
fn a_leak_is_told_at_once_and_makes_the_exit_code_3() {
    in_lab!("net::a_leak_is_told_at_once_and_makes_the_exit_code_3", |lab| {
        let desk = Desk::new();
        let mut held = desk.start("block a --bench lab.toml --for 2s");
        held.until(IN_FORCE);
        hosts::settle();
        lab.send_past_the_bridge("servers", b"by another way");
        held.until("LEAK: a frame from p1 to the server passed");
        let (code, out, said) = held.end();
        assert_eq!(code, Some(3), "{said}");
        assert!(out.contains("1 LEAKED") && out.contains("FAULT: LEAK"), "{out}");
    });
}

#[test]
fn everyone_is_who_is_heard_and_never_a_protected_device() {
    in_lab!("net::everyone_is_who_is_heard_and_never_a_protected_device", |_lab| {
        let desk = Desk::new();
        assert_eq!(desk.net("block a --bench lab.toml --for 1s").status.code(), Some(0), "the sides are joined");
        let output = desk.net("block a --bench lab.toml --everyone");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("--everyone asks before"), "{said}");

        let everyone = |protected: bool| {
            if protected {
                let file = desk.path().join("lab.toml");
                let line = format!("[network]\nprotected = [\"{}\"]", hosts::NEIGHBOUR_MAC);
                fs::write(&file, fs::read_to_string(&file).unwrap().replace("[network]", &line)).unwrap();
            }
            let stream = hosts::Stream::start(hosts::NEIGHBOUR, hosts::SERVER, OTHER_PORT, Duration::from_millis(20));
            let mut held = desk.start("block a --bench lab.toml --everyone --yes");
            held.until(IN_FORCE);
            stream.stop();
            let arrived = arrive(3);
            held.signal(Signal::SIGINT);
            (arrived, held.end().2)
        };
        let (arrived, said) = everyone(false);
        assert_eq!(arrived, [0, 0], "{said}");
        assert!(said.contains(&format!("{} at 10.77.0.12, ", hosts::NEIGHBOUR_MAC)), "{said}");
        assert!(said.contains(&format!("phones: p1, {}", hosts::NEIGHBOUR_MAC)), "{said}");
        let (arrived, said) = everyone(true);
        assert_eq!(arrived, [0, 3], "{said}");
        assert!(!said.contains(hosts::NEIGHBOUR_MAC), "{said}");
    });
}

#[test]
fn a_path_that_is_not_open_is_not_cut() {
    in_lab!("net::a_path_that_is_not_open_is_not_cut", |lab| {
        let desk = Desk::new();
        assert_eq!(desk.net("block a --bench lab.toml --for 1s").status.code(), Some(0));
        // Somebody else's filter on the bridge.
        hosts::nft("add table bridge lab");
        hosts::nft("add chain bridge lab forward { type filter hook forward priority 0; policy drop; }");
        let output = desk.net("block a --bench lab.toml --for 2s");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("a canary from p1 to the server did not come through"), "{said}");
        assert!(said.contains("the path is not open; check the cabling"), "{said}");
        assert!(!said.contains("is taken away") && output.stdout.is_empty(), "{said}");
        assert_eq!(lab.tables(), "table bridge lab\n");
    });
}

#[test]
fn two_benches_that_share_an_interface_exclude_each_other_whichever_way_round_it_is_named() {
    in_lab!("net::two_benches_that_share_an_interface_exclude_each_other_whichever_way_round_it_is_named", |lab| {
        let desk = Desk::new();
        desk.bench("turned", "servers", "phones");
        hosts::ip("link add third type veth peer name fourth");
        desk.bench("half", "third", "phones");
        desk.bench("apart", "third", "fourth");
        let mut held = desk.start("block a --bench lab.toml");
        held.until(IN_FORCE);
        let before = lab.links();
        for (bench, interface) in [("turned", "phones"), ("half", "phones")] {
            let output = desk.net(&format!("block a --bench {bench}.toml --for 1s"));
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(75), "{said}");
            assert!(
                said.contains(&format!("the interface {interface} is in use by siprig net block a (process")),
                "{said}"
            );
        }
        assert_eq!(lab.links(), before, "nothing was touched");
        let output = desk.net("show --bench apart.toml --json");
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(shown["held"], Value::Null, "another pair is free");
        held.signal(Signal::SIGINT);
        assert_eq!(held.end().0, Some(130));
    });
}

#[test]
fn the_two_sides_are_shown_as_they_are_and_leftovers_are_named() {
    in_lab!("net::the_two_sides_are_shown_as_they_are_and_leftovers_are_named", |lab| {
        let desk = Desk::new();
        let before = (lab.links(), lab.tables());
        let output = desk.net("show --bench lab.toml");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.starts_with("bench    lab\nphones   phones: switched off, MTU 1500, "), "{text}");
        assert!(
            text.contains(
                "\nbridge   siprig0: not there\noutages  none: nobody takes anything away\nin use   by nobody\n"
            ),
            "{text}"
        );
        assert_eq!((lab.links(), lab.tables()), before, "nothing was changed");

        assert_eq!(desk.net("block a --bench lab.toml --for 1s").status.code(), Some(0));
        let shown = desk.show();
        assert_eq!((&shown["schema"], &shown["phone_side"]["port_of"]), (&"siprig.net/1".into(), &"siprig0".into()));
        assert!(shown["bridge"]["made_by_siprig"].is_string(), "{shown}");
        assert_eq!(shown["bridge"]["ports"], serde_json::json!(["phones", "servers"]));
        assert_eq!((&shown["left"], &shown["held"]), (&serde_json::json!([]), &Value::Null));

        hosts::ip("link add siprig-99999 type veth peer name other");
        hosts::ip("link set phones nomaster");
        hosts::ip("link set servers nomaster");
        hosts::nft("add table bridge siprig-br-old");
        let left = desk.show()["left"].to_string();
        assert!(left.contains("siprig-99999, a port for canaries whose helper is gone"), "{left}");
        assert!(left.contains("siprig0, a bridge without ports"), "{left}");
        assert!(left.contains("an outage table for br-old, which nobody owns"), "{left}");
        hosts::ip("link delete servers");
        assert_eq!(desk.show()["server_side"]["exists"], false);
    });
}

#[test]
fn what_was_changed_is_put_back_and_what_siprig_made_is_removed_when_that_is_wanted() {
    in_lab!("net::what_was_changed_is_put_back_and_what_siprig_made_is_removed_when_that_is_wanted", |lab| {
        let desk = Desk::new();
        let before = lab.links();
        hosts::offload("phones", true);
        desk.block();
        assert!(!hosts::has_offload("phones"), "frames that are glued together do not fit through the other side");
        let changed = desk.show()["changed"].clone();
        assert_eq!((&changed[0]["interface"], &changed[0]["was_on"]), (&"phones".into(), &true.into()), "{changed}");
        assert_eq!(changed[0]["setting"], "generic-receive-offload");
        // A second time nothing needs to be changed, and what was changed is not forgotten.
        desk.block();
        assert_eq!(desk.show()["changed"], changed);
        hosts::ip("link add siprig-99999 type veth peer name other");

        let output = desk.net("restore --bench lab.toml");
        let (out, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(
            out,
            "phones: generic-receive-offload is on again\nkept: siprig-99999, siprig0; --yes removes them\n"
        );
        assert!(said.contains("without siprig0 nothing passes between phones and servers"), "{said}");
        assert!(hosts::has_offload("phones"));
        assert_eq!(arrive(3), [3, 3], "the bridge stays where nobody can be asked");

        let output = desk.net("restore --bench lab.toml --yes");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "siprig-99999 is removed\nsiprig0 is removed\n");
        let now: Vec<String> = lab.links().iter().map(|link| link.replace(",UP,LOWER_UP", "")).collect();
        assert_eq!(now.len(), before.len(), "{now:?}");
        assert!(!now.iter().any(|link| link.contains("siprig") || link.contains("master")), "{now:?}");
        let left: Vec<_> = desk.path().join("state").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.iter().all(|path| path.extension().is_some_and(|ending| ending == "lock")), "{left:?}");
        assert_eq!(desk.net("restore --bench lab.toml --yes").stdout, b"nothing is to be put back\n");
    });
}

#[test]
fn a_bridge_that_was_there_or_that_somebody_else_uses_is_never_removed() {
    in_lab!("net::a_bridge_that_was_there_or_that_somebody_else_uses_is_never_removed", |_lab| {
        let desk = Desk::new();
        let restore = |because: &str| {
            let output = desk.net("restore --bench lab.toml --yes");
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(
                (output.status.code(), output.stdout.as_slice()),
                (Some(0), &b"nothing is to be put back\n"[..])
            );
            assert!(said.contains(&format!("siprig0: {because}; it stays")), "{said}");
            assert_eq!(arrive(2), [2, 2]);
        };
        hosts::ip("link add siprig0 type bridge");
        desk.block();
        restore("siprig did not make it, as far as is noted");

        hosts::ip("link delete siprig0");
        desk.block();
        hosts::ip("address add 10.99.0.1/24 dev siprig0");
        restore("it has the address 10.99.0.1");
        hosts::ip("address delete 10.99.0.1/24 dev siprig0");
        hosts::ip("link add third type veth peer name fourth");
        hosts::ip("link set third master siprig0");
        restore("third is a port of it");
        hosts::ip("link delete third");
        hosts::ip("link add link siprig0 name upper type macvlan");
        restore("upper is made on it");
        hosts::ip("link delete upper");
        assert_eq!(desk.net("restore --bench lab.toml --yes").stdout, b"siprig0 is removed\n");
    });
}

#[test]
fn nothing_is_put_back_under_the_feet_of_somebody_who_works_with_it() {
    in_lab!("net::nothing_is_put_back_under_the_feet_of_somebody_who_works_with_it", |_lab| {
        let desk = Desk::new();
        let mut held = desk.start("block a --bench lab.toml");
        held.until(IN_FORCE);
        let output = desk.net("restore --bench lab.toml --yes");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(75), "{said}");
        assert!(said.contains("is in use by siprig net block a"), "{said}");
        // Whoever has another state directory, as another user has, is stopped by the outage table.
        let mut other = desk.command("restore --bench lab.toml --yes");
        let elsewhere = desk.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let notes = fs::read_dir(desk.path().join("state")).unwrap().map(|entry| entry.unwrap().path());
        let notes = notes.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
        for path in notes {
            fs::copy(&path, elsewhere.join(path.file_name().unwrap())).unwrap();
        }
        let output = other.env("SIPRIG_STATE", &elsewhere).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(75), "{said}");
        assert!(said.contains("another siprig works on bridge `siprig0`"), "{said}");
        assert_eq!(arrive(2), [0, 2]);
        held.signal(Signal::SIGINT);
        assert_eq!(held.end().0, Some(130));
    });
}

#[test]
fn an_interface_that_carries_the_operators_own_session_is_refused_and_others_are_not_touched() {
    in_lab!("net::an_interface_that_carries_the_operators_own_session_is_refused_and_others_are_not_touched", |lab| {
        let desk = Desk::new();
        hosts::ip("link add office type veth peer name desk");
        hosts::ip("link set office up");
        hosts::ip("address add 192.0.2.1/24 dev office");
        let block = |session: &str| {
            let mut command = desk.command("block a --bench lab.toml --for 1s");
            let output = command.env("SSH_CONNECTION", format!("192.0.2.7 51000 {session} 22")).output().unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        let office = || hosts::described("office");
        let (links, before) = (lab.links(), office());
        hosts::ip("address add 10.99.0.1/24 dev servers");
        let (code, said) = block("10.99.0.1");
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("your own session (SSH to 10.99.0.1) comes in at `servers`"), "{said}");
        assert_eq!(lab.links(), links, "nothing was changed");
        hosts::ip("address delete 10.99.0.1/24 dev servers");

        let (code, said) = block("192.0.2.1");
        assert_eq!(code, Some(0), "a session at another interface is in nobody's way: {said}");
        assert_eq!(office(), before, "an interface that the bench does not name is left as it is");

        hosts::ip("address add 10.99.0.2/24 dev siprig0");
        let (code, said) = block("10.99.0.2");
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("(SSH to 10.99.0.2) comes in at `siprig0`"), "{said}");
    });
}

#[test]
fn a_run_notes_what_it_changes_and_nothing_is_put_back_while_it_lasts() {
    in_lab!("net::a_run_notes_what_it_changes_and_nothing_is_put_back_while_it_lasts", |_lab| {
        let desk = Desk::new();
        hosts::offload("servers", true);
        let mut run = desk.start_siprig("run failover --bench lab.toml");
        run.until("bridge siprig0 is up; changed servers: generic-receive-offload off");
        let output = desk.net("restore --bench lab.toml --yes");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(75), "{said}");
        assert!(said.contains("in use by siprig run failover"), "{said}");
        run.signal(Signal::SIGINT);
        assert_eq!(run.end().0, Some(130));
        let output = desk.net("restore --bench lab.toml --yes");
        let out = String::from_utf8(output.stdout).unwrap();
        assert_eq!(out, "servers: generic-receive-offload is on again\nsiprig0 is removed\n");
        assert!(hosts::has_offload("servers"));
    });
}

#[test]
fn a_helper_that_is_lost_ends_the_outage_and_makes_the_exit_code_3() {
    in_lab!("net::a_helper_that_is_lost_ends_the_outage_and_makes_the_exit_code_3", |lab| {
        let desk = Desk::new();
        let mut held = desk.start("block a --bench lab.toml");
        held.until(IN_FORCE);
        let helper = i32::try_from(desk.show()["table"]["helper"].as_i64().unwrap()).unwrap();
        kill(Pid::from_raw(helper), Signal::SIGKILL).unwrap();
        let (code, out, said) = held.end();
        assert_eq!(code, Some(3), "{said}");
        assert!(out.contains("until the bridge helper was lost") && said.contains("bridge helper was lost"), "{out}");
        assert_eq!((arrive(3), lab.tables().as_str()), ([3, 3], ""));
    });
}
