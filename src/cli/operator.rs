//! Operators of a run that goes on: a socket in its directory, at which other processes of the same user say what they wish, a line
//! each. What they wish becomes a record like any other.
//!
//! Of those who want to lay hands on phones, one at a time has the keyboard ([`keyboard`]).

use std::{
    fs::{self, File, Permissions},
    io::{self, BufRead, BufReader, Write},
    os::{
        fd::AsRawFd,
        unix::{
            fs::PermissionsExt,
            net::{UnixListener, UnixStream},
        },
    },
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use nix::{sys::socket::sockopt::PeerCredentials, unistd::geteuid};
use serde::{Deserialize, Serialize};

use crate::{
    event::{Blocking, ByHand, OutageId, PhoneName, Reply, Stamp, Stroke},
    journal::RunDir,
    look::harmless,
    session::Operator,
    wire::redact,
};

mod attendance;
mod keyboard;
mod records;

use attendance::{Attendance, Present};
use keyboard::Keyboard;

/// The longest line that is heard: one that names some hundred phones.
const LONGEST: u64 = 8192;

/// What an operator says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Who says it.
    pub by: String,
    /// What is wished.
    pub wish: Wished,
}

/// What an operator may wish of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wished {
    /// That it ends in good order; said again, at once.
    Stop,
    /// That every phone has its network back, at once.
    Restore,
    /// The keyboard: from now on nobody else may lay hands on phones.
    Take,
    /// The same, whoever has it: he is told.
    TakeOver,
    /// That others may have it.
    Give,
    /// To be counted as somebody who answers what the run asks, as whoever has wished anything is.
    Attend,
    /// To know whether the run is alive; who wishes nothing else is nobody.
    Pulse,
    /// Its records, from the first on and as they come; from then on nothing else is heard from there.
    Records,
    /// That keys of a phone are pressed.
    Press {
        /// The phone.
        phone: PhoneName,
        /// The keys.
        stroke: Stroke,
        /// If it is a digit, no record tells which.
        #[serde(default)]
        secret: bool,
    },
    /// To answer what the run asks.
    Answer {
        /// The number of the prompt.
        prompt: u32,
        /// The answer.
        reply: Reply,
    },
    /// That a line is typed on the console of a phone.
    Type {
        /// The phone.
        phone: PhoneName,
        /// Without line ending.
        line: String,
        /// No record tells what it is.
        #[serde(default)]
        secret: bool,
    },
    /// That a control character is typed on it, at once and alone: what Ctrl and a letter stand for, or Escape (`[`).
    Control {
        /// The phone.
        phone: PhoneName,
        /// The letter.
        letter: char,
    },
    /// That a server goes away by hand, or the path to it becomes bad.
    Block(Blocking),
    /// That such an outage ends; the scenario's own do by [`Restore`](Self::Restore) alone.
    Lift {
        /// Which.
        outage: OutageId,
    },
}

/// What a wish has to do with the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keyboarded {
    /// Nothing: nobody is kept from giving the network back, or from answering.
    Not,
    /// Nobody else may have it.
    Free,
    /// Whoever wishes it has it from then on.
    Taken,
    /// The same, whoever has it.
    TakenOver,
}

impl Wished {
    const fn keyboarded(&self) -> Keyboarded {
        match self {
            Self::Restore | Self::Give | Self::Answer { .. } | Self::Attend | Self::Pulse | Self::Records => {
                Keyboarded::Not
            }
            Self::Stop | Self::Block(_) | Self::Lift { .. } => Keyboarded::Free,
            Self::Take | Self::Press { .. } | Self::Type { .. } | Self::Control { .. } => Keyboarded::Taken,
            Self::TakeOver => Keyboarded::TakenOver,
        }
    }
}

/// What an operator is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Answered {
    /// It was heard, and becomes a record.
    pub heard: bool,
    /// Who has the keyboard, and since when: it was not heard therefore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<Holder>,
    /// It answers nothing: whoever hears it had the keyboard, and has it no more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub taken_over: bool,
    /// How long ago there was a sign of life; none: that was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulse: Option<Beat>,
}

