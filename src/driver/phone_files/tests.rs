use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use tokio::sync::mpsc::Receiver;

use super::*;
use crate::config::PutCommand;

const NAME: &str = "00085D237429.cfg";
const BASE: &str = "sip transaction timer: 4000\nsip line1 password: geheim\n";
const SET: &str = "sip line1 password: geheim\nsip transaction timer: 8000\n";

/// Two folders, and a writer between them.
struct Lab {
    place: tempfile::TempDir,
    writer: Option<Writer>,
    reports: Receiver<Report>,
}

fn notes(lab: &tempfile::TempDir) -> Notes<Rewritten> {
    Notes::at(lab.path().join("notes.json"))
}

fn settings() -> Settings {
    [("sip transaction timer".to_owned(), "8000".to_owned())].into()
}

impl Lab {
    fn new(served: impl Fn(PathBuf) -> Served) -> Self {
        let place = tempfile::tempdir().unwrap();
        for folder in ["base", "served"] {
            fs::create_dir(place.path().join(folder)).unwrap();
            fs::write(place.path().join(folder).join(NAME), BASE).unwrap();
        }
        let files = PhoneFiles { base: place.path().join("base"), served: served(place.path().join("served")) };
        let (sender, reports) = tokio::sync::mpsc::channel(100);
        let clock = RunClock::start();
        let work = Work {
            names: [("p1".into(), NAME.to_owned())].into(),
            place: Place::new(files, Secrets::default(), clock.clone()),
            notes: Some(notes(&place)),
            written: BTreeMap::new(),
            clock,
            reports: sender,
        };
        work.place.ready().unwrap();
        let keeper = Keeper::start("test".to_owned(), move |orders| work.serve(orders)).unwrap();
        Self { place, writer: Some(Writer { keeper: Some(keeper) }), reports }
    }

