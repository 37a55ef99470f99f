//! The parameters that are known here: those that decide where a phone registers and when it moves, those that reach it
//! by XML, and others that are merely recognised.
//!
//! Page numbers of the Aastra SIP administrator guide as published by manualsdir.com, manualsdump.com, manualshive.com.
//! What is merely recognised is what an open provisioning plug-in writes (wazo-provd-plugins, xivo-aastra).

use super::parameter::{Kind, Parameter, Unit};

const SERVERS: &str = "manualsdir.com 253368, page 812";
const RETRY: &str = "manualsdir.com 38512, pages 569 and 570";
const TIMERS: &str = "manualshive.com 6700i-series 449909, page 828";
const TRANSPORT: &str = "manualsdir.com 33519, page 58, and 253368, page 250";
const OUTBOUND: &str = "manualsdump.com 257308, page 205";
const PASSWORDS: &str = "manualsdump.com 257308, page 613";
const XML: &str = "manualsdump.com 257291, page 413";
const ACTIONS: &str = "Aastra XML developer's guide PA-001011-03-04, page 213";
const PLUGIN: &str = "wazo-provd-plugins, xivo-aastra";

const fn parameter(name: &'static str, kind: Kind, default: &'static str, source: &'static str) -> Parameter {
    Parameter { name, per_line: false, kind, default, source }
}

const fn per_line(name: &'static str, kind: Kind, default: &'static str, source: &'static str) -> Parameter {
    Parameter { name, per_line: true, kind, default, source }
}

/// Recognised, not examined.
const fn other(name: &'static str) -> Parameter {
    parameter(name, Kind::Text, "", PLUGIN)
}

/// Recognised, not examined, and there is a form for one line.
const fn other_per_line(name: &'static str) -> Parameter {
    per_line(name, Kind::Text, "", PLUGIN)
}

const fn seconds(min: u64, max: u64) -> Kind {
    Kind::Number { min, max, unit: Unit::Seconds, raised: false }
}

const fn milliseconds(min: u64, max: u64) -> Kind {
    Kind::Number { min, max, unit: Unit::Milliseconds, raised: false }
}