/// How long ago a run gave a sign of life, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Beat {
    /// The loop that writes its journal.
    pub round_ms: u64,
    /// The bridge helper with its taps; none: there is none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tap_ms: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Who has the keyboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// His name.
    pub by: String,
    /// When he took it, as a time of the run.
    pub since: Stamp,
}

/// The socket, which goes when this is dropped.
#[derive(Debug)]
pub struct Ear {
    path: PathBuf,
    present: Present,
    /// The run is over.
    over: Arc<AtomicBool>,
}

impl Ear {
    /// Who says of each prompt whether anybody is there; `ear` hears them, or nobody can be heard. `expected`: somebody is to come.
    pub fn attendance(ear: Option<&Self>, operator: Operator, expected: bool) -> Attendance {
        Attendance::of(ear.map(|ear| ear.present.clone()), operator, expected)
    }
}

/// Begins to listen for operators of that run.
///
/// # Errors
/// If there can be no socket.
pub fn listen(run_dir: &RunDir, operator: Operator) -> io::Result<Ear> {
    let path = run_dir.operator_socket();
    // A path of more than a hundred bytes is too long for a socket's name (unix(7)); the same place is reached by less.
    let folder = File::open(run_dir.path())?;
    let name = path.file_name().unwrap_or_default();
    let listener = UnixListener::bind(PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name))?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    let (present, over) = (Present::default(), Arc::new(AtomicBool::new(false)));
    let (there, ended, journal) = (present.clone(), over.clone(), run_dir.journal());
    thread::Builder::new().name("operators".to_owned()).spawn(move || {
        let keyboard = Keyboard::new(operator.clone());
        for (number, stream) in (0..).zip(listener.incoming().flatten()) {
            let peer = nix::sys::socket::getsockopt(&stream, PeerCredentials);
            if !peer.is_ok_and(|peer| admits(peer.uid())) {
                continue;
            }
            let (keyboard, present, operator) = (keyboard.clone(), there.clone(), operator.clone());
            let (journal, over) = (journal.clone(), ended.clone());
            let seat = Seat { number, keyboard, present, attends: false, operator, journal, over };
            // One who can not be heard for want of threads will try again.
            let _ = thread::Builder::new().name("operator".to_owned()).spawn(move || seat.hear(stream));
        }
    })?;
    Ok(Ear { path, present, over })
}

/// Whether a user may sit here: whoever the run is, and root. The socket's mode lets nobody else in; but in a user namespace of the run's
/// own, as on the virtual bench, root outside has no number and shows as the overflow user (user_namespaces(7)).
fn admits(uid: libc::uid_t) -> bool {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let all_are_mapped = || read("/proc/self/uid_map").split_whitespace().nth(2) == Some("4294967295");
    let overflow = || read("/proc/sys/kernel/overflowuid").trim().parse() == Ok(uid);
    uid == geteuid().as_raw() || uid == 0 || (overflow() && !all_are_mapped())
}

/// One who is listened to. What he holds is free when this is dropped.
struct Seat {
    number: u64,
    keyboard: Keyboard,
    present: Present,
    /// He is there to answer what is asked.
    attends: bool,
    operator: Operator,
    journal: PathBuf,
    over: Arc<AtomicBool>,
}

