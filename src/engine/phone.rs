//! What is known of a phone beside its registrations: its ports, its console's statements, its signs of life.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use super::{blind::Connections, fetches::Fetches, judge, registration::Fix, witness::Words};
use crate::{
    config::{Model, Phone, Sign},
    event::{
        Door, KeyName, Knock, PortKind, ServerName, SipFact, SipMessage, SipStart, Stamp, Stroke, Toward, Transport,
    },
    wire::console::{CompiledDialect, ConsoleFact},
};

/// A message that was under way when a phone died may come in this much later.
const SETTLING: Duration = Duration::from_millis(200);

/// A phone under test, seen by every witness but the wire's SIP.
#[derive(Debug)]
pub struct PhoneWatch {
    /// Its console's dialect; none: it has no console that we understand.
    pub dialect: Option<CompiledDialect>,
    /// Command that prints the registration status.
    pub status_command: Option<String>,
    /// Its keys can be pressed.
    pub keypad: bool,
    /// A board presses them, which has a port that can be lost.
    pub board: bool,
    /// Ports that are gone at present, with what the system said.
    pub lost: BTreeMap<PortKind, (Fix, String)>,
    /// The last frame from it.
    pub frame: Option<Fix>,
    /// The last SIP message from it, readable or not. A dead phone's kernel may go on sending frames, but speaks no SIP.
    pub spoke: Option<Fix>,
    /// What its console last told of settings that were made on the phone itself: how many, or none.
    pub local_settings: Option<(Option<String>, Fix)>,
    /// Its console says that it is still coming up.
    pub booting: bool,
    /// The last line on its console that was no echo.
    pub line: Option<Fix>,
    /// What its console last said of each extension.
    pub beliefs: BTreeMap<String, Belief>,
    /// What further witnesses last said of its lines.
    pub words: Words,
    /// Keys whose arrival its console showed, with the records, oldest first. Cleared when keys are played.
    pub keys_shown: Vec<(KeyName, Fix)>,
    /// Some key that was pressed has shown an effect in this run.
    pub keys_confirmed: bool,
    /// The last line that told of a lamp.
    pub lamp_told: Option<Fix>,
    /// Keys that were ordered and that its console has not shown.
    pub keys_ordered: Vec<KeyName>,
    /// Keys that its model has.
    pub known_keys: BTreeSet<KeyName>,
    /// A key that its console showed and nobody ordered.
    pub phantom_key: Option<KeyName>,
    /// The last line that shows the registration status on the display.
    pub status_shown: Option<Fix>,
    /// The last time it knocked at each server and got through the bridge.
    pub knocks: BTreeMap<ServerName, Knocking>,
    /// The first request over UDP to each server that it has not answered.
    pub asked: BTreeMap<ServerName, Fix>,
    /// Its TLS connections to servers.
    pub encrypted: Connections,
    /// The accounts that the display showed as registered then, with the server's address.
    pub shown_accounts: Vec<(String, String)>,
    /// What its console last told of the display.
    pub displayed: Option<(String, Fix)>,
    /// The number that it called last.
    pub dialled: Option<(String, Fix)>,
    /// It was ordered to boot and has not done so yet.
    pub boot_ordered: bool,
    /// The files that it asked for.
    pub fetches: Fetches,
    /// When its console said that it gives a server up.
    pub gave_up: BTreeMap<String, Fix>,
}

/// A phone's attempt to reach a server ahead of any SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knocking {
    /// What it knocked at.
    pub door: Door,
    /// The first asking that nobody had answered yet.
    pub asked: Fix,
    /// What the server said to it.
    pub answer: Option<(bool, Fix)>,
}

/// What a console says of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belief {
    /// The address where it says the line is registered; none: it says nowhere.
    pub server: Option<String>,
    /// The line that says so.
    pub fix: Fix,
}

impl Belief {
    /// The server's address, if it is written as one.
    pub fn address(&self) -> Option<IpAddr> {
        judge::address_in(self.server.as_deref()?)
    }
}

impl PhoneWatch {
    /// A phone of which nothing was observed yet.
    pub fn new(phone: &Phone, model: Option<&Model>) -> Self {
        let dialect = model.and_then(|model| model.console.as_ref()).filter(|_| phone.console.is_some());
        Self {
            // The configuration was checked: its patterns compile.
            dialect: dialect.and_then(|dialect| CompiledDialect::new(dialect).ok()),
            status_command: dialect.and_then(|dialect| dialect.status_command.clone()),
            keypad: phone.keypad.is_some(),
            board: phone.keypad.as_ref().is_some_and(|keypad| keypad.board().is_some()),
            lost: BTreeMap::new(),
            frame: None,
            spoke: None,
            local_settings: None,
            booting: false,
            line: None,
            beliefs: BTreeMap::new(),
            words: Words::default(),
            keys_shown: Vec::new(),
            keys_confirmed: false,
            lamp_told: None,
            keys_ordered: Vec::new(),
            known_keys: model.map(Model::all_keys).unwrap_or_default(),
            phantom_key: None,
            status_shown: None,
            shown_accounts: Vec::new(),
            knocks: BTreeMap::new(),
            asked: BTreeMap::new(),
            encrypted: Connections::default(),
            displayed: None,
            dialled: None,
            boot_ordered: false,
            fetches: Fetches::default(),
            gave_up: BTreeMap::new(),
        }
    }

