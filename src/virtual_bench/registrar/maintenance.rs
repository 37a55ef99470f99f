//! The exchange's own command: whether registrations are distributed, read and changed as at its maintenance prompt. Each server
//! is asked by a socket beside its file, and says what it does; what it is told it keeps there, as one that starts again reads it.
//! Invented: the manual names `extension_registration_distribution` and how it is switched on, and not what answers it.

use std::{
    ffi::{OsStr, OsString},
    io::{self, BufRead, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::ExitCode,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream as Stream},
    sync::{mpsc, oneshot},
};

use super::{Registrar, RegistrarSpec};
use crate::virtual_bench::process::ProcessError;

/// The setting that can be changed.
pub const DISTRIBUTION: &str = "distribution";

/// Its states, as they are said and answered.
pub const STATES: [(&str, bool); 2] = [("off", false), ("on", true)];

/// More than anybody has to say.
const LONGEST: u64 = 200;

/// Where a server is asked, beside the file that it was started with.
pub fn socket(spec: &Path) -> PathBuf {
    spec.with_extension("maintenance")
}

/// Somebody asks, and waits for the answer.
#[derive(Debug)]
pub(super) struct Question {
    asked: String,
    answer: oneshot::Sender<String>,
}

impl Question {
    /// Does what is asked for, and answers.
    pub(super) fn obey(self, registrar: &mut Registrar, spec: &Path) {
        let answer = obey(&self.asked, registrar, |changed| keep(changed, spec));
        // Whoever asked may not have waited.
        let _ = self.answer.send(answer);
    }
}

/// `distribution` asks, `distribution on` changes it first; the answer is `on` or `off`, or what is wrong.
fn obey(asked: &str, registrar: &mut Registrar, keep: impl FnOnce(&RegistrarSpec) -> io::Result<()>) -> String {
    let mut words = asked.split_whitespace();
    if words.next() != Some(DISTRIBUTION) {
        return format!("a server knows of {DISTRIBUTION}, and not of `{asked}`");
    }
    if let Some(word) = words.next() {
        let Some((_, on)) = STATES.into_iter().find(|(state, _)| *state == word) else {
            return format!("{DISTRIBUTION} can not be `{word}`");
        };
        registrar.distribute(on);
        if let Err(error) = keep(registrar.spec()) {
            return format!("it will be forgotten: {error}");
        }
    }
    let on = registrar.distribution();
    STATES.into_iter().find(|(_, state)| *state == on).map_or("", |(word, _)| word).to_owned()
}

fn keep(spec: &RegistrarSpec, file: &Path) -> io::Result<()> {
    std::fs::write(file, serde_json::to_vec(spec)?)
}

/// Listens at the socket beside a file, as long as somebody takes the questions.
pub(super) fn listen(spec: &Path) -> Result<mpsc::UnboundedReceiver<Question>, ProcessError> {
    let path = socket(spec);
    // One that was stopped leaves its own behind.
    let _ = std::fs::remove_file(&path);
    let listener =
        UnixListener::bind(&path).map_err(ProcessError::in_the_way_of(format!("listen at {}", path.display())))?;
    let (questions, inbox) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(ask(stream, questions.clone()));
        }
    });
    Ok(inbox)
}

async fn ask(stream: Stream, questions: mpsc::UnboundedSender<Question>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut asked = String::new();
    (&mut stream).take(LONGEST).read_line(&mut asked).await?;
    let (answer, answered) = oneshot::channel();
    let _ = questions.send(Question { asked: asked.trim().to_owned(), answer });
    if let Ok(answer) = answered.await {
        stream.get_mut().write_all(format!("{answer}\n").as_bytes()).await?;
    }
    Ok(())
}

/// The command: `siprig internal maintenance SETTING [STATE] SOCKET…`. It prints what all servers answer; where they do not
/// answer the same, or one does not answer, the exit code is 1.
pub fn main(args: &[OsString]) -> ExitCode {
    match run(args) {
        Ok(answer) => {
            // Nobody is left to be told if standard output is gone.
            let _ = writeln!(io::stdout(), "{answer}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            let _ = writeln!(io::stderr(), "{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[OsString]) -> Result<String, String> {
    let (sockets, words): (Vec<&OsString>, Vec<&OsString>) =
        args.iter().partition(|word| word.to_string_lossy().contains('/'));
    let words: Vec<_> = words.into_iter().map(|word| word.to_string_lossy()).collect();
    let question = format!("{}\n", words.join(" "));
    let mut said: Option<String> = None;
    for socket in sockets {
        let name = Path::new(socket).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let answer = answer(socket, &question).map_err(|error| format!("server {name} does not answer: {error}"))?;
        if STATES.iter().all(|(state, _)| *state != answer) {
            return Err(format!("server {name}: {answer}"));
        }
        match &said {
            Some(before) if *before != answer => return Err(format!("the servers differ: {name} says {answer}")),
            _ => said = Some(answer),
        }
    }
    said.ok_or_else(|| "no server is named".to_owned())
}

fn answer(socket: &OsStr, question: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(question.as_bytes())?;
    let mut answer = String::new();
    io::BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}
