//! The outages in force: their rules, their limits, and what they did so far. Pure bookkeeping; the kernel's table is kept
//! in step by [`helper`](super::helper).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use super::{
    addresses::Addresses,
    protocol::{PhoneIndex, Setup, Treatment},
    rules::{Decision, Rule, RuleTable, pair_of},
    table::Path,
};
use crate::{
    config::Mac,
    event::{Bystander, Course, OutageId, OutageScope, OutageTally, Part, Selection, Toward},
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
    pub fn new(protected: impl IntoIterator<Item = Mac>) -> Self {
        let table = RuleTable { rules: Vec::new(), protected: protected.into_iter().collect() };
        Self { table, active: BTreeMap::new() }
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
        let phone = |index: &PhoneIndex| setup.phones.get(usize::from(*index)).map(|phone| phone.mac);
        let phones: Option<BTreeSet<Mac>> = wanted.phones.iter().map(phone).collect();
        let is_open = |index: &&PhoneIndex| phone(index).is_some_and(|mac| !self.table.protected.contains(&mac));
        let known = wanted.phones.iter().filter(is_open).flat_map(|phone| addresses.of(*phone));
        Ok(Rule {
            outage: wanted.outage,
            phone_addresses: known.collect(),
            course: wanted.course.clone(),
            toward: wanted.toward,
            scope: wanted.scope.clone(),
            only: wanted.only.clone(),
            phones: phones.ok_or_else(|| format!("outage {number} names a phone that was not set up"))?,
            servers: servers_of(&server.addresses, &wanted.scope)
                .ok_or_else(|| format!("outage {number} names an address that its server does not have"))?,
            sip_ports: server.sip_ports.clone(),
            names: server.names.clone(),
            from_ns: 0,
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

    /// A phone has an address that was not known. True if what the kernel gives up is not enough any more.
    pub fn learn(&mut self, phone: Mac, address: IpAddr) -> bool {
        if self.table.protected.contains(&phone) {
            return false;
        }
        let lasting =
            self.table.rules.iter_mut().filter(|rule| rule.until_ns.is_none() && rule.phones.contains(&phone));
        let mut more = false;
        for rule in lasting {
            more |= rule.phone_addresses.insert(address) && rule.is_of_resolution();
        }
        more
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
        let is_of = |rule: &&Rule| rule.phones.contains(&pair.phone) && !self.table.protected.contains(&pair.phone);
        let lasting = self.table.rules.iter().filter(|rule| rule.until_ns.is_none() && at_ns >= rule.from_ns);
        let cutting = lasting.filter(|rule| !rule.is_of_names());
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
        let protected = &self.table.protected;
        lasting
            .chain(more)
            .flat_map(|rule| {
                let (of_resolution, of_names) = (rule.is_of_resolution(), rule.is_of_names());
                let path = move |phone: Mac, server: IpAddr| match (of_resolution, of_names) {
                    (false, false) => Path::Packets { phone, server },
                    (true, _) => Path::Resolution { phone, server },
                    (false, true) => Path::Names { phone },
                };
                let asking = move |phone: IpAddr, server: IpAddr| {
                    (of_resolution && phone.is_ipv4() == server.is_ipv4()).then_some(Path::Asking { phone, server })
                };
                let phones = rule.phones.iter().filter(|phone| !protected.contains(phone));
                let paths = phones.flat_map(move |phone| rule.servers.iter().map(move |server| path(*phone, *server)));
                let addresses = rule.phone_addresses.iter();
                let asked = addresses
                    .flat_map(move |phone| rule.servers.iter().filter_map(move |server| asking(*phone, *server)));
                paths.chain(asked)
            })
            .collect()
    }

    /// What happens to a frame and the SIP message in it, and whether it is ours to send on.
    pub fn judge(&self, frame: &Frame<'_>, heard: Option<&Heard>, toward: Toward, at_ns: i64) -> (Decision, bool) {
        let decision = self.table.decide(frame, heard, toward, at_ns);
        (decision, self.table.steals(frame, toward, at_ns).is_some())
    }

    /// The outage for which a frame that the kernel sent on at `at_ns` was not the kernel's, by any reading of the clock:
    /// where it was to be dropped it leaked, and where it was to pass it arrives twice.
    pub fn forbids(&self, frame: &Frame<'_>, toward: Toward, at_ns: i64) -> Option<OutageId> {
        let outage = self.table.steals(frame, toward, at_ns - GRACE_NS)?;
        let [began_ns, ended_ns] = self.active.get(&outage)?.doubt_ns;
        let by = |at_ns: i64| self.table.steals(frame, toward, at_ns) == Some(outage);
        let since = by(at_ns.saturating_sub(GRACE_NS).saturating_sub(began_ns));
        (since && by(at_ns.saturating_add(END_SLACK_NS).saturating_add(ended_ns))).then_some(outage)
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
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::{
        bridge::protocol::{PhoneKey, ServerKey},
        config::Network,
        event::Bystanders,
        wire::frame::{Body, Content, Packet, Vlans},
    };

    const PHONE: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2));
    const MS: i64 = 1_000_000;

    fn setup() -> Setup {
        Setup {
            controller_pid: 1,
            network: Network::between("a", "b"),
            phones: vec![PhoneKey { mac: PHONE, address: None }],
            servers: vec![ServerKey {
                addresses: vec![SERVER],
                sip_ports: vec![5060],
                gateway: None,
                names: Vec::new(),
            }],
        }
    }

    fn wanted() -> Wanted {
        Wanted {
            outage: OutageId(1),
            course: Course::steady(Treatment::Drop),
            toward: None,
            scope: OutageScope::Host,
            only: None,
            server: 0,
            phones: vec![0],
            limit: Duration::from_secs(5),
        }
    }

    fn begun() -> Outages {
        let mut outages = Outages::new([]);
        let rule = outages.plan(&setup(), &Addresses::new(&[]), &wanted()).unwrap();
        outages.begin(rule, &wanted(), (100 * MS, 0), Duration::from_secs(1));
        outages
    }

    fn frame() -> Frame<'static> {
        let body = Body::Udp { source_port: 1, destination_port: 2, payload: b"" };
        let packet = Packet { source: IpAddr::V4(Ipv4Addr::LOCALHOST), destination: SERVER, body };
        let (source, destination) = (Some(PHONE), Some(Mac([9; 6])));
        Frame { source, destination, vlans: Vlans::default(), content: Content::Ip(packet) }
    }

    #[test]
    fn what_was_on_its_way_at_the_beginning_or_leaves_at_the_end_is_no_leak() {
        let mut outages = begun();
        let leak = |outages: &Outages, at| outages.forbids(&frame(), Toward::Server, at).is_some();
        assert!(!leak(&outages, 119 * MS));
        assert!(leak(&outages, 120 * MS));
        outages.end(OutageId(1), (200 * MS, 0));
        assert!(leak(&outages, 198 * MS));
        assert!(!leak(&outages, 200 * MS - 1));
    }

    #[test]
    fn what_leaves_while_a_commit_takes_long_is_no_leak() {
        let mut outages = Outages::new([]);
        let rule = outages.plan(&setup(), &Addresses::new(&[]), &wanted()).unwrap();
        outages.begin(rule, &wanted(), (100 * MS, 30_000_000), Duration::from_secs(1));
        let leak = |outages: &Outages, at| outages.forbids(&frame(), Toward::Server, at).is_some();
        assert_eq!([149, 150].map(|ms| leak(&outages, ms * MS)), [false, true]);
        outages.end(OutageId(1), (200 * MS, 10_000_000));
        assert_eq!([188, 189].map(|ms| leak(&outages, ms * MS)), [true, false]);
    }

    #[test]
    fn a_lifted_outage_frees_its_paths_at_once_and_still_labels_late_frames() {
        let mut outages = begun();
        assert_eq!(outages.paths(None, None), BTreeSet::from([Path::Packets { phone: PHONE, server: SERVER }]));
        outages.end(OutageId(1), (200 * MS, 0));
        assert!(outages.paths(None, None).is_empty());
        assert_eq!(outages.judge(&frame(), None, Toward::Server, 199 * MS).0, Decision::Drop(OutageId(1)));
        assert!(outages.count_drop(OutageId(1), 0, Toward::Server, None, 150 * MS), "the first bite");
        assert!(!outages.count_drop(OutageId(1), 0, Toward::Server, Some(Bystander::Ntp), 160 * MS));
        assert_eq!(outages.last_bites(OutageId(1)), [(0, Toward::Server, 160 * MS)]);
        let bystanders = Bystanders { ntp: 1, ..Bystanders::default() };
        let tally = OutageTally { dropped_to_server: 2, dropped_other: 1, bystanders, ..OutageTally::default() };
        assert_eq!(outages.close(OutageId(1)), vec![(0, tally)]);
    }

    #[test]
    fn a_stranger_is_whoever_speaks_with_the_server_and_is_not_of_the_outage_protected_devices_among_them() {
        let outages = begun();
        assert_eq!(outages.stranger(&frame(), Toward::Server, 200 * MS), None);
        let other = Mac([2, 0, 0, 0, 0, 7]);
        let of_other = Frame { source: Some(other), ..frame() };
        assert_eq!(outages.stranger(&of_other, Toward::Server, 200 * MS), Some((OutageId(1), other)));
        assert_eq!(outages.stranger(&of_other, Toward::Server, 99 * MS), None, "before it began");
        let elsewhere = Frame { destination: Some(other), ..frame() };
        assert_eq!(outages.stranger(&elsewhere, Toward::Phone, 200 * MS), None, "from somebody else");
        let mut protecting = Outages::new([PHONE]);
        let rule = protecting.plan(&setup(), &Addresses::new(&[]), &wanted()).unwrap();
        protecting.begin(rule, &wanted(), (0, 0), Duration::ZERO);
        assert_eq!(protecting.stranger(&frame(), Toward::Server, 200 * MS), Some((OutageId(1), PHONE)));
    }

    #[test]
    fn the_limit_is_that_of_the_order() {
        let outages = begun();
        assert!(outages.overdue(Duration::from_millis(5_999)).is_empty());
        assert_eq!(outages.overdue(Duration::from_secs(6)), vec![OutageId(1)]);
    }

    #[test]
    fn the_kernel_is_never_asked_to_drop_a_protected_device() {
        let mut outages = Outages::new([PHONE]);
        let address = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 11));
        let known = Addresses::new(&[PhoneKey { mac: PHONE, address: Some(address) }]);
        for treatment in [Treatment::Drop, Treatment::Unresolvable] {
            let wanted = Wanted { course: Course::steady(treatment), ..wanted() };
            let rule = outages.plan(&setup(), &known, &wanted).unwrap();
            assert!(outages.paths(Some(&rule), None).is_empty(), "{wanted:?}");
            outages.begin(rule, &wanted, (0, 0), Duration::ZERO);
            assert!(!outages.learn(PHONE, address));
            assert!(outages.paths(None, None).is_empty(), "{wanted:?}");
            outages.end(wanted.outage, (0, 0));
            outages.close(wanted.outage);
        }
    }

    #[test]
    fn an_order_for_an_unknown_phone_or_server_is_refused() {
        let outages = Outages::new([]);
        assert!(outages.plan(&setup(), &Addresses::new(&[]), &Wanted { phones: vec![7], ..wanted() }).is_err());
        assert!(outages.plan(&setup(), &Addresses::new(&[]), &Wanted { server: 7, ..wanted() }).is_err());
        assert!(begun().plan(&setup(), &Addresses::new(&[]), &wanted()).is_err());
    }
}
