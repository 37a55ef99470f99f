//! The virtual bench around its phones: links, exit codes, signals, entering it, and what is left when it is killed.
//!
//! The controller is a shell script and phones and registrars are stand-ins (`stand_in.rs`), but for one test: what the
//! simulated ones do is tested elsewhere. As root, everything is tried as an ordinary user too.

#![expect(clippy::print_stdout, reason = "tests that can't run say so")]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

mod residue;
mod terminal;

use crate::examples;

/// Who runs the bench: the one who runs the tests, or, below root, somebody with no rights at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum User {
    Myself,
    Nobody,
}

const NOBODY: u32 = 65534;

impl User {
    /// All that can be had here.
    fn all() -> Vec<Self> {
        if nix::unistd::geteuid().is_root() {
            vec![Self::Myself, Self::Nobody]
        } else {
            println!("SKIPPED as another user: only root can become one");
            vec![Self::Myself]
        }
    }
}

/// A place that belongs to one user: the stand-in's binary and its state directory.
struct Place {
    user: User,
    folder: tempfile::TempDir,
}

fn stand_in() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| examples::build("lab-stand-in")).as_deref()
}

impl Place {
    /// None, after a word about it: there is no stand-in.
    fn new(user: User) -> Option<Self> {
        let built = stand_in()?;
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // By another process: a file that this one has open for writing can't be run while another test forks.
        let copied = Command::new("cp").arg(built).arg(folder.path()).status().unwrap();
        assert!(copied.success());
        let place = Self { user, folder };
        fs::create_dir(place.state()).unwrap();
        if user == User::Nobody {
            std::os::unix::fs::chown(place.state(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        Some(place)
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.folder.path().join("lab-stand-in"));
        command.args(arguments).env("SIPRIG_STATE", self.state()).current_dir(self.state());
        self.own(&mut command);
        command
    }

    fn own(&self, command: &mut Command) {
        if self.user == User::Nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
    }

    /// Runs a script in a bench. None, after a word about it: this system lets the user make no namespaces.
    fn run(&self, script: &str) -> Option<Output> {
        Self::finish(&mut self.command(&["run", script]))
    }

    fn finish(command: &mut Command) -> Option<Output> {
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(3) && said.contains("which this system refuses") {
            println!("SKIPPED: {said}");
            return None;
        }
        Some(output)
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn can_run(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("SKIPPED: there is no `{program}` here");
    }
    found
}

/// Waits for something that takes no more than a moment.
#[expect(clippy::disallowed_methods, reason = "looks again until a deadline")]
fn eventually<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < limit, "after {limit:?}, still not: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_rig_sees_two_interfaces_that_are_down_and_nothing_else() {
    for user in User::all() {
        let Some(output) = Place::new(user).and_then(|place| place.run("cat /proc/net/dev; ls -A \"${1%/*}\"")) else {
            return;
        };
        let said = text(&output.stdout);
        let mut interfaces: Vec<_> =
            said.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim()).collect();
        interfaces.sort_unstable();
        assert_eq!(interfaces, ["lo", "phones0", "servers0"], "{user:?}: {}", text(&output.stderr));
        assert!(!said.contains("answered"), "phones and servers are joined already:\n{said}");
    }
}

#[test]
fn phones_get_a_link_with_the_rig_s_and_reach_servers_once_a_bridge_joins_the_sides() {
    const SCRIPT: &str = r#"
        cd "${1%/*}" || exit 20
        wait_for() { n=0; until eval "$1"; do n=$((n + 1)); [ $n -gt 300 ] && { echo "never: $1"; exit 21; }; sleep 0.01; done; }
        all() { [ "$(cat p1.carrier p2.carrier p3.carrier p4.carrier)" = "$1" ]; }
        wait_for 'all 0000'
        ip link add br0 type bridge && ip link set br0 up || exit 22
        ip link set servers0 master br0 up && ip link set phones0 master br0 || exit 23
        sleep 0.1; all 0000 || exit 24
        ip link set phones0 up
        wait_for 'all 1111'
        for phone in p1 p2 p3 p4; do wait_for "[ -e $phone.answered ]"; done
        ip link set phones0 down
        wait_for 'all 0000'
        ip link set phones0 up
        wait_for 'all 1111'
        echo joined"#;
    if !can_run("ip") {
        return;
    }
    for user in User::all() {
        let Some(output) = Place::new(user).and_then(|place| place.run(SCRIPT)) else { return };
        assert_eq!(text(&output.stdout).trim(), "joined", "{user:?}: {output:?}");
    }
}

#[test]
fn simulated_phones_boot_and_register_once_a_bridge_joins_the_sides() {
    const SCRIPT: &str = r#"
        cd "${1%/*}" || exit 20
        for phone in p1 p2 p3 p4; do cat $phone.console > $phone.said & done
        ip link add br0 type bridge && ip link set br0 up || exit 22
        ip link set servers0 master br0 up && ip link set phones0 master br0 up || exit 23
        for phone in p1 p2 p3 p4; do
            n=0
            until grep -q 'registered at 10.77.0.2' $phone.said; do
                n=$((n + 1)); [ $n -gt 500 ] && { tail *.log *.said; exit 21; }; sleep 0.01
            done
        done
        cat lab.log; echo registered"#;
    if !can_run("ip") {
        return;
    }
    for user in User::all() {
        let Some(place) = Place::new(user) else { return };
        let Some(output) = Place::finish(place.command(&["run", SCRIPT]).env("LAB_REAL", "1")) else { return };
        assert_eq!(text(&output.stdout).trim(), "registered", "{user:?}: {output:?}");
    }
}

#[test]
fn a_simulated_server_lets_its_users_log_on_by_http_with_the_pin_that_the_bench_wrote_down() {
    const SCRIPT: &str = r#"
        cd "${1%/*}" || exit 20
        ip link add br0 type bridge && ip address add 10.77.0.250/24 dev br0 && ip link set br0 up || exit 22
        ip link set servers0 master br0 up && ip link set phones0 master br0 up || exit 23
        bash -c 'exec 3<>/dev/tcp/10.77.0.2/80 || exit 24
            printf "GET /logon?mac=00085d770001&extension=1001&pin=%s HTTP/1.1\r\nHost: a\r\n\r\n" "$(cat 1001.pin)" >&3
            cat <&3'"#;
    if !can_run("ip") || !can_run("bash") {
        return;
    }
    let Some(place) = Place::new(User::Myself) else { return };
    let Some(output) = Place::finish(place.command(&["run", SCRIPT]).env("LAB_REAL", "1")) else { return };
    let said = text(&output.stdout);
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{output:?}");
    let registrar = "<Parameter>sip registrar ip</Parameter><Value>10.77.0.2</Value>";
    assert!(said.contains(registrar) && said.ends_with("</AastraIPPhoneConfiguration>"), "{said}");
}

#[test]
fn the_bench_file_is_a_valid_one_and_its_secrets_are_in_private_files() {
    let Some(place) = Place::new(User::Myself) else { return };
    let script = "cp \"$1\" bench.toml; cp \"${1%/*}\"/*.password .; \
                  stat -c %a \"${1%/*}\" \"$1\" *.password \"${1%/*}\"/*.pin; \
                  cat /proc/[0-9]*/cmdline | tr '\\0' ' '";
    let Some(output) = place.run(script) else { return };
    assert!(output.status.success(), "{output:?}");
    let said = text(&output.stdout);
    assert!(said.starts_with("700\n600\n600\n600\n600\n600\n600\n600\n600\n600\n"), "{said}");
    let passwords = (1001..=1004).map(|n| fs::read_to_string(place.state().join(format!("{n}.password"))).unwrap());
    for password in passwords {
        assert!(password.len() >= 16 && !said.contains(&password), "a password shows in a list of processes");
    }
    let rig = Path::new(env!("CARGO_MANIFEST_DIR")).join("rig");
    let file = place.state().join("bench.toml");
    let (bench, models) = siprig::config::load::bench(file.to_str().unwrap(), &rig, &[]).unwrap();
    assert_eq!(bench.phones.len(), 4);
    assert_eq!(bench.phones[3].lines[0].extension, "1004");
    assert_eq!(bench.phones[0].timers.expires.value, Duration::from_secs(12));
    assert_eq!(bench.servers[1].name.0, "b");
    assert_eq!(bench.network.unwrap().phone_side, "phones0");
    assert!(models.contains_key("aastra-6731i"));
}

#[test]
fn a_phone_that_dies_stays_dead_and_leaves_a_line_in_the_log() {
    const SCRIPT: &str = r#"
        cd "${1%/*}" || exit 20
        pid() { grep -al "/$1[.]json" /proc/[0-9]*/cmdline | sed 's:[^0-9]::g'; }
        kill -KILL $(pid p2) || exit 21
        n=0; until grep -q 'p2 is gone' lab.log; do n=$((n + 1)); [ $n -gt 300 ] && exit 22; sleep 0.01; done
        cat lab.log
        [ -n "$(pid p1)" ] && [ -z "$(pid p2)" ]"#;
    let Some(output) = Place::new(User::Myself).and_then(|place| place.run(SCRIPT)) else { return };
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout).trim(), "p2 is gone: signal: 9 (SIGKILL)");
    assert!(output.stderr.is_empty(), "the terminal is the controller's: {output:?}");
}

