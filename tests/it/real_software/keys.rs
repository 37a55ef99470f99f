//! A real phone: baresip with its module `evdev`, whose keys are events in a FIFO, and whose console shows what they did.

use std::{
    fs,
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use siprig::{
    config::load,
    driver::{
        clock::RunClock,
        discretion::Discretion,
        keypad::{
            Keypad, Order,
            evdev::EventKeys,
            single::{Manner, Single},
        },
    },
    event::Observed,
    virtual_bench::pty::Pty,
};

use crate::keypad::fifo::make_fifo;

const CONFIG: &str = "\
module_path /usr/lib/baresip/modules
module stdio.so
module evdev.so
module g711.so
module_tmp account.so
module_app menu.so
evdev_device WORK/keys
sip_listen 127.0.0.1:0
";

#[tokio::test]
#[ignore = "needs baresip (Debian: baresip-core); .ci/real-software runs it"]
async fn baresip_dials_what_is_pressed_by_events_and_hangs_up() {
    let mut phone = Baresip::start();
    let model = load::model("baresip-srv", &Path::new(env!("CARGO_MANIFEST_DIR")).join("rig")).unwrap();
    let clock = RunClock::start();
    let (reports, mut inbox) = tokio::sync::mpsc::channel(8);
    let manner = Manner { phone: "p1".into(), pressing: model.pressing, pin: None, discretion: Discretion::default() };
    let fifo = phone.folder.path().join("keys");
    let keys = Single::start(manner, EventKeys::new(fifo, model.key_codes, &clock), &clock, reports);
    // It opens the FIFO a moment after it has begun.
    phone.wait_for("baresip is ready").await;
    let strokes = ["1", "0", "2", "star", "ok"].map(|key| key.parse().unwrap()).to_vec();
    keys.keys().play(Order { phone: "p1".into(), sequence: 1, strokes, digit: None });
    let Observed::KeysPlayed { error, .. } = inbox.recv().await.unwrap().observed else { panic!() };
    assert_eq!(error, None);
    phone.wait_for("connecting to 'sip:102*@127.0.0.1:9").await;
    let strokes = vec!["cancel:200ms".parse().unwrap()];
    keys.keys().play(Order { phone: "p1".into(), sequence: 2, strokes, digit: None });
    phone.wait_for("terminate call").await;
    keys.close().await;
}

/// baresip on the loopback interface, with an account that registers nowhere, and its console on a PTY.
struct Baresip {
    child: Child,
    pty: Pty,
    said: String,
    folder: tempfile::TempDir,
}

impl Baresip {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        make_fifo(&folder.path().join("keys"));
        let config = CONFIG.replace("WORK", &folder.path().display().to_string());
        fs::write(folder.path().join("config"), config).unwrap();
        fs::write(folder.path().join("accounts"), "<sip:101@127.0.0.1:9;transport=udp>;regint=0\n").unwrap();
        let console = folder.path().join("console");
        let pty = Pty::open(&console).unwrap();
        let end = || fs::File::options().read(true).write(true).open(&console).unwrap();
        let mut command = Command::new("baresip");
        command.arg("-f").arg(folder.path()).stdin(end()).stdout(end()).stderr(end());
        Self { child: command.spawn().unwrap(), pty, said: String::new(), folder }
    }

    /// Waits until its console has said that, and forgets what came before.
    async fn wait_for(&mut self, text: &str) {
        let clock = RunClock::start();
        let limit = clock.now() + Duration::from_secs(20);
        loop {
            if let Some(at) = self.said.find(text) {
                self.said.drain(..at + text.len());
                return;
            }
            tokio::select! {
                bytes = self.pty.read() => self.said.push_str(&String::from_utf8_lossy(&bytes.unwrap())),
                () = clock.wait(Some(limit)) => panic!("baresip did not say `{text}` but {:?}", self.said),
            }
        }
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