    fn in_folder() -> Self {
        Self::new(Served::Folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn served(&self) -> String {
        fs::read_to_string(self.path("served").join(NAME)).unwrap_or_else(|error| error.kind().to_string())
    }

    /// Has the file written, and waits for what comes of it: how much is on top of the base set then, and why not.
    fn write(&mut self, settings: Settings) -> (usize, Option<FileFlaw>) {
        assert!(self.writer.as_ref().unwrap().write(&"p1".into(), 1, settings));
        let report = self.reports.blocking_recv().unwrap();
        let Observed::PhoneFileWritten { phone, sequence: Some(1), file, settings, flaw } = report.observed else {
            panic!("not of this order: {:?}", report.observed)
        };
        assert_eq!((phone.0.as_str(), file.as_str()), ("p1", NAME));
        (settings.len(), flaw)
    }

    /// Whether a note is there, and says that it was written back.
    fn noted(&self) -> Option<bool> {
        notes(&self.place).read().unwrap().get(&"p1".into()).map(|left| left.back)
    }

    /// The run ends; what is told of that.
    fn end(&mut self) -> usize {
        drop(self.writer.take());
        std::iter::from_fn(|| self.reports.try_recv().ok()).count()
    }
}

#[test]
fn settings_are_put_on_top_of_the_base_set_and_taken_away() {
    let mut lab = Lab::in_folder();
    fs::set_permissions(lab.path("served").join(NAME), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(lab.write(settings()), (1, None));
    assert_eq!((lab.served(), lab.noted()), (SET.to_owned(), Some(false)));
    let mode = fs::metadata(lab.path("served").join(NAME)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640, "whoever may read it may do so still, and nobody else");
    assert_eq!(lab.write(settings()), (1, None));
    let more = [("sip transaction timer".to_owned(), "16000".to_owned())].into();
    assert_eq!(lab.write(more), (1, None), "from one set to another");
    assert_eq!(lab.write(Settings::new()), (0, None));
    assert_eq!((lab.served(), lab.noted()), (BASE.to_owned(), Some(true)), "the phone goes by it until it boots");
    assert!(lab.writer.as_ref().unwrap().settle(&"p1".into()));
    assert_eq!((lab.end(), lab.noted()), (0, None));
    let left: Vec<_> = lab.path("served").read_dir().unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, [NAME], "nothing beside it");
}

#[test]
fn what_is_left_is_written_back_when_the_run_ends_and_noted_until_the_phone_boots() {
    let mut lab = Lab::in_folder();
    lab.write(settings());
    assert!(lab.writer.as_ref().unwrap().settle(&"p1".into()), "too early, and without effect");
    assert_eq!(lab.end(), 1);
    assert_eq!((lab.served(), lab.noted()), (BASE.to_owned(), Some(true)));
}

#[test]
fn a_file_that_the_base_set_has_not_is_there_only_as_long_as_it_is_needed() {
    let mut lab = Lab::in_folder();
    for folder in ["base", "served"] {
        fs::remove_file(lab.path(folder).join(NAME)).unwrap();
    }
    assert_eq!(lab.write(settings()), (1, None));
    assert_eq!(lab.served(), "sip transaction timer: 8000\n");
    let mode = fs::metadata(lab.path("served").join(NAME)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "its server is another user");
    assert_eq!((lab.write(Settings::new()), lab.served().as_str()), ((0, None), "entity not found"));
}

#[test]
fn what_somebody_else_has_changed_stays_as_it_is() {
    let mut lab = Lab::in_folder();
    fs::write(lab.path("served").join(NAME), "sip transaction timer: 5000\n").unwrap();
    let (on_top, flaw) = lab.write(settings());
    assert_eq!((on_top, flaw.map(|flaw| flaw.fault)), (0, Some(FileFault::Differs)));
    assert_eq!((lab.served().as_str(), lab.noted()), ("sip transaction timer: 5000\n", None));
    // The same in the middle of a run.
    fs::write(lab.path("served").join(NAME), BASE).unwrap();
    lab.write(settings());
    fs::write(lab.path("served").join(NAME), "sip transaction timer: 5000\n").unwrap();
    let (on_top, flaw) = lab.write(Settings::new());
    assert_eq!((on_top, flaw.map(|flaw| flaw.fault)), (1, Some(FileFault::Differs)));
    assert_eq!((lab.end(), lab.served().as_str()), (1, "sip transaction timer: 5000\n"));
    assert_eq!(lab.noted(), Some(false), "whoever comes next finds it, and says so");
}

#[test]
fn files_in_which_nothing_can_be_set_are_told_apart_from_those_that_can_not_be_had() {
    let mut lab = Lab::in_folder();
    let fault = |lab: &mut Lab| lab.write(settings()).1.map(|flaw| flaw.fault);
    fs::write(lab.path("base").join(NAME), b"\xff\xfea\0").unwrap();
    assert_eq!(fault(&mut lab), Some(FileFault::Unfit));
    fs::write(lab.path("base").join(NAME), BASE).unwrap();
    fs::write(lab.path("base/00085D237429.tuz"), "x").unwrap();
    assert_eq!(fault(&mut lab), Some(FileFault::Unfit), "a phone prefers what is encrypted");
    fs::remove_file(lab.path("base/00085D237429.tuz")).unwrap();
    fs::remove_file(lab.path("base").join(NAME)).unwrap();
    fs::create_dir(lab.path("base").join(NAME)).unwrap();
    assert_eq!(fault(&mut lab), Some(FileFault::Failed));
    assert_eq!((lab.served().as_str(), lab.noted(), lab.end()), (BASE, None, 0));
}

#[test]
fn whichever_of_two_is_there_after_a_failure_is_written_back() {
    let mut lab = Lab::in_folder();
    lab.write(settings());
    // The second can not be written: what is beside the file is in the way.
    let beside = lab.path("served/00085D237429.siprig-new");
    fs::create_dir(&beside).unwrap();
    let more = [("sip transaction timer".to_owned(), "16000".to_owned())].into();
    let (on_top, flaw) = lab.write(more);
    assert_eq!((on_top, flaw.map(|flaw| flaw.fault)), (1, Some(FileFault::Failed)));
    assert_eq!(lab.served(), SET, "the first is there still");
    let left = notes(&lab.place).read().unwrap().remove(&"p1".into()).unwrap();
    assert_eq!((left.settings.len(), left.before), (1, vec![settings()]), "both are noted");
    fs::remove_dir(&beside).unwrap();
    assert_eq!((lab.end(), lab.served().as_str()), (1, BASE));
}

#[test]
fn nothing_is_written_that_could_not_be_noted() {
    let mut lab = Lab::in_folder();
    fs::write(lab.path("notes.json"), "{}").unwrap();
    let (on_top, flaw) = lab.write(settings());
    assert_eq!((on_top, flaw.map(|flaw| flaw.fault)), (0, Some(FileFault::Failed)));
    assert_eq!(lab.served(), BASE);
}

#[test]
fn a_command_is_given_the_file_and_its_name() {
    let put = |script: &'static str| {
        move |served: PathBuf| {
            let script = script.replace("SERVED", &served.to_string_lossy());
            let words = ["/bin/sh", "-c", &script, "put", "{file}", "{name}"].map(str::to_owned).to_vec();
            Served::Put(PutCommand { command: words, limit: Duration::from_secs(10) })
        }
    };
    let mut lab = Lab::new(put("cp \"$1\" SERVED/\"$2\""));
    assert_eq!((lab.write(settings()), lab.served().as_str()), ((1, None), SET));
    assert_eq!((lab.end(), lab.served().as_str()), (1, BASE));
    let mut lab = Lab::new(put("echo no room >&2; exit 3"));
    let (on_top, flaw) = lab.write(settings());
    let flaw = flaw.unwrap();
    assert_eq!((on_top, flaw.fault), (1, FileFault::Failed), "it may be half done");
    assert!(flaw.reason.contains("no room") && !flaw.reason.contains("geheim"), "{flaw:?}");
}
