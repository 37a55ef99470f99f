//! The outages in force: their rules, their limits, and what they did so far. Pure bookkeeping; the kernel's table is kept
//! in step by [`helper`](super::helper).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use super::{
    addresses::Addresses,
    protocol::{PhoneIndex, PhoneKey, Setup, Treatment},
    rules::{Decision, Rule, RuleTable, pair_of},
    table::Path,
};
use crate::{
    config::Mac,
    event::{Bystander, Course, LinkSide, OutageId, OutageScope, OutageTally, Part, Selection, Toward},
    wire::{frame::Frame, messages::Heard},
};

/// Frames that were on their way through the bridge when an outage began may still leave for this long: a processor that is taken
/// away in between, as from a virtual machine, takes its frame with it.
const GRACE_NS: i64 = 20_000_000;
/// The same where it ends: the commit takes a while, and either answer is right in between.
const END_SLACK_NS: i64 = 1_000_000;
/// How long the rule of a lifted outage is kept for frames that still wait to be read.
const AFTERLIFE_NS: i64 = 2_000_000_000;

/// What an order asks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Number of the outage.
    pub outage: OutageId,
    /// What happens to the frames.
    pub course: Course<Treatment>,
    /// The side whose link is down for it.
    pub link: Option<LinkSide>,
    /// Which way, if not both.
    pub toward: Option<Toward>,
    /// How much of the server.
    pub scope: OutageScope,
    /// Of that, only these SIP messages.
    pub only: Option<Selection>,
    /// Which server.
    pub server: u16,
    /// For whom.
    pub phones: Vec<PhoneIndex>,
    /// It ends after this time.
    pub limit: Duration,
}

/// All outages.
#[derive(Debug, Default)]
pub struct Outages {
    table: RuleTable,
    active: BTreeMap<OutageId, Active>,
    /// Addresses of phones behind a router that no outage may touch.
    spared: BTreeSet<IpAddr>,
}

#[derive(Debug)]
struct Active {
    limit_at: Duration,
    /// By how much its beginning and its end may be wrong: the commit takes a while, longer on a busy machine, and the kernel changed
    /// its mind at some time in it.
    doubt_ns: [i64; 2],
    tally: BTreeMap<PhoneIndex, OutageTally>,
    /// Whose frames were dropped, and when the last of them came in.
    bites: BTreeMap<(PhoneIndex, Toward), i64>,
    leaking: BTreeSet<(PhoneIndex, Toward)>,
}

impl Outages {
    /// None in force.
    pub fn new(setup: &Setup) -> Self {
        let on_link = setup.phones.iter().filter_map(PhoneKey::mac).collect();
        let protected = setup.network.protected.iter().copied().collect();
        let table = RuleTable { rules: Vec::new(), protected, on_link };
        let is_spared = |key: &&PhoneKey| matches!(key, PhoneKey::Routed { protected: true, .. });
        let spared = setup.phones.iter().filter(is_spared).flat_map(PhoneKey::routed).copied().collect();
        Self { table, active: BTreeMap::new(), spared }
    }

    /// The rule that an order comes to, not yet in force.
    ///
    /// # Errors
    /// If the number is taken, or phone or server are not in the setup: a sentence.
    pub fn plan(&self, setup: &Setup, addresses: &Addresses, wanted: &Wanted) -> Result<Rule, String> {
        let number = wanted.outage.0;
        if self.active.contains_key(&wanted.outage) {
            return Err(format!("outage {number} is in force already"));
        }
        let server = setup.servers.get(usize::from(wanted.server));
        let server = server.ok_or_else(|| format!("outage {number} names a server that was not set up"))?;
        let key = |index: &PhoneIndex| setup.phones.get(usize::from(*index));
        let keys: Option<Vec<&PhoneKey>> = wanted.phones.iter().map(key).collect();
        let keys = keys.ok_or_else(|| format!("outage {number} names a phone that was not set up"))?;
        let mac = |index: &PhoneIndex| key(index).and_then(PhoneKey::mac);
        let is_open = |index: &&PhoneIndex| mac(index).is_some_and(|mac| !self.table.protected.contains(&mac));
        let known = wanted.phones.iter().filter(is_open).flat_map(|phone| addresses.of(*phone));
        let routed = keys.iter().flat_map(|key| key.routed()).filter(|address| !self.spared.contains(address));
        Ok(Rule {
            outage: wanted.outage,
            phone_addresses: known.collect(),
            course: wanted.course.clone(),
            link: wanted.link,
            // What would come in by a link that is down does not.
            toward: wanted.toward.or(wanted.link.map(LinkSide::toward)),
            scope: wanted.scope.clone(),
            only: wanted.only.clone(),
            phones: keys.iter().filter_map(|key| key.mac()).collect(),
            routed: routed.copied().collect(),
            servers: servers_of(&server.addresses, &wanted.scope)
                .ok_or_else(|| format!("outage {number} names an address that its server does not have"))?,
            sip_ports: server.sip_ports.clone(),
            names: server.names.clone(),
            from_ns: 0,
            opened_ns: None,
            until_ns: None,
        })
    }

