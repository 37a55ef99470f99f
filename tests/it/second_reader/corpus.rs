//! Messages whose content is known before they are written: every method and class of answer, in the spellings that
//! RFC 3261 allows and that phones use, and some that it does not.

use std::collections::BTreeSet;

use siprig::event::{SipContact, SipStart};

use super::{
    dice::Dice,
    dispute::{Dispute, Part},
};

/// A message and what it says.
#[derive(Debug, Clone)]
pub struct Made {
    pub bytes: Vec<u8>,
    pub truth: Truth,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    pub start: SipStart,
    pub call_id: String,
    pub cseq: (u32, String),
    pub branch: String,
    pub from: Party,
    pub to: Party,
    pub contacts: Vec<SipContact>,
    pub expires: Option<u32>,
    /// What must be named about it, and nothing else.
    pub oddities: BTreeSet<&'static str>,
    /// What the other reader is known to misread, and why.
    pub disputed: BTreeSet<(Part, Dispute)>,
}

/// `From` or `To`.
#[derive(Debug, Clone, PartialEq)]
pub struct Party {
    pub record: String,
    pub tag: Option<String>,
}

/// A URI as it is written, and the address of record in it.
struct Uri {
    text: String,
    record: String,
    /// It can not stand without angle brackets (RFC 3261 section 20.10).
    needs_brackets: bool,
    /// It begins with `sip` or `sips`, in small letters.
    is_plain: bool,
}

/// How careful a phone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// As the examples of the RFC.
    Neat,
    /// White space wherever it may stand.
    Spaced,
    /// Lines folded wherever they may be.
    Folded,
}

const METHODS: [&str; 17] = [
    "REGISTER",
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "MESSAGE",
    "INFO",
    "PRACK",
    "UPDATE",
    "REFER",
    "KDMQ",
    "PING",
    "X-method.1!",
];

const ANSWERS: [(u16, &str); 20] = [
    (100, "Trying"),
    (180, "Ringing"),
    (183, "Session Progress"),
    (200, "OK"),
    (202, "Accepted"),
    (301, "Moved Permanently"),
    (302, "Moved Temporarily"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (403, "Forbidden (nicht  heute)"),
    (404, "Not Found"),
    (407, "Proxy Authentication Required"),
    (408, "Request Timeout"),
    (423, "Interval Too Brief"),
    (481, "Call/Transaction Does Not Exist"),
    (486, "Busy Here"),
    (487, "Request Terminated"),
    (500, "Server Internal Error: \u{43d}\u{435}\u{442}"),
    (503, "Service Unavailable"),
    (603, ""),
];

/// A byte that is not UTF-8 stands for this in texts.
const LATIN: char = '\u{f8ff}';

/// How a message is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Its end is that of its datagram.
    Datagram,
    /// Its end must be found.
    Stream,
    /// The same, for those who look for no more than `Content-Length:` and empty lines of CRLF.
    PlainStream,
}

/// Writes one message.
pub fn message(dice: &mut Dice, number: usize, carrier: Carrier) -> Made {
    let style = *dice.pick(&[Style::Neat, Style::Neat, Style::Neat, Style::Spaced, Style::Folded]);
    let mut writer = Writer { dice, style, part: Part::Other, oddities: BTreeSet::new(), disputed: BTreeSet::new() };
    writer.message(number, carrier)
}

struct Writer<'a> {
    dice: &'a mut Dice,
    style: Style,
    /// What is being written.
    part: Part,
    oddities: BTreeSet<&'static str>,
    disputed: BTreeSet<(Part, Dispute)>,
}