    /// Takes a console line; returns whether it tells of a reboot or a crash.
    pub fn console_line(&mut self, text: &str, echo: bool, fix: Fix) -> bool {
        if echo {
            return false;
        }
        self.line = Some(fix);
        let Some(meaning) = self.dialect.as_ref().and_then(|dialect| dialect.meaning(text)) else { return false };
        match meaning {
            ConsoleFact::Registered { extension, server } => {
                self.beliefs.insert(extension, Belief { server: Some(server), fix });
            }
            ConsoleFact::Unregistered { extension } => {
                self.beliefs.insert(extension, Belief { server: None, fix });
            }
            ConsoleFact::GaveUp { extension, .. } => {
                self.gave_up.insert(extension, fix);
            }
            ConsoleFact::Key { name } => {
                match self.keys_ordered.iter().position(|ordered| *ordered == name) {
                    Some(index) => {
                        self.keys_ordered.remove(index);
                    }
                    None if self.known_keys.contains(&name) => self.phantom_key = Some(name.clone()),
                    // A digit of a PIN: its line was masked.
                    None => {}
                }
                self.keys_shown.push((name, fix));
            }
            ConsoleFact::StatusShown { accounts } => {
                self.status_shown = Some(fix);
                self.shown_accounts = accounts;
                self.displayed = Some((text.to_owned(), fix));
            }
            ConsoleFact::Display { text } => self.displayed = Some((text, fix)),
            ConsoleFact::Lamp { .. } => self.lamp_told = Some(fix),
            ConsoleFact::Fatal { .. } => return true,
            ConsoleFact::LocalSettings { count } => {
                self.local_settings = Some((Some(count).filter(|count| count != "none"), fix));
            }
            ConsoleFact::Booting => self.booting = true,
            ConsoleFact::Ready => self.booting = false,
            ConsoleFact::Prompt => {}
        }
        false
    }

    /// The line that shows the effect of a stroke, by one of these signs, after the record `since`.
    pub fn effect(&self, stroke: &Stroke, signs: &[Sign], since: u64) -> Option<Fix> {
        let key = |key: &KeyName| self.keys_shown.iter().find(|(shown, _)| shown == key).map(|(_, fix)| *fix);
        let after = |fix: Option<Fix>| fix.filter(|fix| fix.seq > since);
        signs.iter().find_map(|sign| match sign {
            // Of a chord, each key must show.
            Sign::Key => stroke.keys().iter().map(key).collect::<Option<Vec<Fix>>>()?.pop(),
            Sign::Display => after(self.displayed.as_ref().map(|(_, fix)| *fix)),
            Sign::Lamp => after(self.lamp_told),
        })
    }

    /// Takes a SIP message from it: an INVITE shows what was dialled.
    pub fn called(&mut self, fact: &SipFact, fix: Fix) {
        let SipMessage::Read(message) = &fact.message else { return };
        let SipStart::Request { method, uri } = &message.start else { return };
        if method == "INVITE" {
            let user = uri.split_once(':').map_or(uri.as_str(), |(_, rest)| rest);
            let user = user.split_once('@').map_or(user, |(user, _)| user);
            // `#` can not stand in a user part, `*` may be escaped (RFC 3261 section 25.1).
            let number = user.replace("%23", "#").replace("%2A", "*").replace("%2a", "*");
            self.dialled = Some((number, fix));
        }
    }

    /// Takes a SIP message of it or for it that got through the bridge: over UDP, that is how it knocks and is let in.
    pub fn spoke_with(&mut self, fact: &SipFact, fix: Fix) {
        let (Some(server), Transport::Udp) = (&fact.server, fact.transport) else { return };
        match fact.toward {
            Toward::Server => {
                let SipMessage::Read(message) = &fact.message else { return };
                if matches!(message.start, SipStart::Request { .. }) {
                    self.asked.entry(server.clone()).or_insert(fix);
                }
            }
            Toward::Phone => {
                self.asked.remove(server);
                if self.knocks.get(server).is_some_and(|knock| knock.door == Door::Udp) {
                    self.knocks.remove(server);
                }
            }
        }
    }

