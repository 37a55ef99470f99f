//! Answers in a server's name, made by the privileged process from whatever a phone sends.

use std::net::SocketAddr;

use siprig::{
    event::SipStart,
    wire::sip::{Message, StandIn},
};

/// Longest answer, in bytes.
const LONGEST: usize = 1200;

/// An answer is short, is a message, and answers the request that it came from, as a reader of both understands them; and
/// it is not answered itself.
pub fn check(bytes: &[u8]) {
    let source = SocketAddr::from(([10, 77, 0, 11], 40_000));
    let busy = StandIn { code: 503, retry_after_s: Some(30), redirect: None };
    let moved = StandIn { code: 302, retry_after_s: None, redirect: Some(SocketAddr::from(([10, 77, 0, 3], 5061))) };
    for stand_in in [busy, moved] {
        let Some(answer) = stand_in.answer(bytes, source) else { continue };
        assert!(answer.len() <= LONGEST, "{} bytes", answer.len());
        assert_eq!(stand_in.answer(bytes, source).as_ref(), Some(&answer), "the same request, another answer");
        assert_eq!(stand_in.answer(&answer, source), None, "an answer to an answer");
        let read = Message::parse(&answer).expect("an answer of our own");
        let SipStart::Response { code, .. } = read.start() else { panic!("{:?}", read.start()) };
        assert_eq!((*code, read.body()), (stand_in.code, &b""[..]));
        let contradicts = |oddity: &String| oddity.contains("repeated");
        if let Ok(request) = Message::parse(bytes)
            && !request.summary().oddities.iter().any(contradicts)
        {
            let (asked, told) = (request.summary(), read.summary());
            // Of a request that says who it is from in two ways a reader takes neither, and an answer has to take one.
            if asked.oddities.iter().any(|oddity| oddity == "a header that is single is repeated") {
                continue;
            }
            assert_eq!(
                (&told.call_id, told.cseq, &told.method, &told.from, &told.to),
                (&asked.call_id, asked.cseq, &asked.method, &asked.from, &asked.to)
            );
            assert_eq!(told.branch, asked.branch);
            // What is odd about a request may keep a reader from what stands in the answer.
            assert!(told.to_tag.is_some() || !asked.oddities.is_empty(), "an answer without a tag");
        }
    }
}
