//! Speech of calls: where session descriptions say that it goes, what of it crossed the bridge, and what its absence proves.
//!
//! Only of calls with a peer on the servers' side is any expected to cross; two phones speak with each other on their own switch.
//! What did not cross at all proves nothing, since it may have gone another way.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use super::{case::Finding, dialog::Call, measure, registration::Fix, subjects::Subjects};
use crate::{
    event::{AudioLine, Fate, PhoneName, SipFact, SipMessage, Speech, Stamp, Toward, When},
    verdict::{Blame, Measurement},
};

/// A pause in which somebody who listens gives up: longer than any jitter, or a re-INVITE.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Shorter ones are not remembered.
const PAUSE: Duration = Duration::from_millis(100);
/// What comes within a second is told at its end, and then has to arrive.
const REPORT: Duration = Duration::from_millis(1500);
/// Sessions and pauses that are remembered of a phone; the oldest go first.
const MOST: usize = 512;

/// What is known of the speech of all phones.
#[derive(Debug, Default)]
pub struct Speeches {
    phones: BTreeMap<PhoneName, OfPhone>,
}

#[derive(Debug, Default)]
struct OfPhone {
    /// By `Call-ID`: the phone's own line, and the other end's.
    sessions: VecDeque<(String, [Option<AudioLine>; 2])>,
    /// By the phone's end and the direction.
    tracks: BTreeMap<(SocketAddr, bool), Track>,
}

/// One direction of a stream.
#[derive(Debug)]
struct Track {
    first: Stamp,
    last: Stamp,
    /// After that, so long, until not later than that.
    pauses: VecDeque<(Stamp, Duration, Stamp)>,
    dropped: u64,
    /// When it was told last that an outage took some.
    took: Option<Stamp>,
    seq: u64,
}

impl Track {
    /// The longest time in a window in which nothing passed.
    fn longest(&self, from: Stamp, to: Stamp) -> Duration {
        let within = self.pauses.iter().filter(|(.., until)| *until >= from);
        let within = within.map(|(after, length, until)| (*length).min(until.since((*after).max(from))));
        let ends = [self.first.since(from), to.since(self.last.max(from))];
        within.chain(ends).max().unwrap_or_default().min(to.since(from))
    }
}

/// What the speech of a call proves.
#[derive(Debug)]
pub enum Proof {
    /// Nothing yet; then it is looked at again.
    Wait(Stamp),
    /// For people, with what was measured and the records that show it.
    Told(String, Vec<Measurement>, Vec<u64>),
    /// Something is wrong.
    Wrong(Finding),
}

impl Speeches {
    /// Takes a count in.
    pub fn spoke(&mut self, speech: &Speech, fix: Fix) {
        let tracks = &mut self.phones.entry(speech.phone.clone()).or_default().tracks;
        let key = (speech.own, speech.toward == Toward::Server);
        if tracks.len() >= MOST && !tracks.contains_key(&key) {
            tracks.pop_first();
        }
        let Speech { first, last, dropped, .. } = *speech;
        let fresh = || Track { first, last: first, pauses: VecDeque::new(), dropped: 0, took: None, seq: fix.seq };
        let track = tracks.entry(key).or_insert_with(fresh);
        // A stream that begins anew, with another end or after it was forgotten, has a pause before it.
        let gap = Duration::from_nanos(speech.gap_ns).max(first.since(track.last));
        if gap >= PAUSE && last > track.last {
            if track.pauses.len() >= MOST {
                track.pauses.pop_front();
            }
            track.pauses.push_back((track.last, gap, last));
        }
        if dropped > track.dropped {
            track.took = Some(fix.when.at);
        }
        (track.dropped, track.last, track.seq) = (dropped, track.last.max(last), fix.seq);
    }

    /// Takes a session description in, if the message has one and arrived.
    pub fn described(&mut self, fact: &SipFact) {
        let SipMessage::Read(message) = &fact.message else { return };
        let Some(audio) = message.audio.clone().filter(|_| fact.fate == Fate::Passed) else { return };
        let sessions = &mut self.phones.entry(fact.phone.clone()).or_default().sessions;
        let side = usize::from(fact.toward == Toward::Phone);
        if let Some((_, lines)) = sessions.iter_mut().find(|(id, _)| *id == message.call_id) {
            lines[side] = Some(audio);
            return;
        }
        if sessions.len() >= MOST {
            sessions.pop_front();
        }
        let mut lines = [None, None];
        lines[side] = Some(audio);
        sessions.push_back((message.call_id.clone(), lines));
    }

    fn session(&self, phone: &PhoneName, id: &str) -> Option<(&AudioLine, &AudioLine)> {
        let (_, [own, other]) = self.phones.get(phone)?.sessions.iter().find(|(known, _)| known == id)?;
        own.as_ref().zip(other.as_ref())
    }

    fn track(&self, phone: &PhoneName, own: SocketAddr, toward: Toward) -> Option<&Track> {
        self.phones.get(phone)?.tracks.get(&(own, toward == Toward::Server))
    }
}