    /// Takes a knock that got through the bridge, or the answer to one.
    pub fn knocked(&mut self, server: &ServerName, door: Door, knock: Knock, fix: Fix) {
        let last = self.knocks.get_mut(server).filter(|last| last.door == door && last.answer.is_none());
        match (knock, last) {
            // It asks again because it was not answered.
            (Knock::Asked, Some(_)) => {}
            (Knock::Asked, None) => {
                self.knocks.insert(server.clone(), Knocking { door, asked: fix, answer: None });
            }
            (Knock::Refused, _) if door == Door::Udp => {
                if let Some(asked) = self.asked.get(server).copied() {
                    self.knocks.insert(server.clone(), Knocking { door, asked, answer: Some((false, fix)) });
                }
            }
            (Knock::Opened | Knock::Refused, Some(last)) => last.answer = Some((knock == Knock::Opened, fix)),
            // The end of a connection that stood, or an answer to what was not seen.
            (Knock::Opened | Knock::Refused, None) => {}
        }
    }

    /// The last knock at a server, if it came to nothing and not before that time.
    pub fn turned_away(&self, server: &ServerName, since: Stamp) -> Option<&Knocking> {
        let last = self.knocks.get(server)?;
        let latest = last.answer.map_or(last.asked, |(_, fix)| fix);
        (latest.when.at >= since && !last.answer.is_some_and(|(opened, _)| opened)).then_some(last)
    }

    /// Whether its console can be asked now.
    pub fn console_usable(&self) -> bool {
        self.dialect.is_some() && !self.lost.contains_key(&PortKind::Console)
    }

    /// Whether every port that it had is gone and it spoke no SIP since: switched off, cut off, or dead.
    pub fn vanished(&self) -> bool {
        let ports = usize::from(self.dialect.is_some()) + usize::from(self.board);
        let last_loss = self.lost.values().map(|(fix, _)| fix.when.at).max();
        ports > 0
            && self.lost.len() >= ports
            && last_loss.is_some_and(|loss| self.spoke.is_none_or(|spoke| spoke.when.at <= loss + SETTLING))
    }

    /// Whether any witness saw it alive since that record's time.
    pub fn alive_since(&self, start: Stamp) -> bool {
        [self.frame, self.line].into_iter().flatten().any(|fix| fix.when.at >= start)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        config::load,
        event::{Fate, PhoneName, RawRef, When},
        wire::sip,
    };

    #[test]
    fn over_udp_a_server_turns_away_whom_an_error_answers_until_it_speaks() {
        let (bench, _) = load::bench("lab-example", Path::new(load::RIG), &[]).unwrap();
        let mut watch = PhoneWatch::new(&bench.phones[0], None);
        let (a, b) = (ServerName("a".to_owned()), ServerName("b".to_owned()));
        let fix = |second: u64| Fix { seq: second, when: When::exactly(Stamp::from_millis(1000 * second)) };
        let since = |second| fix(second).when.at;
        watch.knocked(&a, Door::Udp, Knock::Refused, fix(1));
        assert_eq!(watch.turned_away(&a, Stamp::ZERO), None, "it has asked nothing");
        watch.spoke_with(&register("a", Toward::Server), fix(2));
        assert_eq!(watch.turned_away(&a, Stamp::ZERO), None, "that is not refused yet");
        watch.spoke_with(&register("a", Toward::Server), fix(3));
        watch.knocked(&a, Door::Udp, Knock::Refused, fix(4));
        let refused = Knocking { door: Door::Udp, asked: fix(2), answer: Some((false, fix(4))) };
        assert_eq!(watch.turned_away(&a, since(4)), Some(&refused));
        assert_eq!((watch.turned_away(&a, since(5)), watch.turned_away(&b, Stamp::ZERO)), (None, None));
        watch.spoke_with(&register("a", Toward::Phone), fix(6));
        assert_eq!(watch.turned_away(&a, Stamp::ZERO), None, "it is there again");
    }

    /// A REGISTER over UDP, from the phone or, as servers do not, to it.
    fn register(server: &str, toward: Toward) -> SipFact {
        let bytes = b"REGISTER sip:b SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n\r\n";
        SipFact {
            phone: PhoneName("p1".to_owned()),
            server: Some(ServerName(server.to_owned())),
            server_addr: "10.77.0.2:5060".parse().unwrap(),
            phone_addr: "10.77.0.11:5060".parse().unwrap(),
            toward,
            transport: Transport::Udp,
            fate: Fate::Passed,
            raw: RawRef { file: String::new(), offset: 0, len: 0 },
            message: sip::read(bytes),
        }
    }

    #[test]
    fn addresses_are_read_with_and_without_port() {
        let fix = Fix { seq: 1, when: When::exactly(Stamp::ZERO) };
        let address = |text: &str| Belief { server: Some(text.to_owned()), fix }.address();
        assert_eq!(address("10.77.0.2"), "10.77.0.2".parse().ok());
        assert_eq!(address("10.77.0.2:5060"), "10.77.0.2".parse().ok());
        assert_eq!(address("[2001:db8::2]:5060"), "2001:db8::2".parse().ok());
        assert_eq!(address("2001:db8::2"), "2001:db8::2".parse().ok());
        assert_eq!(address("pbx.test"), None);
    }
}