    /// Puts a rule in force from `from_ns` (wall clock) on, which may be wrong by so much; `now` is monotonic.
    pub fn begin(&mut self, mut rule: Rule, wanted: &Wanted, (from_ns, error_ns): (i64, u64), now: Duration) {
        rule.from_ns = from_ns;
        let horizon = from_ns - AFTERLIFE_NS;
        self.table.rules.retain(|rule| rule.until_ns.is_none_or(|until| until > horizon));
        self.table.rules.push(rule);
        let tally = wanted.phones.iter().map(|phone| (*phone, OutageTally::default())).collect();
        let limit_at = now.saturating_add(wanted.limit);
        let doubt_ns = [i64::try_from(error_ns).unwrap_or(i64::MAX), 0];
        let active = Active { limit_at, doubt_ns, tally, bites: BTreeMap::new(), leaking: BTreeSet::new() };
        self.active.insert(wanted.outage, active);
    }

    /// The link that an outage has taken down is switched on at `at_ns` (wall clock), and carries frames from any time on. What
    /// comes until [`end`](Self::end) is of it all the same.
    pub fn open(&mut self, outage: OutageId, at_ns: i64) {
        if let Some(rule) = self.table.rules.iter_mut().find(|rule| rule.outage == outage) {
            rule.opened_ns.get_or_insert(at_ns);
        }
    }

    /// An outage is being ended: its limit is nothing to wait for any more.
    pub fn close_limit(&mut self, outage: OutageId) {
        if let Some(active) = self.active.get_mut(&outage) {
            active.limit_at = Duration::MAX;
        }
    }

    /// Marks an outage as lifted at `until_ns` (wall clock), which may be wrong by so much. Its tally goes on until
    /// [`close`](Self::close).
    pub fn end(&mut self, outage: OutageId, (until_ns, error_ns): (i64, u64)) {
        if let Some(Active { doubt_ns: [_, doubt_ns], .. }) = self.active.get_mut(&outage) {
            *doubt_ns = i64::try_from(error_ns).unwrap_or(i64::MAX);
        }
        if let Some(rule) = self.table.rules.iter_mut().find(|rule| rule.outage == outage) {
            rule.until_ns.get_or_insert(until_ns);
        }
    }

    /// Forgets a lifted outage; returns what it did.
    pub fn close(&mut self, outage: OutageId) -> Vec<(PhoneIndex, OutageTally)> {
        let tally = self.tally(outage);
        self.active.remove(&outage);
        tally
    }

    /// What an outage has done so far.
    pub fn tally(&self, outage: OutageId) -> Vec<(PhoneIndex, OutageTally)> {
        let tally = self.active.get(&outage).map(|active| active.tally.iter());
        tally.into_iter().flatten().map(|(phone, tally)| (*phone, *tally)).collect()
    }