#[test]
fn two_benches_of_one_user_do_not_see_each_other() {
    let Some(place) = Place::new(User::Myself) else { return };
    let script = "echo mine > \"${1%/*}/mark\"; sleep 0.3; cat \"${1%/*}/mark\"; ls \"${1%/*}\" | grep -c json";
    let outputs = std::thread::scope(|scope| {
        let other = scope.spawn(|| place.run(&script.replace("mine", "yours")));
        [place.run(script), other.join().unwrap()]
    });
    let [Some(mine), Some(yours)] = outputs else { return };
    assert_eq!([text(&mine.stdout), text(&yours.stdout)], ["mine\n7\n", "yours\n7\n"]);
}

#[test]
fn the_controller_s_exit_code_is_the_launcher_s() {
    for user in User::all() {
        let Some(place) = Place::new(user) else { return };
        for (script, expected) in [("exit 0", 0), ("exit 100", 100), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
            let Some(output) = place.run(script) else { return };
            assert_eq!(output.status.code(), Some(expected), "{user:?}: {script}");
        }
    }
}

#[test]
fn files_that_the_controller_writes_survive_and_belong_to_the_user() {
    for user in User::all() {
        let Some(place) = Place::new(user) else { return };
        let Some(output) = place.run("mkdir reports && echo yes > reports/summary") else { return };
        assert!(output.status.success(), "{output:?}");
        let report = place.state().join("reports/summary");
        assert_eq!(fs::read_to_string(&report).unwrap(), "yes\n");
        let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(report).unwrap());
        assert_eq!(owner, if user == User::Nobody { NOBODY } else { nix::unistd::geteuid().as_raw() });
    }
}

