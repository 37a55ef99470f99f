//! Drafts of bench files: from captures, and from what passes on the virtual bench while somebody listens.

#![expect(clippy::print_stdout, reason = "tests that can't run say so")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use siprig::{
    config::{Bench, Line, Phone, Role, Server, document::Document, load},
    virtual_bench::{Description, plan::LabPlan},
};

/// Longer than the renewal lead of the phones' model, so that the draft needs none of its own.
const LIFETIME: &str = "expires=30s";

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
        command.args(arguments).current_dir(self.folder.path()).env("SIPRIG_STATE", self.path("state"));
        command
    }

    fn siprig(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Listens on the virtual bench until this is told, and ends it then as Ctrl-C does; what was told. None: there can be no
    /// virtual bench here.
    fn listen_until(&self, event: &str, more: &[&str]) -> Option<String> {
        let mut command = self.command(&["check", "--discover", "--join", "--for", "5m", "--out", "found.toml"]);
        let mut child = command.args(more).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut said, mut ended) = (String::new(), false);
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            said += &(line.unwrap() + "\n");
            if said.contains(event) && !std::mem::replace(&mut ended, true) {
                kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
            }
        }
        let code = child.wait().unwrap().code();
        if refused(&said) {
            return None;
        }
        assert_eq!((code, ended), (Some(130), true), "{said}");
        Some(said)
    }

    fn draft(&self, name: &str) -> Bench {
        let path = self.path(name);
        load::bench(path.to_str().unwrap(), Path::new(load::RIG), &[]).unwrap_or_else(|found| panic!("{found}")).0
    }
}

fn capture() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures/real-failover-udp.pcapng").display().to_string()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// This machine lets nobody make namespaces.
fn refused(said: &str) -> bool {
    let refused = said.contains("which this system refuses");
    if refused {
        println!("SKIPPED: no virtual bench here: {said}");
    }
    refused
}

/// What the virtual bench is, by its own word.
fn own_file() -> Bench {
    let rig = Path::new(load::RIG);
    let longer = LIFETIME.parse().unwrap();
    let description: Description = load::document("virtual", rig, &[longer]).unwrap().read_as().unwrap();
    let keys = load::model(&description.lab.model, rig).unwrap().keys;
    let file = LabPlan::new(&description, Path::new(""), &keys, String::new).bench_file().to_string();
    let document = Document::parse(PathBuf::from("own.toml"), file, &[]).unwrap();
    load::checked_bench(&document, rig).unwrap().0
}

#[test]
fn what_is_heard_on_the_virtual_bench_until_ctrl_c_is_what_its_own_file_says() {
    let desk = Desk::new();
    let Some(said) = desk.listen_until("4 lines registered", &["--set", LIFETIME]) else { return };
    let (found, own) = (desk.draft("found.toml"), own_file());
    let network = |bench: &Bench| bench.network.as_ref().map(|it| (it.phone_side.clone(), it.server_side.clone()));
    assert_eq!(network(&found), network(&own));
    // Nobody asks the backup before the primary is away.
    assert!(said.contains("4 phones, 4 lines registered, 1 server"), "{said}");
    let known = |server: &Server| (server.name.clone(), server.role, server.addresses.clone());
    assert_eq!(found.servers.iter().map(known).collect::<Vec<_>>(), [known(&own.servers[0])]);
    // Of the ports at which it would listen, the one at which it was asked.
    assert_eq!(found.servers[0].sip_ports(), &own.servers[0].sip_ports()[..1]);
    assert_eq!(found.phones.len(), own.phones.len());
    for (found, own) in found.phones.iter().zip(&own.phones) {
        let known = |phone: &Phone| (phone.name.clone(), phone.model.clone(), phone.mac(), phone.address);
        assert_eq!(known(found), known(own));
        assert_eq!(found.timers.expires, own.timers.expires);
        let known = |line: &Line| (line.extension.clone(), line.domain.clone(), line.primary.clone());
        let lines = |phone: &Phone| phone.lines.iter().map(known).collect::<Vec<_>>();
        assert_eq!(lines(found), lines(own));
    }
    let text = fs::read_to_string(desk.path("found.toml")).unwrap();
    assert!(text.contains("4 of 4 phones entered at phones0, 1 of 1 servers at servers0"), "{text}");
}

