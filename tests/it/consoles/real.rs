//! Expect scripts on consoles of programs that are not ours, by the words of their models alone: register, status, dial,
//! answer, hang up, both ways, without a lost or wrong match.
//!
//! `$SIPRIG_CONSOLE_ROUNDS` says how often; `benches/consoles` asks for fifty.

use std::{
    collections::BTreeMap,
    fs,
    net::UdpSocket,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use regex::RegexSet;
use siprig::{
    config::{ConsolePort, Dialect, PortAddress, load},
    driver::{
        clock::RunClock,
        discretion::Discretion,
        serial::{Console, ConsoleSetup, Heard, Spoken, Waiter},
    },
    event::PhoneName,
};
use tokio::{sync::mpsc, task::JoinHandle};

/// What a program may take for anything, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

const KAMAILIO: &str = r#"#!KAMAILIO
debug=1
log_stderror=yes
fork=yes
children=1
auto_aliases=no
listen=udp:SERVER:5060
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "gruu_enabled", 0)
request_route {
    if (is_method("REGISTER")) { save("location"); exit; }
    if (has_totag()) { loose_route(); t_relay(); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    record_route();
    if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
    t_relay();
}
"#;

/// Programs that end when this is dropped.
#[derive(Default)]
struct Running(Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Each is the leader of a group of its own, with whatever it started.
            let group = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
            let _ = child.wait();
        }
    }
}

/// A registrar on an address of its own, and phones that speak with it.
struct Scene {
    folder: tempfile::TempDir,
    server: String,
    network: String,
    running: Running,
}

