//! What reading a message costs: REGISTERs as five kinds of phones may send them, and the answers to them.
//!
//! The floor is a scan for line breaks. `rsip alone` is what every reader pays that gives each message to it.

#![expect(clippy::expect_used, reason = "without messages there is nothing to measure")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use siprig::wire::sip::{self, Reader};

/// What a phone puts into its REGISTERs, the lines that all have alike aside.
const PHONES: [&str; 5] = [
    "Via: SIP/2.0/UDP 10.77.0.11:5060;branch=z9hG4bKb7f0aa31d5e1a90c;rport\r\n\
     Max-Forwards: 70\r\n\
     From: \"Anna Berg\" <sip:1001@bench.test>;tag=8c1f2a90b3\r\n\
     To: \"Anna Berg\" <sip:1001@bench.test>\r\n\
     Call-ID: 3f9a1c77d20b4e51\r\n\
     CSeq: 41 REGISTER\r\n\
     Contact: \"Anna Berg\" <sip:1001@10.77.0.11:5060;transport=udp>;expires=600\r\n\
     Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, OPTIONS, INFO\r\n\
     Allow-Events: talk, hold, conference\r\n\
     Supported: path\r\n\
     User-Agent: Deskphone 6731/2.6.0.2019\r\n\
     Content-Length: 0\r\n",
    "Via: SIP/2.0/TCP 10.77.0.12:40112;branch=z9hG4bK-524287-1---f4c0a91d77e2;rport\r\n\
     Max-Forwards: 70\r\n\
     Contact: <sip:1002@10.77.0.12:40112;transport=tcp>;+sip.instance=\"<urn:uuid:5b0a7f3e-00d1-4c22-9f10-00155d01020c>\";reg-id=1;expires=3600\r\n\
     To: <sip:1002@bench.test>\r\n\
     From: <sip:1002@bench.test>;tag=d1c47a0e\r\n\
     Call-ID: 0a7e1f52c9b84d3d8e\r\n\
     CSeq: 7 REGISTER\r\n\
     Expires: 3600\r\n\
     Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO\r\n\
     Supported: outbound, path, replaces\r\n\
     User-Agent: Softline 5.4\r\n\
     Content-Length: 0\r\n",
    "Via: SIP/2.0/UDP 10.77.0.13;branch=z9hG4bK2f1e9c0d8bAF31\r\n\
     From: \"1003\" <sip:1003@10.77.0.2>;tag=5D6F1C9A-7B0E44F2\r\n\
     To: <sip:1003@10.77.0.2>\r\n\
     CSeq: 2 REGISTER\r\n\
     Call-ID: 90c1-77ab-4e02@10.77.0.13\r\n\
     Contact: <sip:1003@10.77.0.13>;methods=\"INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, UPDATE, REFER\"\r\n\
     User-Agent: Soundset-UA/4.0.13\r\n\
     Accept-Language: en\r\n\
     Max-Forwards: 70\r\n\
     Expires: 3600\r\n\
     Content-Length: 0\r\n",
    "Via: SIP/2.0/UDP 10.77.0.14:5062;branch=z9hG4bK1093857721\r\n\
     From: \"Lab 14\" <sip:1004@bench.test:5060>;tag=2710398441\r\n\
     To: \"Lab 14\" <sip:1004@bench.test:5060>\r\n\
     Call-ID: 0_3391427780@10.77.0.14\r\n\
     CSeq: 1029 REGISTER\r\n\
     Contact: <sip:1004@10.77.0.14:5062>\r\n\
     Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, PUBLISH, UPDATE, MESSAGE\r\n\
     Max-Forwards: 70\r\n\
     User-Agent: Yonder SIP-T46S 66.84.0.15\r\n\
     Expires: 1800\r\n\
     Allow-Events: talk,hold,conference,refer,check-sync\r\n\
     Content-Length: 0\r\n",
    "Via: SIP/2.0/UDP 10.77.0.15:3072;branch=z9hG4bK-x4c0f0b1fd2e7;rport\r\n\
     From: \"15\" <sip:1005@bench.test>;tag=ml0c2b9xq7\r\n\
     To: \"15\" <sip:1005@bench.test>\r\n\
     Call-ID: 313739353832-q2w9e8r7t6y5\r\n\
     CSeq: 388 REGISTER\r\n\
     Max-Forwards: 70\r\n\
     User-Agent: Schnee 785/10.1.54.13\r\n\
     Contact: <sip:1005@10.77.0.15:3072;line=k2j9h7>;reg-id=1;q=1.0;audio;mobility=\"fixed\";duplex=\"full\";description=\"schnee\"\r\n\
     Allow-Events: dialog\r\n\
     Supported: path, gruu\r\n\
     X-Real-IP: 10.77.0.15\r\n\
     Expires: 3600\r\n\
     Content-Length: 0\r\n",
];