/// All of them.
pub(super) const PARAMETERS: &[Parameter] = &[
    // Who the phone is.
    per_line("sip user name", Kind::Text, "", PLUGIN),
    per_line("sip auth name", Kind::Text, "", PLUGIN),
    per_line("sip password", Kind::Secret, "", PLUGIN),
    per_line("sip display name", Kind::Text, "", PLUGIN),
    per_line("sip screen name", Kind::Text, "", PLUGIN),
    // Where it registers. 0.0.0.0 and port 0 are the guide's defaults for ports; that of addresses is assumed.
    per_line("sip proxy ip", Kind::Host, "0.0.0.0", SERVERS),
    per_line("sip proxy port", Kind::Port, "0", SERVERS),
    per_line("sip registrar ip", Kind::Host, "0.0.0.0", SERVERS),
    per_line("sip registrar port", Kind::Port, "0", SERVERS),
    per_line("sip backup proxy ip", Kind::Host, "0.0.0.0", SERVERS),
    per_line("sip backup proxy port", Kind::Port, "0", SERVERS),
    per_line("sip backup registrar ip", Kind::Host, "0.0.0.0", SERVERS),
    per_line("sip backup registrar port", Kind::Port, "0", SERVERS),
    per_line("sip outbound proxy", Kind::Host, "0.0.0.0", OUTBOUND),
    per_line("sip outbound proxy port", Kind::Port, "0", OUTBOUND),
    per_line("sip backup outbound proxy", Kind::Host, "0.0.0.0", OUTBOUND),
    per_line("sip backup outbound proxy port", Kind::Port, "0", OUTBOUND),
    parameter("sip outbound support", Kind::Flag, "0", OUTBOUND),
    parameter("sip transport protocol", Kind::Word(&["0", "1", "2", "4"]), "1", TRANSPORT),
    // When it moves.
    per_line("sip registration period", seconds(0, 2_147_483_647), "0", SERVERS),
    per_line("sip registration retry timer", seconds(30, 1800), "1800", RETRY),
    per_line(
        "sip registration timeout retry timer",
        Kind::Number { min: 30, max: 214_748_364, unit: Unit::Seconds, raised: true },
        "120",
        RETRY,
    ),
    per_line("sip registration renewal timer", seconds(0, 214_748_364), "15", RETRY),
    parameter("sip transaction timer", milliseconds(4000, 64_000), "4000", TIMERS),
    // No range is documented for these two; the limits here only keep times sane. The guide's table gives T2 a default of
    // 0 and its text one of 4 s, so 0 is read as 4 s.
    parameter("sip t1 timer", milliseconds(0, 64_000), "500", TIMERS),
    parameter("sip t2 timer", milliseconds(0, 64_000), "0", TIMERS),
    // How it is reached, and what it tells.
    parameter("xml application post list", Kind::Hosts, "", XML),
    parameter("sip xml notify event", Kind::Flag, "0", PLUGIN),
    parameter("action uri startup", Kind::Uri, "", ACTIONS),
    parameter("action uri registered", Kind::Uri, "", ACTIONS),
    parameter("action uri registration event", Kind::Uri, "", ACTIONS),
    parameter("action uri incoming", Kind::Uri, "", ACTIONS),
    parameter("action uri outgoing", Kind::Uri, "", ACTIONS),
    parameter("action uri offhook", Kind::Uri, "", ACTIONS),
    parameter("action uri onhook", Kind::Uri, "", ACTIONS),
    parameter("action uri connected", Kind::Uri, "", ACTIONS),
    parameter("action uri disconnected", Kind::Uri, "", ACTIONS),
    parameter("action uri poll", Kind::Uri, "", ACTIONS),
    parameter("action uri poll interval", seconds(0, 2_147_483_647), "0", ACTIONS),
    parameter("action uri xml sip notify", Kind::Uri, "", ACTIONS),
    // Passwords that are typed on the phone.
    parameter("admin password", Kind::Digits, "22222", PASSWORDS),
    parameter("user password", Kind::Digits, "", PASSWORDS),
    // Keys.
    other("prgkeyN type"),
    other("prgkeyN value"),
    other("prgkeyN label"),
    other("prgkeyN line"),
    other("prgkeyN locked"),
    other("softkeyN type"),
    other("softkeyN value"),
    other("softkeyN label"),
    other("softkeyN line"),
    other("softkeyN states"),
    other("softkeyN locked"),
    other("topsoftkeyN type"),
    other("topsoftkeyN value"),
    other("topsoftkeyN label"),
    other("topsoftkeyN line"),
    other("topsoftkeyN locked"),
    other("expmodN keyN type"),
    other("expmodN keyN value"),
    other("expmodN keyN label"),
    other("expmodN keyN line"),
    other("expmodN keyN locked"),
    other("expmodNpageNleft"),
    other("expmodNpageNright"),
    // Merely recognised.
    other_per_line("sip screen name 2"),
    other_per_line("sip vmail"),
    other_per_line("sip mode"),
    other_per_line("sip dtmf method"),
    other_per_line("sip srtp mode"),
    other_per_line("sip out-of-band dtmf"),
    other("sip explicit mwi subscription"),
    other("sip explicit mwi subscription period"),
    other("sip blf subscription period"),
    other("sip digit timeout"),
    other("sip dial plan"),
    other("sip allow auto answer"),
    other("sip intercom mute mic"),
    other("sip whitelist"),
    other("sip update callerid"),
    other("sip customized codec"),
    other("sip silence suppression"),
    other("sip diversion display"),
    other("sip session timer"),
    other("sip send mac"),
    other("sip send line"),
    other("sips persistent tls"),
    other("sips trusted certificates"),
    other("xml beep notification"),
    other("xml status scroll delay"),
    other("options password enabled"),
    other("options simple menu"),
    other("web interface enabled"),
    other("dhcp"),
    other("dnsN"),
    other("tagging enabled"),
    other("vlan id"),
    other("vlan id port N"),
    other("priority non-ip"),
    other("tos sip"),
    other("tos rtp"),
    other("tos rtcp"),
    other("lldp"),
    other("time server disabled"),
    other("time serverN"),
    other("time format"),
    other("time zone name"),
    other("date format"),
    other("language"),
    other("language N"),
    other("input language"),
    other("tone set"),
    other("backlight mode"),
    other("bl on time"),
    other("play a ring splash"),
    other("log server ip"),
    other("log server port"),
    other("log module linemgr"),
    other("log module user interface"),
    other("log module sip"),
    other("log module ept"),
    other("log module ind"),
    other("log module kbd"),
    other("log module net"),
    other("log module provis"),
    other("log module rtpt"),
    other("log module snd"),
    other("log module stun"),
    other("auto resync mode"),
    other("auto resync time"),
    other("auto resync days"),
    other("dynamic sip"),
    other("call forward disabled"),
    other("call waiting"),
    other("call hold reminder"),
    other("missed calls indicator disabled"),
    other("show call destination name"),
    other("directed call pickup"),
    other("directed call pickup prefix"),
    other("emergency dial plan"),
    other("directory N"),
    other("services script"),
    other("callers list script"),
    other("redial script"),
    other("redial disabled"),
    other("firmware server"),
    other("https validate certificates"),
];