impl Scene {
    /// None: a program is missing, which was said.
    #[expect(clippy::print_stdout, reason = "whoever runs the test is told what came of it")]
    fn with(programs: &[&str]) -> Option<Self> {
        for program in ["kamailio", "baresip", "socat"].iter().chain(programs) {
            let there = ["/usr/bin", "/usr/sbin", "/usr/local/bin"]
                .iter()
                .any(|folder| Path::new(folder).join(program).exists());
            if !there {
                println!("SKIPPED: there is no {program} here");
                return None;
            }
        }
        // Others may try the same on this machine at this moment.
        let id = std::process::id();
        let network = format!("127.{}.{}", 16 + id % 200, (id / 200) % 250);
        let mut scene = Self {
            folder: tempfile::tempdir().unwrap(),
            server: format!("{network}.{}", 1 + programs.len() * 40 + programs.first().map_or(0, |it| it.len())),
            network,
            running: Running::default(),
        };
        let config = scene.file("kamailio.cfg");
        fs::write(&config, KAMAILIO.replace("SERVER", &scene.server)).unwrap();
        let mut command = Command::new("kamailio");
        command.args(["-DD", "-E", "-m", "16", "-M", "4", "-f"]).arg(config).arg("-P").arg(scene.file("kamailio.pid"));
        command.arg("-Y").arg(scene.folder.path()).arg("-w").arg(scene.folder.path());
        scene.start(command);
        // A phone that registers before the registrar is there tries again after half a minute.
        let clock = RunClock::start();
        let deadline = clock.now() + PATIENCE;
        while !listens(&scene.server) {
            assert!(clock.now() < deadline, "kamailio does not listen");
            std::thread::yield_now();
        }
        Some(scene)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&mut self, mut command: Command) {
        use std::os::unix::process::CommandExt;
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").process_group(0).stdin(Stdio::null());
        self.running.0.push(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }

    /// Starts a program on a serial line: a PTY of its own, joined by socat to the one that stands for the port.
    fn on_a_line(&mut self, name: &str, program: &str, home: &Path, folder: &Path) -> PathBuf {
        let port = self.file(&format!("tty-{name}"));
        let mut command = Command::new("socat");
        command.arg(format!("PTY,link={},rawer", port.display()));
        command.arg(format!("EXEC:{program},pty,setsid,ctty,stderr,echo=0")).env("HOME", home).current_dir(folder);
        self.start(command);
        port
    }

    fn baresip(&mut self, user: &str, host: u8) -> Program {
        let home = self.file(user);
        fs::create_dir_all(&home).unwrap();
        let config = format!(
            "poll_method epoll\nsip_listen {}.{host}:5060\naudio_player aubridge,x\naudio_source aubridge,x\n\
             audio_alert aubridge,x\nmodule_path /usr/lib/baresip/modules\nmodule stdio.so\nmodule g711.so\n\
             module aubridge.so\nmodule uuid.so\nmodule_tmp account.so\nmodule_app menu.so\n",
            self.network
        );
        fs::write(home.join("config"), config).unwrap();
        let account = format!("<sip:{user}@{};transport=udp>;regint=60;answermode=manual", self.server);
        fs::write(home.join("accounts"), format!("{account}\n")).unwrap();
        fs::write(home.join("contacts"), "").unwrap();
        let port = self.on_a_line(user, &format!("baresip -f {}", home.display()), &home, &home);
        Program::new(self, "baresip-console", port, user, account)
    }

    fn linphonec(&mut self, user: &str) -> Program {
        let home = self.file(user);
        fs::create_dir_all(home.join(".local/share/linphone")).unwrap();
        fs::create_dir_all(home.join(".config/linphone")).unwrap();
        let config = format!("[sip]\nsip_port={}\nsip_tcp_port=0\nsip_tls_port=0\n", free_port());
        fs::write(home.join("rc"), config).unwrap();
        let program = format!("linphonec -c {}", home.join("rc").display());
        let port = self.on_a_line(user, &program, &home, &home);
        Program::new(self, "linphonec", port, user, String::new())
    }

    fn twinkle(&mut self, user: &str) -> Program {
        let home = self.file(user);
        let settings = home.join(".twinkle");
        fs::create_dir_all(&settings).unwrap();
        fs::write(home.join(".asoundrc"), "pcm.!default { type null }\nctl.!default { type null }\n").unwrap();
        let profile =
            format!("user_name={user}\nuser_domain={}\nregister_at_startup=yes\nregistration_time=60\n", self.server);
        fs::write(settings.join(format!("{user}.cfg")), profile).unwrap();
        let port = free_port();
        let system = format!(
            "dev_ringtone=alsa:default\ndev_speaker=alsa:default\ndev_mic=alsa:default\nvalidate_audio_dev=no\n\
             sip_port={port}\nsip_udp_port={port}\nrtp_port=18100\n"
        );
        fs::write(settings.join("twinkle.sys"), system).unwrap();
        let line = self.on_a_line(user, &format!("twinkle-console {user}.cfg"), &home, &settings);
        Program::new(self, "twinkle-console", line, user, String::new())
    }
}

/// Whether somebody has the SIP port of this address, as the kernel lists it (proc(5), `/proc/net/udp`).
fn listens(address: &str) -> bool {
    let octets = address.parse::<std::net::Ipv4Addr>().unwrap().octets();
    let place = format!("{:08X}:{:04X}", u32::from_ne_bytes(octets), 5060);
    let sockets = fs::read_to_string("/proc/net/udp").unwrap();
    sockets.lines().any(|line| line.split_whitespace().nth(1) == Some(place.as_str()))
}

fn free_port() -> u16 {
    UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

/// A program as its model describes it.
struct Program {
    port: PathBuf,
    dialect: Dialect,
    words: BTreeMap<&'static str, String>,
}

impl Program {
    fn new(scene: &Scene, model: &str, port: PathBuf, user: &str, account: String) -> Self {
        let dialect = load::model(model, Path::new("rig")).unwrap().console.unwrap();
        let words = BTreeMap::from([
            ("{aor}", format!("sip:{user}@{}", scene.server)),
            ("{server}", format!("sip:{}", scene.server)),
            ("{account}", account),
        ]);
        Self { port, dialect, words }
    }

    async fn attach(self) -> Attached {
        let clock = RunClock::start();
        let deadline = clock.now() + PATIENCE;
        while !self.port.exists() {
            assert!(clock.now() < deadline, "{} does not come", self.port.display());
            tokio::task::yield_now().await;
        }
        let (reports, mut sink) = mpsc::channel(64);
        tokio::spawn(async move { while sink.recv().await.is_some() {} });
        let setup = ConsoleSetup {
            phone: &PhoneName::from("p"),
            port: &ConsolePort::at(PortAddress::Path(self.port.clone()), 115_200),
            dialect: Some(&Spoken::new(&self.dialect).unwrap()),
            run_dir: None,
            keep_secrets: false,
            discretion: Discretion::default(),
        };
        let console = Console::open(setup, &clock, reports).await.unwrap();
        let counter = tokio::spawn(count(console.listen(), self.dialect.says.clone()));
        Attached { waiter: console.waiter(), console, program: self, counter }
    }
}

/// Counts, for itself, how often each thing is said until the console is closed.
async fn count(
    mut feed: tokio::sync::broadcast::Receiver<Heard>,
    says: BTreeMap<String, String>,
) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let names: Vec<_> = says.keys().cloned().collect();
    let patterns = RegexSet::new(says.values()).unwrap();
    while let Ok(heard) = feed.recv().await {
        if let Heard::Line(line) = heard
            && !line.echo
            && !line.unfinished
        {
            for index in patterns.matches(&line.text) {
                *counts.entry(names[index].clone()).or_default() += 1;
            }
        }
    }
    counts
}

/// A program whose console is being read.
struct Attached {
    program: Program,
    console: Console,
    waiter: Waiter,
    counter: JoinHandle<BTreeMap<String, usize>>,
}

impl Attached {
    fn types(&self, command: &str, number: &str) {
        let dialect = &self.program.dialect;
        let mut text = match command {
            "status" => dialect.status_command.clone().unwrap(),
            command => dialect.commands[command].clone(),
        };
        for (word, value) in &self.program.words {
            text = text.replace(word, value);
        }
        self.console.type_line(text.replace("{number}", number));
    }