const CREDENTIALS: &str = "Authorization: Digest username=\"1001\", realm=\"bench.test\", nonce=\"5f1e0c2ab8d94417\", \
                           uri=\"sip:bench.test\", response=\"6629fae49393a05397450978507c4ef1\", algorithm=MD5\r\n";

const CHALLENGE: &str =
    "WWW-Authenticate: Digest realm=\"bench.test\", nonce=\"5f1e0c2ab8d94417\", algorithm=MD5, qop=\"auth\"\r\n";

/// The REGISTERs, with credentials.
fn requests() -> Vec<Vec<u8>> {
    let request = |lines: &&str| format!("REGISTER sip:bench.test SIP/2.0\r\n{lines}{CREDENTIALS}\r\n").into_bytes();
    PHONES.iter().map(request).collect()
}

/// For each of them a 401 and a 200: what they repeat, and a server's own lines.
fn responses() -> Vec<Vec<u8>> {
    let answer = |lines: &str, start: &str, own: &str| {
        let repeated =
            |line: &&str| ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name));
        let repeated: String = lines.split_inclusive("\r\n").filter(repeated).collect();
        format!("SIP/2.0 {start}\r\n{repeated}{own}Server: Exchange 7\r\nContent-Length: 0\r\n\r\n").into_bytes()
    };
    let both = PHONES.iter().flat_map(|lines| {
        let contact = lines.split_inclusive("\r\n").find(|line| line.starts_with("Contact:")).unwrap_or_default();
        [answer(lines, "401 Unauthorized", CHALLENGE), answer(lines, "200 OK", &format!("{contact}Expires: 600\r\n"))]
    });
    both.collect()
}

fn reading(criterion: &mut Criterion) {
    for (name, messages) in [("REGISTER", requests()), ("401 and 200", responses())] {
        let bytes: usize = messages.iter().map(Vec::len).sum();
        let mut group = criterion.benchmark_group(format!("{name}, {} bytes each", bytes / messages.len()));
        group.throughput(Throughput::Elements(messages.len() as u64));
        for message in &messages {
            assert!(Reader::every().glance(message).expect("it is read").oddities.is_empty(), "nothing is odd");
        }
        group.bench_function("line scan", |bencher| {
            bencher.iter(|| messages.iter().map(|it| memchr::memchr_iter(b'\n', black_box(it)).count()).sum::<usize>());
        });
        let mut reader = Reader::by_shape();
        group.bench_function("known shape", |bencher| {
            bencher.iter(|| {
                for message in &messages {
                    black_box(reader.glance(black_box(message)).is_ok());
                }
            });
        });
        assert!(reader.passed() <= messages.len() as u64, "each shape passed rsip once");
        group.bench_function("rsip alone", |bencher| {
            bencher.iter(|| {
                for message in &messages {
                    black_box(rsip::SipMessage::try_from(black_box(message.as_slice())).is_ok());
                }
            });
        });
        let mut reader = Reader::every();
        group.bench_function("with rsip", |bencher| {
            bencher.iter(|| {
                for message in &messages {
                    black_box(reader.glance(black_box(message)).is_ok());
                }
            });
        });
        group.bench_function("with rsip, for the journal", |bencher| {
            bencher.iter(|| {
                for message in &messages {
                    black_box(sip::read(black_box(message)));
                }
            });
        });
        group.finish();
    }
}

criterion_group!(benches, reading);
criterion_main!(benches);
