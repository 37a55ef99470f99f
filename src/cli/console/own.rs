//! A run that the console begins itself: `siprig run` in a process of its own, which ends with the console however that ends.

use std::{
    path::PathBuf,
    process::{ExitCode, Stdio},
    time::Duration,
};

use nix::{
    sys::{
        prctl::set_pdeathsig,
        signal::{Signal, kill},
    },
    unistd::Pid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    task::JoinHandle,
};

use super::{ConsoleArgs, attach::Attached, unexpected};
use crate::{
    cli::{error::UserError, exit::Exit, run, state},
    driver::clock::RunClock,
    journal::RunDir,
    report,
};

/// How long a run that was asked to end may take for it, before it is asked to hurry.
const GOOD_ORDER: Duration = Duration::from_secs(10);
/// How much of what it says is kept.
const MOST: u64 = 4 << 20;

/// The run's process.
pub(super) struct Own {
    child: Child,
    /// Names the directory of the run, once there is one.
    announcement: PathBuf,
    told: JoinHandle<String>,
}

/// Begins it.
///
/// # Errors
/// If there can be no such process.
pub(super) async fn begin(args: &ConsoleArgs) -> Result<Attached, UserError> {
    let announcement = state::directory()?.join(format!("console-{}.run", std::process::id()));
    let _ = std::fs::remove_file(&announcement);
    let program = std::env::current_exe().map_err(|error| unexpected("find siprig's own program", &error))?;
    let mut command = Command::new(program);
    command.arg("run").args(&args.scenarios).arg("--announce").arg(&announcement);
    command.arg("--report-dir").arg(&args.report_dir);
    if let Some(bench) = &args.bench.bench {
        command.arg("--bench").arg(bench);
    }
    for change in &args.bench.overrides {
        command.arg("--set").arg(change.to_string());
    }
    // Whoever began it here is here.
    command.arg("--attended");
    if args.allow_link_down {
        command.arg("--allow-link-down");
    }
    if !args.phones.is_empty() {
        command.arg("--phones").arg(args.phones.join(","));
    }
    // Its closing table is made anew for this terminal.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // SAFETY: prctl(2) alone is called between fork and exec, which is async-signal-safe.
    unsafe {
        command.pre_exec(|| set_pdeathsig(Signal::SIGTERM).map_err(Into::into));
    }
    let mut child = command.spawn().map_err(|error| unexpected("begin a run", &error))?;
    let told = listen(child.stderr.take());
    Ok(Attached::of(Own { child, announcement, told }))
}

/// Keeps what is said, to the end.
fn listen(pipe: Option<impl AsyncRead + Send + Unpin + 'static>) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut text = Vec::new();
        if let Some(pipe) = pipe {
            // What can not be read was not said.
            let _ = pipe.take(MOST).read_to_end(&mut text).await;
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}

impl Own {
    /// Its directory, once there is one.
    pub(super) fn run_dir(&self) -> Option<RunDir> {
        let path = std::fs::read_to_string(&self.announcement).ok()?;
        RunDir::open(&PathBuf::from(path)).ok()
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_some())
    }

    /// Ends it in good order, and tells what it came to.
    pub(super) async fn end(mut self, left: Exit) -> Result<ExitCode, UserError> {
        let clock = RunClock::start();
        let ask = |child: &Child| {
            if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            }
        };
        if !self.has_ended() {
            ask(&self.child);
        }
        let ended = loop {
            tokio::select! {
                ended = self.child.wait() => break ended,
                () = clock.wait(Some(clock.now() + GOOD_ORDER)) => ask(&self.child),
            }
        };
        let run_dir = self.run_dir();
        let _ = std::fs::remove_file(&self.announcement);
        let told = self.told.await.unwrap_or_default();
        // Progress was shown; what is left to be told is what it ends with, and why there was no run.
        let error = told.lines().skip_while(|line| !line.starts_with("error")).collect::<Vec<_>>().join("\n");
        let code = ended.ok().and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
        if !error.is_empty() {
            use std::io::Write;
            let _ = writeln!(anstream::stderr(), "{error}");
        }
        // Nobody is left to be told where the terminal is gone.
        if let Some(run_dir) = run_dir.filter(|_| left == Exit::Success) {
            let story = report::load(run_dir.path())?;
            run::show(&story, &run_dir, false, Exit::of_run(&story.cases(), story.stopped_by.as_deref(), false))?;
        }
        // A run that its operator has ended by leaving is no failure of anything.
        Ok(match (left, code) {
            (Exit::Success, Some(143)) => Exit::Success.into(),
            (Exit::Success, Some(code)) => ExitCode::from(code),
            // It was killed.
            (Exit::Success, None) => Exit::Rig.into(),
            (left, _) => left.into(),
        })
    }
}