    async fn hears(&mut self, what: &str) {
        let patterns = RegexSet::new([&self.program.dialect.says[what]]).unwrap();
        if let Err(error) = self.waiter.expect(&patterns, PATIENCE).await {
            panic!("{}: `{what}`: {error}", self.program.port.display());
        }
    }

    /// Asks until it is so; linphonec does not tell by itself.
    async fn status(&mut self, wanted: &str) {
        let says = &self.program.dialect.says;
        let patterns = RegexSet::new([&says[wanted]]).unwrap();
        for _ in 0..60 {
            self.types("status", "");
            if self.waiter.expect(&patterns, Duration::from_millis(500)).await.is_ok() {
                return;
            }
        }
        panic!("{}: never `{wanted}`", self.program.port.display());
    }

    /// How often each of these was said, whatever comes behind the last included.
    async fn said(mut self, what: [&str; 3]) -> [usize; 3] {
        self.waiter.settle(Duration::from_millis(200), PATIENCE).await.unwrap();
        self.console.close().await;
        let counts = self.counter.await.unwrap();
        what.map(|what| counts.get(what).copied().unwrap_or(0))
    }
}

fn rounds() -> usize {
    std::env::var("SIPRIG_CONSOLE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Registers, asks, calls and is called, so many times, and says how many matches there were.
#[expect(clippy::print_stdout, reason = "whoever runs the test is told what came of it")]
async fn rounds_of(mut phone: Attached, number: &str, mut other: Attached, others_number: &str) {
    let rounds = rounds();
    for _ in 0..rounds {
        phone.types("unregister", "");
        if phone.program.dialect.says.contains_key("unregistered") {
            phone.hears("unregistered").await;
        }
        phone.types("register", "");
        if phone.program.dialect.says.contains_key("registered") {
            phone.hears("registered").await;
        }
        phone.status("status-registered").await;

        phone.types("dial", others_number);
        other.hears("incoming").await;
        other.types("answer", "");
        other.hears("established").await;
        phone.hears("established").await;
        phone.types("hang-up", "");
        phone.hears("closed").await;
        other.hears("closed").await;

        other.types("dial", number);
        phone.hears("incoming").await;
        phone.types("answer", "");
        phone.hears("established").await;
        other.hears("established").await;
        other.types("hang-up", "");
        other.hears("closed").await;
        phone.hears("closed").await;
    }
    // What was counted beside is what was waited for: nothing was lost, and nothing taken for something else.
    for attached in [phone, other] {
        let port = attached.program.port.clone();
        let found = attached.said(["incoming", "established", "closed"]).await;
        assert_eq!(found, [rounds, 2 * rounds, 2 * rounds], "{}", port.display());
    }
    println!("{rounds} rounds: {} matches, none lost, none wrong", rounds * 16);
}

async fn ready(attached: &mut Attached) {
    attached.status("status-registered").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_is_driven_by_its_model_without_a_lost_or_wrong_match() {
    let Some(mut scene) = Scene::with(&[]) else { return };
    let (phone, other) = (scene.baresip("101", 101), scene.baresip("102", 102));
    let (mut phone, mut other) = (phone.attach().await, other.attach().await);
    ready(&mut phone).await;
    ready(&mut other).await;
    rounds_of(phone, "101", other, "102").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn linphonec_is_driven_by_its_model_without_a_lost_or_wrong_match() {
    let Some(mut scene) = Scene::with(&["linphonec"]) else { return };
    let (phone, other) = (scene.linphonec("103"), scene.baresip("104", 104));
    let (phone, mut other) = (phone.attach().await, other.attach().await);
    ready(&mut other).await;
    rounds_of(phone, "103", other, "104").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twinkle_is_driven_by_its_model_without_a_lost_or_wrong_match() {
    let Some(mut scene) = Scene::with(&["twinkle-console"]) else { return };
    let (phone, other) = (scene.twinkle("105"), scene.baresip("106", 106));
    let (mut phone, mut other) = (phone.attach().await, other.attach().await);
    ready(&mut phone).await;
    ready(&mut other).await;
    rounds_of(phone, "105", other, "106").await;
}
