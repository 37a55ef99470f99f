//! `siprig net` that hangs, as a process does that is stopped, or whose disk does not answer.

use super::*;

#[test]
fn phones_have_the_server_back_within_a_second_and_it_is_told_why() {
    in_lab!("net::hang::phones_have_the_server_back_within_a_second_and_it_is_told_why", |lab| {
        let desk = Desk::new();
        let mut held = desk.start("block a --bench lab.toml");
        held.until(IN_FORCE);
        let stream = hosts::Stream::start(hosts::PHONE, hosts::SERVER, OTHER_PORT, Duration::from_millis(1));
        hosts::settle();
        let stopped = Instant::now();
        held.signal(Signal::SIGSTOP);
        let after = stream.first_arrival_after(stopped);
        println!("SIGSTOP of `net block` to first frame: {after:?}");
        assert!(after < Duration::from_secs(1), "{after:?}");
        held.signal(Signal::SIGCONT);
        let (code, out, said) = held.end();
        stream.stop();
        assert_eq!(code, Some(3), "{out} {said}");
        assert!(format!("{out}{said}").contains("heard nothing of siprig for 0.75 s"), "{out} {said}");
        assert_eq!(lab.tables(), "");
    });
}