/// What the speech of a call with a peer proves, from when it was answered until a step began.
pub fn proof(subjects: &Subjects, phone: &PhoneName, call: &Call<'_>, step: Stamp, now: Stamp) -> Proof {
    let told = |note: &str| Proof::Told(note.to_owned(), Vec::new(), Vec::new());
    let Some(answered) = call.answered() else { return told("nobody answered") };
    let Some((own, other)) = subjects.speech.session(phone, call.id) else {
        return told("no session description tells where speech goes");
    };
    let (Some(own_place), Some(other_place)) = (own.place(), other.place()) else {
        return told("no speech is expected: it is held, or refused");
    };
    let on_our_side = |place: SocketAddr| {
        subjects.plan().bench.phones.iter().any(|phone| phone.address.is_some_and(|address| address == place.ip()))
    };
    if on_our_side(other_place) {
        return told("speech goes between phones, and not through the bridge");
    }
    let from = answered.fix.when.at;
    if now < step + REPORT {
        return Proof::Wait(step + REPORT);
    }
    let directions = [
        (Toward::Server, own.sends && other.receives, "media-gap-sent"),
        (Toward::Phone, other.sends && own.receives, "media-gap-heard"),
    ];
    let tracks = directions
        .map(|(toward, ..)| subjects.speech.track(phone, own_place, toward).filter(|track| track.last >= from));
    if tracks.iter().all(Option::is_none) {
        return told("no speech crossed the bridge, which proves nothing: it may go another way, or nobody speaks");
    }
    if tracks[1].is_none() && directions[1].1 {
        // A partner that only signals looks like this.
        return told("the phone spoke, and nothing shows that anybody spoke to it: what it hears is unproven");
    }
    let whole = step.since(from);
    let gaps = tracks.map(|track| track.map_or(whole, |track| track.longest(from, step)));
    let seqs: Vec<u64> = tracks.iter().flatten().map(|track| track.seq).collect();
    let at = |at: Stamp| Fix { seq: answered.fix.seq, when: When::exactly(at) };
    let measured = directions.iter().zip(gaps).filter(|((_, expected, _), _)| *expected);
    let measured = measured.map(|((.., name), gap)| measure::between(name, at(step), at(step + gap), None)).collect();
    let silent = [0, 1].map(|side| directions[side].1 && gaps[side] > LONGEST_PAUSE);
    let [sent, heard] = gaps.map(|gap| gap.as_secs_f64());
    let note = format!("speech paused for {sent:.2} s at most from the phone, and for {heard:.2} s to it");
    // Of a pause that something else explains, nobody is to blame.
    let lossy = subjects.losses.iter().any(|loss| loss.when.at >= from);
    let taken = tracks.iter().flatten().any(|track| track.took.is_some_and(|at| at >= from));
    if silent == [false, false] || lossy || taken || own.pauses && other.pauses || subjects.gaps.since(from).is_some() {
        return Proof::Told(note, measured, seqs);
    }
    let length = |side: usize| gaps[side].as_secs_f64();
    let finding = match silent {
        [true, false] => {
            let reason = format!(
                "the phone sent no speech for {:.1} s of a call of {:.1} s, in which it was spoken to",
                length(0),
                whole.as_secs_f64()
            );
            Finding::fail(Blame::Phone, "one-way-media", reason)
        }
        [false, true] => {
            let reason = format!(
                "the phone spoke, and what was said to it stopped for {:.1} s: it may have gone another way, or the peer fell silent",
                length(1)
            );
            Finding::unclear("one-way-media", reason)
        }
        _ => {
            let reason = format!(
                "speech that had crossed the bridge stopped both ways, for {:.1} s from the phone and {:.1} s to it",
                length(0),
                length(1)
            );
            Finding::unclear("no-media", reason)
        }
    };
    Proof::Wrong(finding.shown_by(seqs.into_iter().chain([answered.fix.seq])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(pauses: &[(u64, u64, u64)]) -> Track {
        let at = Stamp::from_millis;
        Track {
            first: at(1000),
            last: at(60_000),
            pauses: pauses
                .iter()
                .map(|(after, ms, until)| (at(*after), Duration::from_millis(*ms), at(*until)))
                .collect(),
            dropped: 0,
            took: None,
            seq: 1,
        }
    }

    #[test]
    fn the_longest_pause_of_a_window_is_within_it() {
        let longest =
            |track: &Track, from, to| track.longest(Stamp::from_millis(from), Stamp::from_millis(to)).as_millis();
        assert_eq!(longest(&track(&[]), 1000, 60_000), 0);
        assert_eq!(longest(&track(&[]), 1000, 63_000), 3000, "it has stopped");
        assert_eq!(longest(&track(&[]), 400, 60_000), 600, "it began late");
        assert_eq!(longest(&track(&[(20_000, 7000, 27_100)]), 1000, 60_000), 7000);
        assert_eq!(
            longest(&track(&[(2000, 18_000, 20_500)]), 20_000, 60_000),
            500,
            "of another call at the same ports"
        );
        assert_eq!(longest(&track(&[(2000, 8000, 10_100)]), 20_000, 60_000), 0);
    }
}