    /// An address is known to be a phone's from now on, and nobody else's; none: it is no phone's any more. The outages for which
    /// what the kernel gives up is not right any more.
    pub fn hand_over(&mut self, address: IpAddr, owner: Option<Mac>) -> Vec<OutageId> {
        let owner = owner.filter(|owner| !self.table.protected.contains(owner));
        let mut changed = Vec::new();
        for rule in self.table.rules.iter_mut().filter(|rule| rule.until_ns.is_none()) {
            let is_new = match owner.is_some_and(|owner| rule.phones.contains(&owner)) {
                true => rule.phone_addresses.insert(address),
                false => rule.phone_addresses.remove(&address),
            };
            if is_new && rule.is_of_resolution() {
                changed.push(rule.outage);
            }
        }
        changed
    }

    /// Whether no outage may touch a device.
    pub fn is_protected(&self, mac: Mac) -> bool {
        self.table.protected.contains(&mac)
    }

    /// An address of a phone is behind a router that is protected: no outage may touch it. True if what the kernel gives up is too
    /// much now.
    pub fn spare(&mut self, address: IpAddr) -> bool {
        self.spared.insert(address);
        let mut less = false;
        for rule in self.table.rules.iter_mut().filter(|rule| rule.until_ns.is_none()) {
            less |= rule.routed.remove(&address);
        }
        less
    }

    /// Why an outage can not begin for its phones, if one of them may not be touched.
    pub fn untouchable(&self, setup: &Setup, wanted: &Wanted) -> Option<String> {
        let keys = wanted.phones.iter().filter_map(|index| setup.phones.get(usize::from(*index)));
        let spared = keys.flat_map(PhoneKey::routed).find(|address| self.spared.contains(address))?;
        Some(format!("{spared} is protected, or behind a router that is: no outage may touch it"))
    }

    /// Of what a frame is that does not go from or to a SIP port of the server that this outage is about; none: it does.
    pub fn bystander(&self, outage: OutageId, frame: &Frame<'_>, toward: Toward) -> Option<Bystander> {
        let rule = self.table.rules.iter().find(|rule| rule.outage == outage);
        rule.map_or(Some(Bystander::Rest), |rule| rule.bystander(frame, toward))
    }

    /// Whether an outage is about what name servers are asked.
    pub fn is_of_names(&self, outage: OutageId) -> bool {
        self.rule(outage).is_some_and(Rule::is_of_names)
    }

    /// Whether any is in force.
    pub fn are_none(&self) -> bool {
        self.active.is_empty()
    }

    /// The outage whose server a frame of `at_ns` is from or to that is of none of its phones; and whose it is.
    pub fn stranger(&self, frame: &Frame<'_>, toward: Toward, at_ns: i64) -> Option<(OutageId, Mac)> {
        let pair = pair_of(frame, toward)?;
        let is_open = !self.table.protected.contains(&pair.phone);
        // What the kernel gives up is ours to send on, whoever else has the address.
        let is_of = |rule: &&Rule| is_open && rule.phones.contains(&pair.phone) || rule.routed.contains(&pair.address);
        let lasting = self.table.rules.iter().filter(|rule| rule.until_ns.is_none() && at_ns >= rule.from_ns);
        let cutting = lasting.filter(|rule| !rule.is_of_names() && rule.link.is_none());
        let mut of_server = cutting.filter(|rule| rule.servers.contains(&pair.server)).peekable();
        let outage = of_server.peek()?.outage;
        (!of_server.any(|rule| is_of(&rule))).then_some((outage, pair.phone))
    }

    /// The numbers of those in force.
    pub fn in_force(&self) -> Vec<OutageId> {
        self.active.keys().copied().collect()
    }

    /// The rule of an outage, until it is [closed](Self::close): whoever is spoken to later is told nothing in its name.
    pub fn rule(&self, outage: OutageId) -> Option<&Rule> {
        self.table.rules.iter().find(|rule| rule.outage == outage && self.active.contains_key(&outage))
    }

    /// Those whose limit has come.
    pub fn overdue(&self, now: Duration) -> Vec<OutageId> {
        self.active.iter().filter(|(_, active)| active.limit_at <= now).map(|(outage, _)| *outage).collect()
    }

    /// When the next limit comes.
    pub fn next_limit(&self) -> Option<Duration> {
        self.active.values().map(|active| active.limit_at).min()
    }