impl Writer<'_> {
    fn message(&mut self, number: usize, carrier: Carrier) -> Made {
        let is_register = self.dice.percent(55);
        let method = if is_register { "REGISTER" } else { *self.dice.pick(&METHODS) };
        let request = self.dice.percent(50);
        let (start, start_line) = if request { self.request_line(method) } else { self.status_line() };
        let call_id = self.call_id(number);
        let cseq = *self.dice.pick(&[1, 2, 7, 101, 31_245, 2_147_483_647, 0]);
        self.part = Part::Via;
        let (branch, vias) = self.vias(number);
        self.part = Part::From;
        let (uri, address) = self.party();
        let (from, from_value) = self.tagged(&uri, &address, true);
        self.part = Part::To;
        let (uri, address) = if is_register && self.dice.percent(70) { (uri, address) } else { self.party() };
        let (to, to_value) = self.tagged(&uri, &address, !request);
        self.part = Part::Contact;
        let wildcard = request && method == "REGISTER" && self.dice.percent(5);
        let expires = if wildcard { Some(0) } else { self.seconds(60) };
        let (contacts, contact_lines) =
            if wildcard { (vec![contact("*")], vec!["*".to_owned()]) } else { self.contacts() };

        let mut lines: Vec<(&str, String)> = Vec::new();
        lines.extend(vias.into_iter().map(|via| ("Via", via)));
        let gap = self.must_gap();
        let digits = self.digits(cseq);
        lines.extend([("From", from_value), ("To", to_value), ("Call-ID", call_id.clone())]);
        lines.push(("CSeq", format!("{digits}{gap}{method}")));
        lines.extend(contact_lines.into_iter().map(|contact| ("Contact", contact)));
        if let Some(seconds) = expires {
            lines.push(("Expires", self.digits(seconds)));
        }
        let body = self.others(&mut lines, method, &start, carrier);
        if self.dice.percent(30) {
            // The order of different headers means nothing (RFC 3261 section 7.3.1); that of the same does.
            self.mix(&mut lines);
        }
        let text = self.head(&start_line, &lines, carrier);
        let mut bytes = Vec::new();
        for char in text.chars() {
            match char {
                LATIN => bytes.push(0xfc),
                _ => bytes.extend(char.to_string().bytes()),
            }
        }
        bytes.extend(body);
        let truth = Truth {
            start,
            call_id,
            cseq: (cseq, method.to_owned()),
            branch,
            from,
            to,
            contacts,
            expires,
            oddities: std::mem::take(&mut self.oddities),
            disputed: std::mem::take(&mut self.disputed),
        };
        Made { bytes, truth }
    }

    fn request_line(&mut self, method: &str) -> (SipStart, String) {
        let uri = *self.dice.pick(&[
            "sip:bench.test",
            "sip:10.77.0.2:5060;transport=udp",
            "sips:1001@bench.test",
            "sip:[2001:db8::2]:5061;transport=tcp",
            "sip:1001;phone-context=x@bench.test;user=phone",
            "sip:%2B49@bench.test;lr",
            "tel:+4912345",
        ]);
        let start = SipStart::Request { method: method.to_owned(), uri: uri.to_owned() };
        (start, format!("{method} {uri} SIP/2.0"))
    }

    fn status_line(&mut self) -> (SipStart, String) {
        let (code, reason) = *self.dice.pick(&ANSWERS);
        (SipStart::Response { code, reason: reason.to_owned() }, format!("SIP/2.0 {code} {reason}"))
    }

    fn call_id(&mut self, number: usize) -> String {
        let id = format!("{number:x}-{:x}", self.dice.throw() >> 40);
        let form = self.dice.below(5);
        match form {
            0 => format!("{id}@10.77.0.11"),
            1 => format!("{id}@[2001:db8::11]"),
            2 => format!("1///{id}"),
            3 => format!("{id}%ZK-!.*_+'@w`~)(><:\\/\"][?}}{{"),
            _ => id,
        }
    }

    /// `branch` of the topmost, and the lines.
    fn vias(&mut self, number: usize) -> (String, Vec<String>) {
        let count = *self.dice.pick(&[1, 1, 1, 2, 3]);
        let mut branches = Vec::new();
        let mut values = Vec::new();
        for place in 0..count {
            let branch = match self.dice.below(12) {
                0 => format!("old{number}-{place}"),
                1 => format!("z9hG4bK%{number}'~{place}"),
                _ => format!("z9hG4bK{number:x}.{place}-{:x}", self.dice.throw() >> 44),
            };
            let transport = *self.dice.pick(&["UDP", "UDP", "TCP", "TLS", "udp", "TLS-SCTP", "WSS", "UNKNOWN"]);
            let host = *self.dice.pick(&[
                "10.77.0.11",
                "10.77.0.11:5060",
                "phone-1.bench.test",
                "[2001:db8::11]:5062",
                "[2001:db8::11]",
            ]);
            let mut parameters = vec![format!("branch={branch}")];
            for (often, other) in [
                (50, "rport"),
                (15, "rport=5060"),
                (15, "received=10.77.0.11"),
                (8, "received=2001:db8::9"),
                (8, "alias"),
                (5, "ttl=1"),
                (5, "x=\"a;b,c\""),
            ] {
                if self.dice.percent(often) {
                    self.dispute_if(other.contains('"'), Dispute::QuotedSeparator);
                    parameters.push(other.to_owned());
                }
            }
            self.dice.shuffle(&mut parameters);
            let slash = format!("{}/{}", self.gap(), self.gap());
            let gap = self.must_gap();
            let protocol = ["SIP", "2.0", transport].join(&slash);
            values.push(format!("{protocol}{gap}{host}{}", self.parameters(&parameters)));
            branches.push(branch);
        }
        (branches.swap_remove(0), self.in_lines(values))
    }

    fn party(&mut self) -> (Uri, String) {
        let uri = self.uri(false);
        let address = self.address(&uri);
        (uri, address)
    }

    fn tagged(&mut self, uri: &Uri, address: &str, tagged: bool) -> (Party, String) {
        self.dispute_if(!uri.is_plain && !address.contains('<'), Dispute::BareUri);
        let mut parameters = Vec::new();
        let tag = tagged.then(|| match self.dice.below(4) {
            0 => format!("-{:x}_F10.77.0.11", self.dice.throw()),
            1 => format!("{}", self.dice.below(4_000_000_000)),
            _ => format!("t{:x}.a", self.dice.throw() >> 20),
        });
        if self.dice.percent(10) {
            let other = *self.dice.pick(&["x", "y=z", "other=\"; tag=no\""]);
            self.dispute_if(other.contains('"'), Dispute::QuotedSeparator);
            parameters.push(other.to_owned());
        }
        parameters.extend(tag.as_ref().map(|tag| format!("tag={tag}")));
        (Party { record: uri.record.clone(), tag }, format!("{address}{}", self.parameters(&parameters)))
    }

    fn dispute_if(&mut self, disputed: bool, why: Dispute) {
        if disputed {
            self.disputed.insert((self.part, why));
        }
    }

    fn uri(&mut self, contact: bool) -> Uri {
        if self.dice.percent(3) {
            let text =
                self.dice.pick(&["tel:+4912345", "tel:1001;phone-context=bench.test", "urn:service:sos"]).to_string();
            return Uri { needs_brackets: text.contains(';'), record: text.clone(), text, is_plain: false };
        }
        let (user, plain) = *self.dice.pick(&[
            ("1001", "1001"),
            ("1001", "1001"),
            ("1002", "1002"),
            ("john.doe", "john.doe"),
            ("+4912345", "+4912345"),
            ("%2B49", "%2B49"),
            ("j%6Fhn", "john"),
            ("*21*1001%23", "*21*1001%23"),
            ("1001;phone-context=x", "1001;phone-context=x"),
            ("who?", "who?"),
            ("a,b", "a,b"),
            ("o'neil~(x)!&=$/", "o'neil~(x)!&=$/"),
            ("1001:secret", "1001"),
            ("M\u{fc}ller", "M\u{fc}ller"),
            ("", ""),
        ]);
        let host = *self.dice.pick(&[
            "bench.test",
            "bench.test",
            "Bench.TEST",
            "10.77.0.2",
            "[2001:DB8::2]",
            "under_score.bench.test",
        ]);
        let port = *self.dice.pick(&["", "", ":5060", ":5062"]);
        let parameters = *self.dice.pick(&[
            "",
            "",
            "",
            ";transport=udp",
            ";transport=TCP;lr",
            ";user=phone",
            ";gr=urn:uuid:0-1;x=%3B",
            ";line=a1b2",
        ]);
        let headers = if contact && self.dice.percent(4) { "?Route=%3Csip:a@b%3E" } else { "" };
        let scheme = *self.dice.pick(&["sip", "sip", "sip", "sips", "SIP"]);
        let at = if user.is_empty() { "" } else { "@" };
        let text = format!("{scheme}:{user}{at}{host}{port}{parameters}{headers}");
        let record = if user.is_empty() { text.clone() } else { format!("{plain}@{}", host.to_lowercase()) };
        Uri { needs_brackets: text.contains([',', ';', '?']), is_plain: scheme != "SIP", record, text }
    }

    /// `"name" <uri>` in one of its forms.
    fn address(&mut self, uri: &Uri) -> String {
        let Uri { text, needs_brackets, .. } = uri;
        let gap = self.gap();
        match self.dice.below(5) {
            0 if !needs_brackets => text.clone(),
            0 | 1 => format!("<{text}>"),
            2 => {
                let name = *self.dice.pick(&["Anna", "Anna Berg", "lab-1.x", "caller"]);
                // Behind a token the bracket needs no space either (RFC 3261 section 25.1).
                format!("{name}{gap}<{text}>")
            }
            _ => {
                let name = *self.dice.pick(&[
                    "Anna Berg",
                    "Berg, Anna",
                    "x; y=z",
                    "say \\\"hi\\\"",
                    "<sip:no@no>",
                    "back\\\\",
                    "M\u{fc}ller \u{4f60}",
                    "tag=no;expires=1",
                    "",
                    "\u{f8ff}",
                ]);
                if name.contains(LATIN) {
                    self.oddities.insert("bytes that are not UTF-8 in the head");
                }
                format!("\"{name}\"{gap}<{text}>")
            }
        }
    }

    fn contacts(&mut self) -> (Vec<SipContact>, Vec<String>) {
        let count = *self.dice.pick(&[0, 1, 1, 1, 1, 1, 2, 3]);
        let (mut contacts, mut values) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let uri = self.uri(true);
            let mut parameters = Vec::new();
            let expires = self.seconds(50);
            if let Some(seconds) = expires {
                let digits = self.digits(seconds);
                let name = *self.dice.pick(&["expires", "expires", "Expires", "EXPIRES"]);
                let quoted = self.dice.percent(8);
                self.dispute_if(quoted, Dispute::QuotedNumber);
                self.dispute_if(seconds > i32::MAX as u32, Dispute::LargeNumber);
                let value = if quoted { format!("\"{digits}\"") } else { digits };
                let equals = self.around("=");
                parameters.push(format!("{name}{equals}{value}"));
            }
            let instance = self
                .dice
                .percent(25)
                .then(|| format!("<urn:uuid:00000000-0000-1000-8000-{:012x}>", self.dice.throw() >> 16));
            parameters.extend(instance.as_ref().map(|instance| format!("+sip.instance=\"{instance}\"")));
            let reg_id = self.dice.percent(20).then(|| 1 + self.dice.below(3) as u32);
            parameters.extend(reg_id.map(|id| format!("reg-id={id}")));
            let (q_text, q) = *self.dice.pick(&[
                ("", None),
                ("", None),
                ("q=0.5", Some(500)),
                ("q=1", Some(1000)),
                ("q=0.333", Some(333)),
                ("q=1.0", Some(1000)),
            ]);
            if q.is_some() {
                parameters.push(q_text.to_owned());
            }
            for (often, other) in [
                (10, "methods=\"INVITE, ACK, BYE;expires=3, NOTIFY\""),
                (8, "audio"),
                (6, "+u.sip!model=\"6\\\"8, 4\""),
                (5, "message-expires=7"),
                (5, "mobility=\"fixed\""),
            ] {
                if self.dice.percent(often) {
                    self.dispute_if(other.contains('\\'), Dispute::QuotedSeparator);
                    parameters.push(other.to_owned());
                }
            }
            self.dice.shuffle(&mut parameters);
            let address = self.address(&uri);
            self.dispute_if(!uri.is_plain && !address.contains('<'), Dispute::BareUri);
            values.push(format!("{address}{}", self.parameters(&parameters)));
            contacts.push(SipContact { expires, instance, q, reg_id, ..contact(&uri.text) });
        }
        (contacts, self.in_lines(values))
    }

    fn seconds(&mut self, often: usize) -> Option<u32> {
        let seconds = *self.dice.pick(&[0, 1, 12, 60, 300, 600, 3600, 86_400, u32::MAX]);
        self.dice.percent(often).then_some(seconds)
    }

    fn digits(&mut self, number: u32) -> String {
        if self.dice.percent(6) { format!("00{number}") } else { number.to_string() }
    }

    /// What else stands in messages; returns the body.
    fn others(
        &mut self,
        lines: &mut Vec<(&'static str, String)>,
        method: &str,
        start: &SipStart,
        carrier: Carrier,
    ) -> Vec<u8> {
        let agent = if matches!(start, SipStart::Request { .. }) { "User-Agent" } else { "Server" };
        let digest = "Digest username=\"1001\", realm=\"bench.test\", nonce=\"5f1e, 0c\", uri=\"sip:bench.test\", \
                      response=\"6629fae49393a05397450978507c4ef1\", algorithm=MD5";
        for (often, name, value) in [
            (80, "Max-Forwards", "70"),
            (60, agent, "Phone 6/2.6 (b: 1; \"x\")"),
            (40, "Allow", "INVITE, ACK, CANCEL,BYE ,NOTIFY"),
            (20, "Supported", "path, outbound"),
            (8, "Supported", ""),
            (10, "Subject", ""),
            (10, "Subject", "From: <sip:no@no>;tag=no"),
            (20, "Allow-Events", "talk,hold"),
            (10, "Record-Route", "<sip:10.77.0.2;lr>, <sip:10.77.0.3;lr=on>"),
            (10, "Date", "Wed, 25 Nov 2026 20:02:40 GMT"),
            (5, "P-Asserted-Identity", "\"A, B\" <sip:1001@bench.test>"),
            (5, "X-Contact-Id", "<sip:no@no>;expires=5"),
            (5, "Reason", "SIP;cause=200;text=\"a: b\""),
        ] {
            if self.dice.percent(often) && lines.iter().all(|(other, _)| *other != name) {
                lines.push((name, value.to_owned()));
            }
        }
        match start {
            SipStart::Request { .. } if self.dice.percent(40) => lines.push(("Authorization", digest.to_owned())),
            SipStart::Response { code: 401, .. } => {
                lines
                    .push(("WWW-Authenticate", "Digest realm=\"bench.test\", nonce=\"1, 2\", qop=\"auth\"".to_owned()));
            }
            SipStart::Response { code: 423, .. } => lines.push(("Min-Expires", "60".to_owned())),
            SipStart::Response { code: 503, .. } => lines.push(("Retry-After", "30".to_owned())),
            _ => {}
        }
        if matches!(method, "SUBSCRIBE" | "NOTIFY" | "PUBLISH") {
            lines.push(("Event", "message-summary".to_owned()));
        }
        if self.dice.percent(2) {
            lines.push(("X-Long", "long ".repeat(2000)));
        }
        let body: &[u8] = match self.dice.below(8) {
            0 => {
                b"v=0\r\no=- 1 1 IN IP4 10.77.0.11\r\ns=-\r\nc=IN IP4 10.77.0.11\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
            }
            1 => b"Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n",
            2 => b"\x00\xff\r\n\r\nCall-ID: no\r\n\r\n",
            3 => b"SIP/2.0 200 OK\r\nCall-ID: no\r\n\r\n",
            _ => b"",
        };
        if !body.is_empty() {
            lines.push(("Content-Type", "application/octet-stream".to_owned()));
        }
        // Over UDP a message may end where its datagram does (RFC 3261 section 18.3).
        if carrier != Carrier::Datagram || self.dice.percent(85) {
            lines.push(("Content-Length", body.len().to_string()));
        }
        body.to_vec()
    }

    /// Another order, in which those of one name keep theirs.
    fn mix(&mut self, lines: &mut [(&'static str, String)]) {
        let mut order: Vec<usize> = (0..lines.len()).collect();
        self.dice.shuffle(&mut order);
        let old = lines.to_vec();
        let mut next: Vec<(&str, usize)> = Vec::new();
        for (place, from) in order.into_iter().enumerate() {
            let name = old[from].0;
            let nth = next.iter().filter(|(other, _)| *other == name).count();
            next.push((name, place));
            lines[place] = old.iter().filter(|(other, _)| *other == name).nth(nth).unwrap().clone();
        }
    }

    fn head(&mut self, start_line: &str, lines: &[(&str, String)], carrier: Carrier) -> String {
        let end = if carrier != Carrier::PlainStream && self.dice.percent(3) {
            self.oddities.insert("lines that end without CR");
            "\n"
        } else {
            "\r\n"
        };
        if end == "\n" && lines.iter().any(|(name, value)| *name == "Contact" && !value.ends_with(['>', '"'])) {
            self.disputed.insert((Part::Contact, Dispute::BareLineFeed));
        }
        let mut text = String::new();
        if carrier == Carrier::Datagram && self.dice.percent(2) {
            self.oddities.insert("blank lines ahead of the start line");
            self.disputed.insert((Part::Whole, Dispute::BlankLineAhead));
            text.push_str("\r\n");
        }
        text.push_str(start_line);
        text.push_str(end);
        for (name, value) in lines {
            if carrier == Carrier::PlainStream && *name == "Content-Length" {
                text.push_str(&format!("Content-Length: {value}"));
            } else {
                text.push_str(&self.named(name, value));
            }
            text.push_str(end);
        }
        text.push_str(end);
        text
    }

    /// A header line.
    fn named(&mut self, name: &str, value: &str) -> String {
        let part = Part::of(name);
        let compact = match name {
            "Via" => "v",
            "From" => "f",
            "To" => "t",
            "Call-ID" => "i",
            "Contact" => "m",
            "Supported" => "k",
            "Subject" => "s",
            "Content-Type" => "c",
            "Content-Length" => "l",
            "Event" => "o",
            "Allow-Events" => "u",
            _ => name,
        };
        let name = match self.dice.below(10) {
            0 => name.to_lowercase(),
            1 => name.to_uppercase(),
            2 | 3 => compact.to_owned(),
            4 => compact.to_uppercase(),
            _ => name.to_owned(),
        };
        let ahead = if self.style == Style::Neat { "" } else { *self.dice.pick(&["", "", " ", "\t", " \t "]) };
        let behind = match self.style {
            Style::Neat => " ",
            Style::Spaced => *self.dice.pick(&["", " ", "  ", "\t"]),
            Style::Folded => *self.dice.pick(&["", " ", "\r\n ", " \r\n\t"]),
        };
        if !ahead.is_empty() {
            self.disputed.insert((part, Dispute::SpaceAheadOfColon));
        }
        format!("{name}{ahead}:{behind}{value}")
    }

    /// Values of one header: each in a line of its own, all in one, or some.
    fn in_lines(&mut self, values: Vec<String>) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for value in values {
            let comma = self.around(",");
            match lines.last_mut() {
                Some(line) if self.dice.percent(60) => *line += &format!("{comma}{value}"),
                _ => lines.push(value),
            }
        }
        lines
    }

    fn parameters(&mut self, parameters: &[String]) -> String {
        parameters.iter().map(|parameter| format!("{}{parameter}", self.around(";"))).collect()
    }

    /// A separator, with white space around it where the style has any.
    fn around(&mut self, separator: &str) -> String {
        let around = format!("{}{separator}{}", self.gap(), self.gap());
        self.dispute_if(around.len() > separator.len(), Dispute::SpacedSeparator);
        around
    }

    fn gap(&mut self) -> &'static str {
        match self.style {
            Style::Neat => "",
            Style::Spaced => self.dice.word(&["", "", "", " ", "  ", "\t"]),
            Style::Folded => self.dice.word(&["", "", "", "", " ", "\r\n ", "\r\n\t ", " \r\n "]),
        }
    }

    fn must_gap(&mut self) -> &'static str {
        match self.style {
            Style::Neat => " ",
            Style::Spaced => self.dice.word(&[" ", "  ", "\t"]),
            Style::Folded => self.dice.word(&[" ", "\r\n ", " \r\n\t"]),
        }
    }
}

fn contact(uri: &str) -> SipContact {
    SipContact { uri: uri.to_owned(), expires: None, instance: None, q: None, reg_id: None }
}