impl Seat {
    fn hear(mut self, mut stream: UnixStream) {
        let Ok(listened) = stream.try_clone() else { return };
        let mut input = BufReader::new(listened);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = io::Read::take(&mut input, LONGEST).read_until(b'\n', &mut line);
            if !matches!(read, Ok(1..)) {
                return;
            }
            // Whoever speaks otherwise is no operator.
            let Ok(said) = serde_json::from_slice::<Said>(&line) else { return };
            let records = said.wish == Wished::Records;
            let Ok(mut answer) = serde_json::to_vec(&self.grant(said, &stream)) else { return };
            answer.push(b'\n');
            if stream.write_all(&answer).is_err() {
                return;
            }
            if records {
                // Who is gone needs no more, and what can not be read he finds out by the end of it.
                let _ = records::tell(&self.journal, &self.over, &mut stream);
                return;
            }
        }
    }

    fn grant(&mut self, Said { by, wish }: Said, stream: &UnixStream) -> Answered {
        let by = harmless(&by);
        if !self.attends && !matches!(wish, Wished::Pulse | Wished::Records) {
            self.attends = true;
            self.present.come();
        }
        let may = match wish.keyboarded() {
            Keyboarded::Not => Ok(()),
            Keyboarded::Free => self.keyboard.free_for(self.number),
            Keyboarded::Taken => self.keyboard.take(self.number, &by, stream),
            Keyboarded::TakenOver => {
                self.keyboard.take_over(self.number, &by, stream);
                Ok(())
            }
        };
        if let Err(held_by) = may {
            return Answered { heard: false, held_by: Some(held_by), taken_over: false, pulse: None };
        }
        let mut pulse = None;
        let heard = match wish {
            Wished::Stop => self.operator.stop(&by),
            Wished::Restore => self.operator.restore(&by),
            Wished::Attend | Wished::Take | Wished::TakeOver | Wished::Records => true,
            Wished::Give => {
                self.keyboard.give(self.number);
                true
            }
            Wished::Answer { prompt, reply } => self.operator.answer(&by, prompt, reply),
            Wished::Block(blocking) => self.operator.network(&by, ByHand::Block(blocking)),
            Wished::Lift { outage } => self.operator.network(&by, ByHand::Lift { outage }),
            Wished::Pulse => {
                let ages = self.operator.pulse();
                let ms = |age: Duration| u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
                pulse = Some(Beat { round_ms: ms(ages.round), tap_ms: ages.tap.map(ms) });
                true
            }
            // It would be more than a line.
            Wished::Type { line, .. } if line.contains(char::is_control) => false,
            Wished::Type { phone, line, secret } => {
                let secret = secret || redact::text(&line) != line;
                self.operator.type_line(&by, &phone, line, secret)
            }
            Wished::Control { phone, letter } => self.operator.type_control(&by, &phone, letter),
            Wished::Press { phone, stroke, secret } => self.operator.press(&by, &phone, stroke, secret),
        };
        Answered { heard, held_by: None, taken_over: false, pulse }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.keyboard.give(self.number);
        if self.attends {
            self.present.leave(&self.operator);
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use super::*;
    use crate::event::{Harm, Share};

    #[test]
    fn what_the_operators_page_lets_programs_say_is_understood() {
        let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operator.md")).unwrap();
        let said: Vec<&str> = page.split('`').filter(|text| text.starts_with("{\"by\"")).collect();
        assert!(said.len() >= 6, "{said:?}");
        for text in said {
            serde_json::from_str::<Said>(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }

    #[test]
    fn what_is_done_to_a_server_is_said_in_words_that_a_person_would_use() {
        let said = |what: &str, phones: &str| {
            let block = format!("{{\"server\":\"a\",\"what\":{what},\"limit\":\"10m\"{phones}}}");
            let text = format!("{{\"by\":\"anna\",\"wish\":{{\"block\":{block}}}}}");
            serde_json::from_str::<Said>(&text).map(|said| said.wish)
        };
        let block = |what, phones: &[&str]| {
            let phones = phones.iter().map(|name| PhoneName::from(*name)).collect();
            Wished::Block(Blocking { server: "a".into(), phones, what, limit: Duration::from_secs(600) })
        };
        assert_eq!(said("\"drop\"", "").unwrap(), block(Harm::Drop, &[]));
        let lossy = block(Harm::Loss(Share::percent(20)), &["p1", "p3"]);
        assert_eq!(said("{\"loss\":\"20%\"}", ",\"phones\":[\"p1\",\"p3\"]").unwrap(), lossy);
        assert_eq!(said("{\"delay\":\"200ms\"}", "").unwrap(), block(Harm::Delay(Duration::from_millis(200)), &[]));
        assert!(said("{\"loss\":\"120%\"}", "").is_err() && said("\"explode\"", "").is_err());
    }
}