    /// The paths that the kernel has to give up for these rules and `more`, without `less`.
    pub fn paths(&self, more: Option<&Rule>, less: Option<OutageId>) -> BTreeSet<Path> {
        let lasting = self.table.rules.iter().filter(|rule| rule.until_ns.is_none() && Some(rule.outage) != less);
        let lasting = lasting.filter(|rule| rule.link.is_none());
        lasting.chain(more).flat_map(|rule| rule.paths(&self.table.protected)).collect()
    }

    /// What happens to a frame and the SIP message in it, and whether it is ours to send on.
    pub fn judge(&self, frame: &Frame<'_>, heard: Option<&Heard>, toward: Toward, at_ns: i64) -> (Decision, bool) {
        let decision = self.table.decide(frame, heard, toward, at_ns);
        (decision, self.table.steals(frame, toward, at_ns).is_some())
    }

    /// Whether a frame of nobody is ours to send on: it has the address of a phone.
    pub fn is_stolen(&self, frame: &Frame<'_>, toward: Toward, at_ns: i64) -> bool {
        self.table.steals(frame, toward, at_ns).is_some()
    }

    /// The outage for which a frame that the kernel sent on at `at_ns` was not the kernel's, by any reading of the clock:
    /// where it was to be dropped it leaked, and where it was to pass it arrives twice.
    pub fn forbids(&self, frame: &Frame<'_>, toward: Toward, at_ns: i64) -> Option<OutageId> {
        let of =
            |at_ns: i64| self.table.steals(frame, toward, at_ns).or_else(|| self.table.keeps(frame, toward, at_ns));
        let outage = of(at_ns - GRACE_NS)?;
        let [began_ns, ended_ns] = self.active.get(&outage)?.doubt_ns;
        let since = of(at_ns.saturating_sub(GRACE_NS).saturating_sub(began_ns)) == Some(outage);
        let until = of(at_ns.saturating_add(END_SLACK_NS).saturating_add(ended_ns)) == Some(outage);
        (since && until).then_some(outage)
    }

    /// Counts a dropped frame that came in at `at_ns`. True if it is the first of this phone in this direction.
    pub fn count_drop(
        &mut self,
        outage: OutageId,
        phone: PhoneIndex,
        toward: Toward,
        bystander: Option<Bystander>,
        at_ns: i64,
    ) -> bool {
        let Some(active) = self.active.get_mut(&outage) else { return false };
        active.tally.entry(phone).or_default().count_drop(toward, bystander);
        active.bites.insert((phone, toward), at_ns).is_none()
    }

    /// Whose frames an outage has dropped, which way they went, and when the last of them came in.
    pub fn last_bites(&self, outage: OutageId) -> Vec<(PhoneIndex, Toward, i64)> {
        let bites = self.active.get(&outage).into_iter().flat_map(|active| &active.bites);
        bites.map(|((phone, toward), at_ns)| (*phone, *toward, *at_ns)).collect()
    }

    /// Counts a frame that goes a bad path and arrives.
    pub fn count_arrival(&mut self, outage: OutageId, phone: PhoneIndex, late: bool, twice: bool) {
        let Some(active) = self.active.get_mut(&outage) else { return };
        let tally = active.tally.entry(phone).or_default();
        tally.late += u64::from(late);
        tally.doubled += u64::from(twice);
    }

    /// Counts a leak. True if it is the first of this phone in this direction.
    pub fn count_leak(&mut self, outage: OutageId, phone: PhoneIndex, toward: Toward) -> bool {
        let Some(active) = self.active.get_mut(&outage) else { return false };
        active.tally.entry(phone).or_default().leaked += 1;
        active.leaking.insert((phone, toward))
    }
}

/// The addresses of a server that are in the scope; none: it names one that the server does not have.
fn servers_of(addresses: &[IpAddr], scope: &OutageScope) -> Option<Vec<IpAddr>> {
    match scope {
        OutageScope::Part(Part { address: Some(address), .. }) => addresses.contains(address).then(|| vec![*address]),
        _ => Some(addresses.to_vec()),
    }
}

#[cfg(test)]
mod tests;