#[test]
fn a_kernel_that_forbids_namespaces_is_named_in_one_line_with_the_way_out() {
    // Root would get its namespaces without a user namespace.
    let Some(place) = User::all().pop().and_then(Place::new) else { return };
    if !can_run("unshare") {
        return;
    }
    // In a user namespace of its own the limit can be set without touching anybody else.
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-user=1000", "--map-group=1000", "--keep-caps", "sh", "-c"]);
    command.arg("echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" run 'a b'");
    command.arg(place.folder.path().join("lab-stand-in")).env("SIPRIG_STATE", place.state());
    place.own(&mut command);
    let output = command.output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("user namespace, which this system refuses") && said.contains("run 'a b'"), "{said}");
    assert!(said.contains("run it as root: sudo "), "{said}");
}

#[test]
fn a_bench_alone_says_how_to_enter_it_and_the_command_works() {
    if !can_run("nsenter") {
        return;
    }
    for user in User::all() {
        let Some(place) = Place::new(user) else { return };
        let mut bench = Alone::start(&place);
        let enter =
            bench.line("to enter: ").replace(" run --bench ", " script 'cat \"$1\"; pwd; cat /proc/net/dev' --bench ");
        let up = bench.line("up in ");
        println!("{user:?}: up in {up}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &enter]).current_dir(place.state()).env_remove("SIPRIG_STATE");
        place.own(&mut shell);
        let output = shell.output().unwrap();
        let said = text(&output.stdout);
        assert!(said.contains("phone-side = \"phones0\""), "{user:?}: {enter}\n{output:?}");
        assert!(said.contains("servers0:"), "not in the bench's network: {said}");
        assert!(said.contains(place.state().to_str().unwrap()), "not in the directory it was called from: {said}");
        assert_eq!(bench.interrupt(), Some(130), "{user:?}");
    }
}

/// A bench without a controller, for other tools to enter.
struct Alone {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Alone {
    fn start(place: &Place) -> Self {
        let mut child = place.command(&["virtual"]).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// What follows these words on the next line that begins with them.
    fn line(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.said.read_line(&mut line).unwrap() > 0, "the bench ended before it said {words:?}");
            if let Some(rest) = line.trim_end().strip_prefix(words) {
                return rest.to_owned();
            }
        }
    }

    fn interrupt(mut self) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        self.child.wait().unwrap().code()
    }
}