#[test]
fn both_servers_are_found_where_phones_are_at_home_on_either_and_roles_are_as_they_were_given() {
    let desk = Desk::new();
    let homes = "virtual.phone.p2.settings=\"sip registrar ip: 10.77.0.3\\nsip backup registrar ip: 10.77.0.2\\n\"";
    let Some(_) = desk.listen_until("2 servers", &["--primary", "10.77.0.3", "--set", homes]) else { return };
    let found = desk.draft("found.toml");
    let roles: Vec<_> = found.servers.iter().map(|it| (it.role, it.addresses[0].to_string())).collect();
    assert_eq!(roles, [(Role::Primary, "10.77.0.3".to_owned()), (Role::Backup, "10.77.0.2".to_owned())]);
}

#[test]
fn interfaces_that_are_not_joined_are_listened_to_and_left_as_they_are() {
    let desk = Desk::new();
    let output = desk.siprig(&["check", "--discover", "--for", "300ms", "--out", "found.toml"]);
    let said = told(&output);
    if refused(&said) {
        return;
    }
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("(servers), not joined; Ctrl-C ends it"), "{said}");
    assert!(said.contains("phones0 has no link: is it switched on"), "{said}");
    assert!(said.contains("no phone registered: 0 frames came in at phones0"), "{said}");
    assert!(said.contains("with --join"), "{said}");
    assert!(!desk.path("found.toml").exists());
}

#[test]
fn a_capture_makes_a_draft_beside_its_analysis_and_never_over_a_file() {
    let desk = Desk::new();
    let output = desk.siprig(&["analyze", &capture(), "--discover", "lab.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("servers\n"), "the analysis is printed as ever");
    assert!(told(&output).contains("draft: lab.toml"), "{}", told(&output));
    let bench = desk.draft("lab.toml");
    assert_eq!((bench.name.as_str(), bench.phones.len(), bench.servers.len()), ("lab", 6, 2));

    let before = fs::read(desk.path("lab.toml")).unwrap();
    let again = desk.siprig(&["analyze", &capture(), "--discover", "lab.toml"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(told(&again).contains("lab.toml is there already, and is left as it is"), "{}", told(&again));
    assert_eq!(fs::read(desk.path("lab.toml")).unwrap(), before);

    let alone = desk.siprig(&["analyze", &capture(), "--discover", "-"]);
    let text = String::from_utf8(alone.stdout).unwrap();
    let document = Document::parse(PathBuf::from("stdout.toml"), text, &[]).unwrap();
    assert_eq!(load::checked_bench(&document, Path::new(load::RIG)).unwrap().0.phones.len(), 6);
    let both = desk.siprig(&["analyze", &capture(), "--discover", "-", "--json"]);
    assert_eq!(both.status.code(), Some(2), "{}", told(&both));
}

#[test]
fn where_nobody_registers_there_is_nothing_to_draft() {
    let desk = Desk::new();
    // A pcap file of version 2.4 and Ethernet, without a packet.
    let header = [0xA1B2_C3D4_u32, 0x0004_0002, 0, 0, 65_535, 1].map(u32::to_le_bytes).concat();
    fs::write(desk.path("empty.pcap"), header).unwrap();
    let output = desk.siprig(&["analyze", "empty.pcap", "--discover", "lab.toml"]);
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert!(told(&output).contains("no phone registers in empty.pcap"), "{}", told(&output));
    assert!(!desk.path("lab.toml").exists());
}

#[test]
fn an_interface_that_is_not_there_is_named() {
    let desk = Desk::new();
    let output = desk.siprig(&["check", "--discover", "--phone-side", "nowhere0", "--server-side", "nowhere1"]);
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert!(told(&output).contains("there is no interface `nowhere0`"), "{}", told(&output));
}

#[test]
fn what_is_plugged_in_wrongly_is_listened_for_on_the_virtual_bench_too_and_nothing_is_claimed_of_what_is_off() {
    let desk = Desk::new();
    let output = desk.siprig(&["check", "--listen", "300ms"]);
    let said = told(&output);
    if refused(&said) {
        return;
    }
    let found = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{found}{said}");
    assert!(said.contains("listening for 300ms on phones0 (phones) and servers0 (servers)"), "{said}");
    for words in
        ["the link of phones0 (toward the phones)", "where phones p1, p2, p3 and p4 come in", "whether there is a way"]
    {
        assert!(found.contains(&format!("SKIPPED  wiring   {words}")), "{words}: {found}");
    }
}
