//! A controller, phones and registrars that stand in for the real ones, so that the lab around them can be tested:
//! the controller is a shell script, phones call registrars, and registrars answer.
//!
//! `lab-stand-in run SCRIPT` runs the script in a virtual bench of its own, `lab-stand-in virtual` the bench alone.
//! With `LAB_REAL` set, phones and registrars are the real simulated ones. The script finds the bench file in `$1`, and beside it `p1.carrier` (0 or 1) and, once answered, `p1.answered`.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "only tests run it")]

use std::{
    ffi::OsString,
    fs,
    net::UdpSocket,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, ExitCode},
    time::Duration,
};

use siprig::virtual_bench::{Description, lab_main, launch, standalone};

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let words: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
    let description =
        std::env::var("LAB").map_or_else(|_| Description::default(), |text| Description::from_text(&text).unwrap());
    let rig = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/rig"));
    let ended = match words[..] {
        ["internal", ..] if std::env::var_os("LAB_REAL").is_some() => return lab_main(&args[1..]),
        ["internal", "phone", spec] => call(Path::new(spec)),
        ["internal", "registrar", _] => answer(),
        ["internal", ..] => return lab_main(&args[1..]),
        ["run", script] => launch(&description, rig, &[OsString::from("script"), script.into()]),
        ["script", script, "--bench", file] => {
            panic!("{}", Command::new("sh").args(["-c", script, "script", file]).exec())
        }
        ["virtual"] => standalone(&description, rig),
        _ => return ExitCode::from(2),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// A phone: says whether it has a link, calls its registrar, notes an answer.
fn call(spec: &Path) -> ! {
    let socket = UdpSocket::bind("0.0.0.0:5060").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    println!("ready");
    loop {
        fs::write(spec.with_extension("carrier"), if has_carrier() { "1" } else { "0" }).unwrap();
        let _ = socket.send_to(b"are you there?", "10.77.0.2:5060");
        if socket.recv(&mut [0; 64]).is_ok() {
            fs::write(spec.with_extension("answered"), "yes").unwrap();
        }
    }
}

fn has_carrier() -> bool {
    let socket = siprig::virtual_bench::namespace::control_socket().unwrap();
    // SAFETY: an `ifreq` is plain data; SIOCGIFFLAGS fills it in while it lives.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"eth0") {
            *to = *from as libc::c_char;
        }
        assert_eq!(libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&socket), libc::SIOCGIFFLAGS, &raw mut request), 0);
        libc::c_int::from(request.ifr_ifru.ifru_flags) & libc::IFF_RUNNING != 0
    }
}

/// A registrar: answers whatever comes.
fn answer() -> ! {
    let socket = UdpSocket::bind("0.0.0.0:5060").unwrap();
    println!("ready");
    loop {
        let (_, from) = socket.recv_from(&mut [0; 64]).unwrap();
        socket.send_to(b"yes", from).unwrap();
    }
}
